"""What files add to the house."""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

from app.files import queries, service, timeline
from app.kernel.module import Module, Moves, PersonalData, PersonPanel, TimelineSource


def _panel(workspace_id: UUID, contact_id: UUID) -> dict[str, Any]:
    return {"files": queries.list_files(workspace_id, contact_id), "most": service.MAX_OCTETS >> 20}


def _export(workspace_id: UUID, contact_id: UUID) -> list[dict[str, Any]]:
    found = [
        queries.get_file(workspace_id, contact_id, file.id, whole=True)
        for file in queries.list_files(workspace_id, contact_id)
    ]
    return [
        {"file": file.name, "at": file.created_at.isoformat(), "base64": base64.b64encode(file.content).decode()}
        for file in found
    ]


MODULE = Module(
    "files",
    blueprints=("app.files.pages:blueprint",),
    timeline_sources=(TimelineSource("file", "Files", timeline.entries),),
    person_panels=(PersonPanel("files", "files/panel.html", _panel, order=80),),
    personal_data=(PersonalData("files", ("contact_files",), _export, service.erase),),
    merging=(Moves("contact_files"),),
)
