"""What this domain adds to the house."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.consent.events import Objected, Suppressed, Withdrawn
from app.content import service as content
from app.delivery import (
    counting,
    highwater,
    journal,
    metrics,
    outlets,
    pump,
    queries,
    schedule,
    segment_fields,
    service,
    timeline,
    trials,
)
from app.delivery.service import pacing
from app.kernel import health
from app.kernel.db import release, transaction
from app.kernel.jobs import Job
from app.kernel.module import Module, Moves, PersonalData, TimelineSource
from app.tracking import service as tracking

if TYPE_CHECKING:
    from flask import Flask


def _configure(app: Flask) -> None:
    settings = app.config["NOD"]
    outlets.configure(settings.smtp_url)
    trials.configure(settings.url)
    journal.configure(journal.folder_for(settings.data_dir, settings.database_url))
    highwater.configure(settings.data_dir)
    metrics.register()
    health.warn_with("delivery", queries.late_words)
    health.warn_with("delivery.restores", queries.restore_words)
    tracking.set_resolver(queries.recipients_of)
    content.set_wire(service.specimen_for)


def _sweep() -> None:
    with transaction():
        pacing.sweep()
    release()


def _export(workspace_id: UUID, contact_id: UUID) -> list[dict[str, Any]]:
    return [
        {
            "mail": found.title or found.name,
            "state": found.state.value,
            "wished_at": found.created_at.isoformat(),
            "ended_at": found.done_at.isoformat() if found.done_at else None,
            "answer": found.reply,
        }
        for found in queries.messages_of(workspace_id, contact_id, limit=100_000)
    ]


MODULE = Module(
    "delivery",
    cli=("app.delivery.cli:group", "app.delivery.cli:send"),
    handlers={
        Withdrawn: (counting.on_left,), Objected: (counting.on_left,), Suppressed: (counting.on_suppressed,),
    },
    jobs=(
        Job("delivery.reap", pump.reap, every_seconds=10),
        Job("delivery.sweep", _sweep, every_seconds=600),
        Job(counting.JOB, counting.run, every_seconds=10),
        Job(service.SCHEDULE, schedule.run, every_seconds=1, is_rung=True),
    ),
    system_mails=(trials.LETTER_TEST,),
    timeline_sources=(TimelineSource("mail", "Mails", timeline.entries),),
    personal_data=(PersonalData("delivery", ("messages",), _export, service.forget_person),),
    merging=(Moves("messages", ("mailing_no", "n"), settle=service.follow_reach),),
    segment_fields=segment_fields.FIELDS,
    on_install=_configure,
)
