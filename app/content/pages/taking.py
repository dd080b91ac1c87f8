"""Taking a picture in, from a form or from another web server; no transaction is open while it is drawn."""

from __future__ import annotations

from contextlib import closing
from typing import Final
from urllib.parse import unquote, urlsplit

from flask import request
from werkzeug.datastructures import FileStorage

from app.content import pictures
from app.content.models import Picture
from app.content.pages import blueprint
from app.content.service import pictures as service
from app.kernel import outgoing
from app.kernel.db import transaction
from app.kernel.errors import BadInput
from app.kernel.http.actor import current_actor
from app.kernel.http.uploads import take_files

MOST_FILES: Final = 10
MOST_OCTETS: Final = 50_000_000
"""Of all that is given at once; more than one picture may have, so that a large one is refused in words."""
SECONDS: Final = 8.0
"""For each step of another web server, and three times that for everything."""
_WITH_FILES: Final = frozenset({"content.add", "content.bring_picture", "content.upload"})


@blueprint.before_request
def _take_files() -> None:
    if request.endpoint in _WITH_FILES:
        take_files(MOST_OCTETS)


def count_given() -> int:
    """How many files this request brings."""
    return len(_files())


def taken_each() -> tuple[int, list[str]]:
    """Each file of this request, drawn anew and kept where it can be.

    Returns:
        How many were kept, and a sentence for each of the others.

    Raises:
        BadInput: too many at once; none was looked at.
    """
    files = _files()
    if len(files) > MOST_FILES:
        raise pictures.refused(f"These are {len(files)} pictures. Choose at most {MOST_FILES} at once.")
    faults = []
    for file in files:
        name, data = _read(file)
        try:
            _kept(name, data, "")
        except BadInput as fault:
            faults.append(f"{service.clean_name(name) or 'A picture'}: {fault.detail}")
    return len(files) - len(faults), faults


def taken(alt: str = "") -> Picture:
    """The one picture of this request, drawn anew and kept.

    Raises:
        BadInput: none was given, or it cannot be used; ``fields`` says what of it.
    """
    if files := _files():
        return _kept(*_read(files[0]), alt)
    url = request.form.get("url", "").strip()
    if not url:
        raise pictures.refused("Choose a picture.")
    try:
        return _kept(*_fetched(url), alt)
    except BadInput as fault:
        if "picture" not in fault.fields:
            raise
        raise type(fault)(fault.detail, fields={"url": fault.detail}) from None


def _kept(name: str, data: bytes, alt: str) -> Picture:
    actor = current_actor()
    service.clean_alt(alt)
    with transaction():
        known = service.find_known(actor.workspace_id, data, alt=alt)
    if known is not None:
        return known
    prepared = pictures.prepare(data)
    with transaction():
        return service.keep_picture(actor.workspace_id, name, prepared, alt=alt, by=actor.id)


def _files() -> list[FileStorage]:
    return [file for file in request.files.getlist("picture") if file.filename]


def _read(file: FileStorage) -> tuple[str, bytes]:
    with closing(file):
        # One octet more than allowed is read, so that a file that is too large is told from one that just fits.
        return file.filename or "", file.stream.read(pictures.OCTETS + 1)


def _fetched(url: str) -> tuple[str, bytes]:
    """From a public web server."""
    try:
        answer = outgoing.get(url, most=pictures.OCTETS, seconds=SECONDS)
    except outgoing.NotSent as fault:
        raise BadInput(str(fault), fields={"url": str(fault)}) from None
    if answer.status != 200:
        message = f"Its server answered {answer.status}. Take an address that opens without signing in."
        raise BadInput(message, fields={"url": message})
    return unquote(urlsplit(url).path), answer.body
