"""What preferences add to the house."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.consent.events import Confirmed
from app.delivery import service as delivery
from app.delivery.events import MessagesFinished
from app.kernel.db import transaction
from app.kernel.jobs import Job
from app.kernel.module import Module, Moves, PersonalData
from app.preferences import bindings, data, digests, guardians, mails, moving, own_mails, reminding

if TYPE_CHECKING:
    from flask import Flask


def _configure(_: Flask) -> None:
    delivery.set_links(mails.links_of, mails.tokens_of)


def _purge() -> None:
    with transaction():
        data.purge_unconfirmed()
        guardians.forget_unanswered()
        moving.forget_old()


def _remind() -> None:
    with transaction():
        reminding.remind()


def _digest() -> None:
    with transaction():
        digests.send_due()


def _export(workspace_id: UUID, contact_id: UUID) -> dict[str, Any]:
    return {
        "guardians": guardians.export(workspace_id, contact_id),
        "addresses_wished_for": moving.export(workspace_id, contact_id),
    }


def _erase(workspace_id: UUID, contact_id: UUID) -> None:
    guardians.forget(workspace_id, contact_id)
    moving.forget(workspace_id, contact_id)


MODULE = Module(
    "preferences",
    blueprints=("app.preferences.pages:blueprint",),
    cli=("app.preferences.cli:group",),
    handlers={Confirmed: (bindings.welcome,), MessagesFinished: (bindings.keep_proof,)},
    jobs=(
        Job("preferences.purge", _purge, every_seconds=3600),
        Job("preferences.remind", _remind, every_seconds=300),
        Job("preferences.digest", _digest, every_seconds=300),
    ),
    personal_data=(PersonalData("preferences", ("address_changes", "guardians"), _export, _erase),),
    merging=(Moves("address_changes"), Moves("guardians", ("request_id",))),
    system_mails=(*mails.SYSTEM_MAILS, *own_mails.SYSTEM_MAILS),
    on_install=_configure,
)
