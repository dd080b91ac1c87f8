"""What this room adds to the house."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app.delivery.events import MessagesFinished
from app.kernel.db import transaction
from app.kernel.jobs import Job
from app.kernel.module import Module, Moves, PersonalData
from app.transactional import bindings, mails, queries, service


def _forget_old() -> None:
    has_more = True
    while has_more:
        with transaction():
            has_more = service.forget_old()


def _export(workspace_id: UUID, contact_id: UUID) -> list[dict[str, Any]]:
    return [
        {"asked_at": mail.created_at.isoformat(), "address": mail.address, "data": mail.data}
        for mail in queries.list_of_person(workspace_id, contact_id)
    ]


MODULE = Module(
    "transactional",
    blueprints=("app.transactional.pages:blueprint", "app.transactional.api:blueprint"),
    handlers={MessagesFinished: (bindings.forget_told,)},
    jobs=(Job("transactional.forget", _forget_old, every_seconds=3600),),
    system_mails=mails.SYSTEM_MAILS,
    personal_data=(PersonalData("transactional", ("transactional_mails",), _export, service.forget_person),),
    merging=(Moves("transactional_mails"),),
)
