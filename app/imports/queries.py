"""Reads about imports; every one within a workspace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from sqlalchemy import func, select

from app.imports.models import Import, ImportChange, ImportRow, ImportSlice
from app.kernel.db import session
from app.kernel.errors import NotFound


def get_import(workspace_id: UUID, import_id: UUID) -> Import:
    """One import.

    Raises:
        NotFound: none of this workspace.
    """
    query = select(Import).where(Import.workspace_id == workspace_id, Import.id == import_id)
    found = session().execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("This import is not here.")
    return found


def list_imports(workspace_id: UUID, limit: int = 50) -> Sequence[Import]:
    """The newest ones."""
    query = select(Import).where(Import.workspace_id == workspace_id).order_by(Import.created_at.desc())
    return session().execute(query.limit(limit)).scalars().all()


def progress(found: Import) -> tuple[int, int]:
    """How much of what it is at is done, and of how much: octets, rows, or people."""
    if found.state == "reading":
        return found.octets_read, max(found.octets, 1)
    if found.state == "undoing":
        left = select(func.count()).select_from(ImportChange).where(ImportChange.import_id == found.id)
        done = max(found.rows, 1)
        return done - min(session().execute(left).scalar_one(), done), done
    query = select(func.coalesce(func.sum(ImportSlice.last_n - ImportSlice.first_n + 1), 0)).where(
        ImportSlice.import_id == found.id, ImportSlice.counts.is_not(None)
    )
    return int(session().execute(query).scalar_one()), max(found.rows, 1)


def iter_left_out(import_id: UUID) -> Iterator[tuple[int, str, list[str]]]:
    """Rows that were left out: their number, why, and their cells as the file has them."""
    after, at_once = 0, 1000
    while True:
        query = (
            select(ImportRow.n, ImportRow.fault, ImportRow.cells)
            .where(ImportRow.import_id == import_id, ImportRow.fault.is_not(None), ImportRow.n > after)
            .order_by(ImportRow.n)
            .limit(at_once)
        )
        rows = session().execute(query).all()
        for n, fault, cells in rows:
            yield n, fault or "", cells or []
        if len(rows) < at_once:
            return
        after = rows[-1][0]
