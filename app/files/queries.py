"""Reads about files; every one within a workspace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import undefer

from app.files.models import File
from app.kernel.db import session
from app.kernel.errors import NotFound


def get_file(workspace_id: UUID, contact_id: UUID, file_id: UUID, *, whole: bool = False) -> File:
    """One file of a person; with ``whole`` its content, too.

    Raises:
        NotFound: none of this workspace with them.
    """
    query = select(File).where(
        File.workspace_id == workspace_id, File.contact_id == contact_id, File.id == file_id
    )
    if whole:
        query = query.options(undefer(File.content)).execution_options(populate_existing=True)
    found = session().execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("This file is not here.")
    return found


def list_files(
    workspace_id: UUID, contact_id: UUID, *, before: datetime | None = None, limit: int | None = None
) -> Sequence[File]:
    """Files of a person without what is in them, the newest first."""
    query = select(File).where(File.workspace_id == workspace_id, File.contact_id == contact_id)
    if before is not None:
        query = query.where(File.created_at < before)
    return session().execute(query.order_by(File.created_at.desc(), File.id.desc()).limit(limit)).scalars().all()


def sizes(workspace_id: UUID, contact_id: UUID) -> tuple[int, int]:
    """How many files a person has, and how many octets they take."""
    query = select(func.count(), func.coalesce(func.sum(File.octets), 0)).where(
        File.workspace_id == workspace_id, File.contact_id == contact_id
    )
    count, octets = session().execute(query).one()
    return int(count), int(octets)
