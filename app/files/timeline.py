"""What a person's page tells of the files with them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.files import queries
from app.kernel.module import TimelineEntry


def entries(workspace_id: UUID, contact_id: UUID, before: datetime | None, limit: int) -> list[TimelineEntry]:
    """Files, the newest first."""
    return [
        TimelineEntry(at=file.created_at, icon="download", title="File put here", detail=file.name)
        for file in queries.list_files(workspace_id, contact_id, before=before, limit=limit)
    ]
