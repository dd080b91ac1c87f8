"""What a person's page tells of the notes about them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.accounts import queries as accounts
from app.kernel.errors import NotFound
from app.kernel.module import TimelineEntry
from app.notes import queries
from app.notes.models import Note


def entries(workspace_id: UUID, contact_id: UUID, before: datetime | None, limit: int) -> list[TimelineEntry]:
    """Notes, newest first, each with who wrote it."""
    notes = queries.list_notes(workspace_id, contact_id, before=before, limit=limit)
    names = {user_id: author(user_id) for user_id in {note.user_id for note in notes}}
    return [_entry(note, names[note.user_id]) for note in notes]


def author(user_id: UUID) -> str:
    """The name of who wrote a note; users who left keep theirs."""
    try:
        return accounts.get_user(user_id).name
    except NotFound:
        return "somebody who left"


def _entry(note: Note, name: str) -> TimelineEntry:
    return TimelineEntry(
        at=note.created_at,
        icon="note",
        title=f"Note by {name}" + (", changed since" if note.changed_at else ""),
        detail=note.body,
        reference=str(note.id),
        page={"endpoint": "notes.show", "note_id": str(note.id)},
    )
