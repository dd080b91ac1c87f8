"""What forms add to the house."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.accounts.events import WorkspaceCreated
from app.consent.events import Confirmed, Erased
from app.forms import bindings, intake, mails, queries, service
from app.kernel.db import transaction
from app.kernel.jobs import Job
from app.kernel.module import MenuItem, Module, Moves, PersonalData
from app.preferences import service as preferences

if TYPE_CHECKING:
    from flask import Flask


def _forget() -> None:
    with transaction():
        service.forget_unconfirmed()


def _install(_app: Flask) -> None:
    preferences.say_in_welcome(mails.welcome_words)


def _export(workspace_id: UUID, contact_id: UUID) -> list[dict[str, Any]]:
    return [
        {"form": str(row.form_id), "sent_at": row.created_at.isoformat(), "values": row.values}
        for row in queries.list_submissions(workspace_id, contact_id)
    ]


MODULE = Module(
    "forms",
    blueprints=("app.forms.pages:blueprint",),
    handlers={
        WorkspaceCreated: (bindings.make_first_form,),
        Confirmed: (bindings.take_over,),
        Erased: (bindings.forget,),
    },
    jobs=(
        Job("forms.forget", _forget, every_seconds=3600),
        Job(intake.JOB, intake.take_all, every_seconds=5, is_rung=True),
    ),
    menu=(MenuItem("Forms", "forms.index", "forms", "forms.read", 30),),
    system_mails=mails.SYSTEM_MAILS,
    merging=(Moves("submissions"),),
    on_install=_install,
    personal_data=(PersonalData("forms", ("submissions",), _export, service.forget_person),),
)
