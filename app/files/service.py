"""The verbs of files. They stand in PostgreSQL, so a backup has them and an erasure reaches them."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath
from typing import Final
from uuid import UUID

from sqlalchemy import delete

from app.contacts import queries as contacts
from app.files import queries
from app.files.models import File
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import BadInput
from app.kernel.ids import uuid7

MAX_OCTETS: Final = 5 * 1024 * 1024
MAX_TOTAL: Final = 20 * 1024 * 1024
"""Of one person: whoever asks for their data gets all of it in one piece."""
MAX_FILES: Final = 20
MAX_NAME: Final = 120
UNNAMED: Final = "file"


def add(workspace_id: UUID, contact_id: UUID, name: str, content: bytes, *, by: UUID) -> File:
    """Put a file with a person.

    Args:
        workspace_id: whose person.
        contact_id: with whom.
        name: what it was called where it came from; folders and what cannot be printed are left out.
        content: 1 to ``MAX_OCTETS`` octets of any kind; nothing here opens it.
        by: the user who puts it there.

    Raises:
        NotFound: no such person here.
        Conflict: the person was erased, or merged into somebody.
        BadInput: ``file`` is empty or too large, or they have too many.
    """
    contacts.get_living(workspace_id, contact_id)
    if not content:
        raise BadInput(fields={"file": "Choose a file that has something in it."})
    count, octets = queries.sizes(workspace_id, contact_id)
    if len(content) > MAX_OCTETS:
        raise BadInput(fields={"file": f"Choose a file of at most {MAX_OCTETS >> 20} MB."})
    if count >= MAX_FILES or octets + len(content) > MAX_TOTAL:
        words = f"A person has {MAX_FILES} files and {MAX_TOTAL >> 20} MB at most. Delete one first."
        raise BadInput(fields={"file": words})
    made = File(
        id=uuid7(), workspace_id=workspace_id, contact_id=contact_id, user_id=by, name=clean_name(name),
        octets=len(content), content=content, created_at=clock.now(),
    )  # fmt: skip
    session().add(made)
    session().flush()
    return made


def clean_name(raw: str) -> str:
    """The last part of a path without what cannot be printed, at most ``MAX_NAME`` characters, its ending kept.

    Args:
        raw: what a browser or another program calls the file.
    """
    last = unicodedata.normalize("NFC", raw).replace("\\", "/").rpartition("/")[2]
    name = "".join(one for one in last if one.isprintable()).strip(" .")
    if len(name) > MAX_NAME:
        ending = PurePosixPath(name).suffix[:12]
        name = name[: MAX_NAME - len(ending)] + ending
    return name or UNNAMED


def remove(workspace_id: UUID, contact_id: UUID, file_id: UUID) -> None:
    """Delete a file for good.

    Raises:
        NotFound: no such file here.
    """
    session().delete(queries.get_file(workspace_id, contact_id, file_id))
    session().flush()


def erase(workspace_id: UUID, contact_id: UUID) -> None:
    """All files of a person."""
    session().execute(delete(File).where(File.workspace_id == workspace_id, File.contact_id == contact_id))
