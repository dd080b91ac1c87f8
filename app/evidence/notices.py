"""The brand's privacy notice, read where it stands, so that each question names the words that held when it was put."""

from __future__ import annotations

import re
from datetime import timedelta
from email.message import Message
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.accounts import queries as accounts
from app.accounts import service as accounts_service
from app.accounts.rules.acts import By
from app.consent import service as consent
from app.evidence.models import PrivacyNotice
from app.kernel import clock, jobs, outgoing
from app.kernel.db import session, transaction
from app.kernel.errors import BadInput, Conflict

JOB: Final = "evidence.notices"
EVERY: Final = timedelta(days=1)
AGAIN: Final = timedelta(hours=1)
MOST_OCTETS: Final = 2 * 1024 * 1024
MOST_CHARACTERS: Final = 200_000
FEWEST_WORDS: Final = 20
"""A page with fewer is written by scripts, or is none."""
_MAIN = re.compile(r"<main\b", re.IGNORECASE)
_MAIN_END = re.compile(r"</main\b", re.IGNORECASE)


class Unreadable(Exception):
    """The page holds no notice; the text says why, for people."""


def read_due() -> None:
    """Read every notice that is new or was not looked at for a day; no transaction is open meanwhile. A job."""
    with transaction():
        due = _due()
    for workspace_id, url, language in due:
        _read(workspace_id, url, language)


def read_soon(workspace_id: UUID) -> None:
    """Look at it now instead of at its next turn, also where words were pasted.

    Raises:
        Conflict: the brand names no notice.
    """
    _keep(workspace_id, _address(workspace_id), due_at=clock.now(), is_pasted=False)
    jobs.ring_job(JOB)


def paste(workspace_id: UUID, words: str, *, by: UUID) -> None:
    """Take the words from somebody who works here, for pages that cannot be read.

    Raises:
        BadInput: too few words or too many, in the field ``words``.
        Conflict: the brand names no notice.
    """
    url, brand = _address(workspace_id), accounts.brand(workspace_id)
    try:
        kept = _checked(words.replace("\r\n", "\n"))
    except Unreadable as fault:
        raise BadInput("This is no notice.", fields={"words": str(fault)}) from None
    text_id = consent.set_notice(workspace_id, url, brand.language, kept)
    now = clock.now()
    _keep(workspace_id, url, read_at=now, due_at=now, fault="", is_pasted=True)
    accounts_service.record(
        "privacy_notice.pasted", by=By("user", by), workspace_id=workspace_id, of=f"text:{text_id}"
    )


def words_of(answer: outgoing.Answer) -> str:
    """The words of a page: what its ``main`` element shows, or all of it; plain text as it is.

    Raises:
        Unreadable: it was not given, is no text, or holds hardly any words.
    """
    from app.content.service import text_of_page

    if answer.status != 200:
        raise Unreadable(f"The server answered {answer.status}.")
    kind = Message()
    kind["Content-Type"] = answer.content_type or "text/html"
    if kind.get_content_type() not in {"text/html", "application/xhtml+xml", "text/plain"}:
        raise Unreadable(f"It is no page of text, but {kind.get_content_type()}.")
    try:
        text = answer.body.decode(str(kind.get_param("charset") or "utf-8"), "replace")
    except (LookupError, UnicodeError):
        text = answer.body.decode("utf-8", "replace")
    if kind.get_content_type() != "text/plain":
        text = text_of_page(_main(text))
    return _checked(text)


def _main(page: str) -> str:
    """The ``main`` element, or all of it; each search reads the page once, however it was made."""
    begin = _MAIN.search(page)
    end = _MAIN_END.search(page, begin.end()) if begin else None
    return page[begin.start() : end.start()] if begin and end else page


def _checked(text: str) -> str:
    text = text.replace("\x00", "").encode(errors="replace").decode().strip()
    if len(text.split()) < FEWEST_WORDS:
        raise Unreadable("It holds hardly any words.")
    if len(text) > MOST_CHARACTERS:
        raise Unreadable(f"It is longer than {MOST_CHARACTERS:,} characters.")
    return text


def _due() -> list[tuple[UUID, str, str]]:
    known = {found.workspace_id: found for found in session().execute(select(PrivacyNotice)).scalars()}
    now = clock.now()
    return [
        (workspace.id, workspace.privacy_url, workspace.language)
        for workspace in accounts.list_workspaces()
        if workspace.privacy_url and _is_due(known.get(workspace.id), workspace.privacy_url, now)
    ]


def _is_due(found: PrivacyNotice | None, url: str, now: Any) -> bool:
    return found is None or found.url != url or (not found.is_pasted and found.due_at <= now)


def _read(workspace_id: UUID, url: str, language: str) -> None:
    fault = ""
    try:
        words = words_of(outgoing.get(url, most=MOST_OCTETS))
    except (Unreadable, outgoing.NotSent) as problem:
        words, fault = "", str(problem)[:300]
    with transaction():
        now = clock.now()
        if _is_pasted(workspace_id, url):
            return  # meanwhile, by somebody who did not want to wait
        if fault:
            _keep(workspace_id, url, due_at=now + AGAIN, fault=fault, is_pasted=False)
            return
        consent.set_notice(workspace_id, url, language, words)
        _keep(workspace_id, url, read_at=now, due_at=now + EVERY, fault="", is_pasted=False)


def _is_pasted(workspace_id: UUID, url: str) -> bool:
    query = select(PrivacyNotice).where(PrivacyNotice.workspace_id == workspace_id).with_for_update()
    found = session().execute(query).scalar_one_or_none()
    return found is not None and found.url == url and found.is_pasted


def _address(workspace_id: UUID) -> str:
    url = accounts.brand(workspace_id).privacy_url
    if not url:
        raise Conflict("Write first where your privacy notice stands, among the settings of the brand.")
    return url


def _keep(workspace_id: UUID, url: str, **values: Any) -> None:
    row = insert(PrivacyNotice).values(workspace_id=workspace_id, url=url, **values)
    session().execute(
        row.on_conflict_do_update(index_elements=["workspace_id"], set_={"url": url, **values}),
        execution_options={"synchronize_session": False},
    )
    session().expire_all()
