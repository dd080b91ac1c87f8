"""What merging adds to the house."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app.contacts import queries as contacts
from app.kernel.db import transaction
from app.kernel.jobs import Job
from app.kernel.module import Module, PersonalData, PersonPanel
from app.merging import queries, service


def _forget() -> None:
    count = service.FORGOTTEN_AT_ONCE
    while count == service.FORGOTTEN_AT_ONCE:
        with transaction():
            count = service.forget_old()


def _panel(workspace_id: UUID, contact_id: UUID) -> dict[str, Any]:
    merges = []
    for found in queries.list_merges(workspace_id, contact_id):
        known = contacts.list_addresses(workspace_id, [found.merged_id])
        merged = contacts.get_contact(workspace_id, found.merged_id)
        merges.append(
            {
                "id": found.id,
                "name": merged.name,
                "address": known[0].address if known else "",
                "at": found.merged_at,
                "why_not": queries.why_not_undone(workspace_id, found),
            }
        )
    return {"merges": merges}


MODULE = Module(
    "merging",
    blueprints=("app.merging.pages:blueprint", "app.merging.api:blueprint"),
    jobs=(Job("merging.forget", _forget, every_seconds=86_400),),
    person_panels=(PersonPanel("merging", "merging/panel.html", _panel, column="side", order=60),),
    personal_data=(
        PersonalData(
            "merging", ("merges", "different_people"), queries.export, service.forget_person
        ),
    ),
)
