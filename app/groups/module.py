"""What companies and households add to the house."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app.groups import queries, segment_fields, service
from app.groups.rules import Kind
from app.kernel.module import Module, Moves, PersonalData, PersonPanel


def _panel(workspace_id: UUID, contact_id: UUID) -> dict[str, Any]:
    found = queries.belonging(workspace_id, contact_id)
    of_kind = {one.kind: one for one in found if not one.is_guess}
    household = of_kind.get(Kind.HOUSEHOLD)
    others = queries.list_members(workspace_id, household.group_id).rows if household else []
    return {
        "company": of_kind.get(Kind.COMPANY),
        "household": household,
        "guess": next((one for one in found if one.is_guess), None),
        "others": [other for other in others if other.contact_id != contact_id],
    }


def _export(workspace_id: UUID, contact_id: UUID) -> dict[str, Any]:
    return {
        one.kind.value: {
            "name": one.name,
            "role": one.role,
            "since": one.joined_at.isoformat() if one.joined_at else None,
        }
        for one in queries.belonging(workspace_id, contact_id)
        if not one.is_guess
    }


MODULE = Module(
    "groups",
    blueprints=(
        "app.groups.pages:companies",
        "app.groups.pages:households",
        "app.groups.api:companies",
        "app.groups.api:households",
    ),
    person_panels=(PersonPanel("groups", "groups/panel.html", _panel, column="side", order=15),),
    personal_data=(PersonalData("groups", ("group_members",), _export, service.erase),),
    merging=(Moves("group_members", ("kind",)),),
    segment_fields=segment_fields.FIELDS,
)
