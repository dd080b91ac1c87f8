"""What tags add to the house."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app.kernel.db import transaction
from app.kernel.jobs import Job
from app.kernel.module import Module, Moves, PersonalData, PersonPanel
from app.tags import queries, segment_fields, service


def _panel(workspace_id: UUID, contact_id: UUID) -> dict[str, Any]:
    return {"tags": queries.tags_of(workspace_id, contact_id)}


def _export(workspace_id: UUID, contact_id: UUID) -> list[str]:
    return [word for _, word in queries.tags_of(workspace_id, contact_id)]


def _tidy() -> None:
    more = True
    while more:
        with transaction():
            more = service.tidy_some()


MODULE = Module(
    "tags",
    blueprints=("app.tags.pages:blueprint", "app.tags.api:blueprint"),
    jobs=(Job(service.JOB, _tidy, every_seconds=60),),
    person_panels=(PersonPanel("tags", "tags/panel.html", _panel, column="side", order=10),),
    personal_data=(PersonalData("tags", ("contact_tags",), _export, service.erase),),
    merging=(Moves("contact_tags", ("tag_id",)),),
    segment_fields=(segment_fields.own_fields,),
)
