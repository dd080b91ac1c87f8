"""The verbs of notes."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import delete

from app.contacts import queries as contacts
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import BadInput, Forbidden
from app.kernel.ids import uuid7
from app.notes import queries
from app.notes.models import Note

MAX_BODY: Final = 5_000


def write(workspace_id: UUID, contact_id: UUID, body: str, *, by: UUID) -> Note:
    """Write something down about a person.

    Args:
        workspace_id: whose person.
        contact_id: about whom.
        body: lines of text.
        by: the user who writes.

    Raises:
        NotFound: no such person here.
        Conflict: the person was erased, or merged into somebody.
        BadInput: it is empty or too long.
    """
    contacts.get_living(workspace_id, contact_id)
    made = Note(
        id=uuid7(), workspace_id=workspace_id, contact_id=contact_id, user_id=by, body=_body(body),
        created_at=clock.now(),
    )  # fmt: skip
    session().add(made)
    session().flush()
    return made


def change(workspace_id: UUID, contact_id: UUID, note_id: UUID, body: str, *, by: UUID) -> None:
    """Write one's own note anew; it keeps its place and says that it was changed.

    Raises:
        NotFound: no such note here.
        Forbidden: somebody else wrote it.
        BadInput: it is empty or too long.
    """
    note = queries.get_note(workspace_id, contact_id, note_id)
    if note.user_id != by:
        raise Forbidden("Somebody else wrote this note. Write one of your own beside it.")
    written = _body(body)
    if written != note.body:
        note.body, note.changed_at = written, clock.now()
        session().flush()


def remove(workspace_id: UUID, contact_id: UUID, note_id: UUID) -> None:
    """Delete a note for good.

    Raises:
        NotFound: no such note here.
    """
    session().delete(queries.get_note(workspace_id, contact_id, note_id))
    session().flush()


def erase(workspace_id: UUID, contact_id: UUID) -> None:
    """All that was written about a person."""
    session().execute(delete(Note).where(Note.workspace_id == workspace_id, Note.contact_id == contact_id))


def _body(raw: str) -> str:
    body = raw.strip()
    if not body or len(body) > MAX_BODY:
        raise BadInput(fields={"body": f"Write a note of at most {MAX_BODY:,} characters."})
    return body
