"""What notes add to the house."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app.kernel.module import Module, Moves, PersonalData, PersonPanel, TimelineSource
from app.notes import queries, service, timeline


def _panel(_workspace_id: UUID, _contact_id: UUID) -> dict[str, Any]:
    return {"most": service.MAX_BODY}


def _export(workspace_id: UUID, contact_id: UUID) -> list[dict[str, Any]]:
    return [
        {
            "note": note.body,
            "by": timeline.author(note.user_id),
            "at": note.created_at.isoformat(),
            "changed_at": note.changed_at.isoformat() if note.changed_at else None,
        }
        for note in queries.list_notes(workspace_id, contact_id)
    ]


MODULE = Module(
    "notes",
    blueprints=("app.notes.pages:blueprint",),
    timeline_sources=(TimelineSource("note", "Notes", timeline.entries),),
    person_panels=(PersonPanel("notes", "notes/panel.html", _panel, column="main", order=90),),
    personal_data=(PersonalData("notes", ("notes",), _export, service.erase),),
    merging=(Moves("notes"),),
)
