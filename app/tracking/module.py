"""What tracking adds to the house."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.consent.events import Confirmed, TrackingChanged
from app.consent.rules import Level
from app.kernel import clock
from app.kernel.jobs import Job
from app.kernel.module import Blends, Module, Moves, PersonalData, TimelineSource
from app.tracking import answers, jobs, links, merging, metrics, recorder, segment_fields, service, timeline
from app.tracking.answers import Answers
from app.tracking.front import Front
from app.tracking.links import LinkCache
from app.tracking.recorder import Recorder
from app.tracking.rules.hits import Kind
from app.tracking.rules.kinds import SignalKind
from app.tracking.service import Act, last_opens

if TYPE_CHECKING:
    from flask import Flask


FORM = "form"


def _configure(app: Flask) -> None:
    settings = app.config["NOD"]
    service.configure(settings.url)
    app.extensions[links.EXTENSION] = LinkCache()
    folder = recorder.folder_for(settings.data_dir, settings.database_url)
    app.extensions[recorder.EXTENSION] = Recorder(app, folder)
    app.extensions[answers.EXTENSION] = Answers(app)
    app.wsgi_app = Front(app, app.wsgi_app)  # type: ignore[method-assign]
    metrics.register()


def _on_tracking(event: TrackingChanged) -> None:
    # What the new level does not cover is not kept from before either.
    if event.level is not Level.DATE:
        last_opens.forget(event.workspace_id, event.contact_id)


def _on_confirmed(event: Confirmed) -> None:
    # What was chosen on a page of preferences is no act of its own.
    if event.form_id is not None:
        data = {"form": str(event.form_id)}
        act = Act(event.request_id, event.contact_id, FORM, clock.now(), data)
        service.record_acts(event.workspace_id, [act], are_new=True)  # a question is answered once


MODULE = Module(
    "tracking",
    blueprints=("app.tracking.pages:blueprint", "app.tracking.api:blueprint", "app.tracking.kind_pages:blueprint"),
    handlers={TrackingChanged: (_on_tracking,), Confirmed: (_on_confirmed,)},
    jobs=(
        Job("tracking.ingest", jobs.ingest, every_seconds=1),
        Job(jobs.ASSIST, jobs.assist),
        Job("tracking.forget", jobs.forget, every_seconds=3600),
        Job("tracking.statistics", jobs.gather_statistics, every_seconds=600),
    ),
    timeline_sources=(TimelineSource("reading", "What they did", timeline.entries),),
    personal_data=(PersonalData("tracking", ("signals", "last_opens", "mailing_orders"), timeline.export, service.erase),),
    merging=(
        Moves("signals", ("event_id", "at"), hold=merging.hold),
        Moves("mailing_orders", ("event_id",)),
        Blends(("last_opens",), merging.join, merging.part),
    ),
    signal_kinds=(
        SignalKind(Kind.OPEN, "Opened a letter", "eye", 1.0),
        SignalKind(Kind.CLICK, "Followed a link", "link", 3.0),
        SignalKind(FORM, "Confirmed a form", "forms"),
        SignalKind("visit", "Visited the website", "globe", 1.0, is_told=True, needs_tracking=True),
        SignalKind("order", "Ordered", "cart", 5.0, is_told=True),
        SignalKind("reply", "Replied to a letter", "mail", is_told=True),
        SignalKind("service", "Was in touch with service", "phone", is_told=True),
    ),
    segment_fields=(*segment_fields.FIELDS, segment_fields.acts),
    on_install=_configure,
)
