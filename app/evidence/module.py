"""What evidence adds to the house."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.consent import witnesses
from app.delivery.events import MessagesFinished
from app.evidence import bindings, exporting, mails, notices, service
from app.kernel.jobs import Job
from app.kernel.module import Module

if TYPE_CHECKING:
    from flask import Flask


def _configure(app: Flask) -> None:
    exporting.configure(app.config["NOD"].data_dir)
    witnesses.look_into(exporting.root())


MODULE = Module(
    "evidence",
    blueprints=("app.evidence.pages:blueprint", "app.evidence.api:blueprint"),
    handlers={MessagesFinished: (bindings.on_mail,)},
    jobs=(
        Job(service.EXPORT_JOB, exporting.export_due, every_seconds=60, is_rung=True),
        Job(notices.JOB, notices.read_due, every_seconds=60, is_rung=True),
    ),
    system_mails=(mails.SIGNED_DAYS,),
    on_install=_configure,
)
