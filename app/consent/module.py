"""What consent adds to the house."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.accounts.events import WorkspaceCreated
from app.consent import history, law, queries, seals, segment_fields, service
from app.consent.history import HistoryEntry
from app.consent.rules import Basis, By, IpPolicy, Kind, Word
from app.consent.service import merging, write
from app.kernel.db import transaction
from app.kernel.jobs import Job
from app.kernel.module import Blends, Module, Moves, PersonalData, Stays, TimelineEntry, TimelineSource

if TYPE_CHECKING:
    from flask import Flask

ICONS = {Word.YES: "yes", Word.ASKED: "asked", Word.NO: "no", Word.NEVER: "never"}


def _configure(app: Flask) -> None:
    settings = app.config["NOD"]
    seals.configure(settings.seal_key)
    service.configure(settings.hash_key)
    write.configure(settings.storage_country, IpPolicy(settings.keep_ip))
    law.configure(settings.mmdb)


def _on_workspace(event: WorkspaceCreated) -> None:
    service.define_purposes(event.workspace_id)


def _seal() -> None:
    seals.seal_now()


def _sign() -> None:
    seals.sign_day()


def _expire() -> None:
    with transaction():
        service.expire_requests()


def _lapse() -> None:
    count = service.SLICE
    while count == service.SLICE:
        with transaction():
            count = service.lapse()


def _purge() -> None:
    after: UUID | None = service.NOBODY
    while after is not None:
        with transaction():
            _, after = service.purge_proofs(after)


def _told(workspace_id: UUID, contact_id: UUID, before: datetime | None, limit: int) -> list[HistoryEntry]:
    """What a timeline tells, as many as asked for where there are so many: a shorter answer would end the page."""
    # That the question was mailed stands among a person's mails.
    mailed, size = {Kind.DOI_MAIL_SENT}, limit
    while True:
        found = history.list_history(workspace_id, contact_id, before=before, limit=size, without=mailed)
        # Of a merge the survivor's own event says the same.
        told = [entry for entry in found if not entry.body.get("into")]
        if len(told) >= limit or len(found) < size:
            return told[:limit]
        size *= 2


def _timeline(
    workspace_id: UUID, contact_id: UUID, before: datetime | None, limit: int
) -> list[TimelineEntry]:
    entries = []
    corrected = history.corrected(workspace_id, [contact_id])
    for entry in _told(workspace_id, contact_id, before, limit):
        detail = ", ".join(entry.interests)
        if entry.kind in {Kind.GRANTED, Kind.LAPSED}:
            ground = history.BASES[Basis(entry.body["basis"])]
            detail = " · ".join(part for part in (detail, f"by {entry.body['channel']}", ground) if part)
        elif entry.kind is Kind.CORRECTED:
            detail = " · ".join(part for part in (detail, entry.personal.get("detail", "")) if part)
        entries.append(
            TimelineEntry(
                at=entry.at,
                icon=ICONS[entry.word] if entry.word else "proof",
                title=entry.sentence,
                detail=detail,
                permission_state=entry.word.value if entry.word else None,
                reference=str(entry.event_id),
                can_be_wrong=entry.can_be_corrected and entry.event_id not in corrected,
            )
        )
    return entries


def _export(workspace_id: UUID, contact_id: UUID) -> list[dict[str, Any]]:
    return [
        {"event": entry.body, "personal": entry.personal}
        for entry in history.list_history(workspace_id, contact_id, limit=history.ALL)
    ]


def _erase(workspace_id: UUID, contact_id: UUID) -> None:
    # Whoever erases a person says so to the service first, with a name: then there is nothing left to do here.
    if not queries.is_forgotten(workspace_id, contact_id):
        service.erase(workspace_id, contact_id, by=By("system"))


MODULE = Module(
    "consent",
    cli=("app.consent.cli:group",),
    handlers={WorkspaceCreated: (_on_workspace,)},
    jobs=(
        Job("consent.seal", _seal, every_seconds=1),
        Job("consent.sign", _sign, every_seconds=3600),
        Job("consent.expire", _expire, every_seconds=300),
        Job("consent.lapse", _lapse, every_seconds=60),
        Job("consent.purge", _purge, every_seconds=86_400),
    ),
    timeline_sources=(TimelineSource("permission", "Permission", _timeline),),
    personal_data=(
        PersonalData(
            "consent",
            (
                "consent_events",
                "consent_personal",
                "consent_mails",
                "consent_requests",
                "permissions",
                "reach",
                "suppressions",
            ),
            _export,
            _erase,
        ),
    ),
    merging=(
        Moves("consent_requests"),
        Blends(("permissions", "reach"), merging.merge, merging.unmerge, merging.hold),
        Stays(
            ("consent_events", "consent_personal", "consent_mails", "suppressions"),
            "Nothing that was written down is changed. Who reads a person's history reads that of both entries.",
        ),
    ),
    segment_fields=(*segment_fields.FIELDS, segment_fields.interests),
    on_install=_configure,
)
