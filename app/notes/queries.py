"""Reads about notes; every one within a workspace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.kernel.db import session
from app.kernel.errors import NotFound
from app.notes.models import Note


def get_note(workspace_id: UUID, contact_id: UUID, note_id: UUID) -> Note:
    """One note about a person.

    Raises:
        NotFound: none of this workspace about them.
    """
    query = select(Note).where(
        Note.workspace_id == workspace_id, Note.contact_id == contact_id, Note.id == note_id
    )
    found = session().execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("This note is not here.")
    return found


def list_notes(
    workspace_id: UUID, contact_id: UUID, *, before: datetime | None = None, limit: int | None = None
) -> Sequence[Note]:
    """Notes about a person, the newest first."""
    query = select(Note).where(Note.workspace_id == workspace_id, Note.contact_id == contact_id)
    if before is not None:
        query = query.where(Note.created_at < before)
    return session().execute(query.order_by(Note.created_at.desc(), Note.id.desc()).limit(limit)).scalars().all()
