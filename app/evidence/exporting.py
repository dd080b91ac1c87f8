"""Signed days leave: each place gets those that it has not got, in order, until it has said yes."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

from sqlalchemy import select, update

from app.accounts import queries as accounts
from app.consent import proofs
from app.delivery import service as delivery
from app.evidence import rules
from app.evidence.document import day_of
from app.evidence.models import SealTarget
from app.evidence.rules import TargetKind
from app.kernel import clock, outgoing
from app.kernel.db import session, transaction

log = logging.getLogger(__name__)
MAIL: Final = "signed-days"
_folder: Path | None = None


def configure(data_dir: str) -> None:
    """Set the folder below which folders of signed days are made."""
    global _folder
    _folder = Path(data_dir) / "seals"


def root() -> Path:
    """The folder below which folders of signed days are made."""
    if _folder is None:
        raise RuntimeError("The folder for signed days is not configured.")
    return _folder


def export_due() -> None:
    """Bring every place that is due up to date; no transaction is open while the network is spoken to."""
    with transaction():
        due = select(SealTarget.id).where(SealTarget.due_at <= clock.now()).order_by(SealTarget.due_at)
        ids = list(session().execute(due).scalars())
    for target_id in ids:
        _export(target_id)


def arrived(target_id: UUID, last_day: date) -> None:
    """Write down that a place has got all days up to this one."""
    session().execute(
        update(SealTarget)
        .where(SealTarget.id == target_id)
        .values(last_day=last_day, last_success_at=clock.now(), faults=0, fault="", due_at=clock.now())
    )


def missed(target_id: UUID, words: str) -> None:
    """Write down that a place could not be reached, and when it is tried again."""
    target = session().execute(select(SealTarget).where(SealTarget.id == target_id)).scalar_one_or_none()
    if target is not None:
        target.faults += 1
        target.fault, target.due_at = words[:300], clock.now() + rules.pause_after(target.faults)


def _export(target_id: UUID) -> None:
    with transaction():
        target = session().execute(select(SealTarget).where(SealTarget.id == target_id)).scalar_one_or_none()
        if target is None:
            return
        days = [
            day_of(found)
            for found in proofs.list_signatures(target.workspace_id, target.last_day, rules.DAYS_AT_ONCE)
        ]
        if not days:
            # Signing goes on once a day; an hour later is soon enough.
            target.due_at = clock.now() + rules.PAUSES[3]
            return
        document = rules.days_document(target.workspace_id, accounts.brand(target.workspace_id).name, days)
        if target.kind == TargetKind.MAIL:
            _wish_for_mail(target, days)
            return
        kind, address = TargetKind(target.kind), target.address
    send = _ways()[kind]
    try:
        send(address, document)
    except (OSError, outgoing.NotSent) as fault:
        log.warning("signed days did not reach a %s: %s", kind, fault.__class__.__name__)
        words = (
            str(fault) if isinstance(fault, outgoing.NotSent) else (fault.strerror or "It cannot be written.")
        )
        with transaction():
            missed(target_id, words)
        return
    with transaction():
        arrived(target_id, date.fromisoformat(days[-1]["day"]))


def _ways() -> dict[TargetKind, Callable[[str, dict[str, Any]], None]]:
    return {TargetKind.FOLDER: _to_folder, TargetKind.WEBHOOK: _to_web}


def _to_folder(name: str, document: dict[str, Any]) -> None:
    """One file a day; what is there already is never written over."""
    folder = root() / document["workspace"] / name
    folder.mkdir(parents=True, exist_ok=True)
    for day in document["days"]:
        path = folder / f"{day['day']}.json"
        if path.exists():
            continue
        part = path.with_suffix(".part")
        with part.open("w", encoding="utf-8") as file:
            file.write(rules.text_of({**document, "days": [day]}))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)


def _to_web(url: str, document: dict[str, Any]) -> None:
    answer = outgoing.post(url, rules.text_of(document).encode(), "application/json")
    if not 200 <= answer.status < 300:
        raise outgoing.NotSent(f"The server answered {answer.status}.")


def _wish_for_mail(target: SealTarget, days: list[dict[str, Any]]) -> None:
    """The outbox brings it there and tries again; ``bindings.on_mail`` hears how it ended.

    What makes it unique is the place, the newest day and the attempt: one that ended badly is wished for anew.
    """
    last = days[-1]["day"]
    delivery.send_system(
        target.workspace_id,
        MAIL,
        dedupe=uuid5(target.id, f"{last} {target.faults}"),
        user_id=target.made_by,
        data={
            "target": str(target.id),
            "after": target.last_day.isoformat() if target.last_day else None,
            "last": last,
        },
    )
    target.due_at = clock.now() + rules.MAIL_PATIENCE
