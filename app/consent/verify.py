"""Reads the whole ledger back and says whether any byte has changed.

Planned here in one snapshot: what is sealed meanwhile must not look like a gap. The slices are checked by as many
processes as there are cores, as soon as there is more than one slice.
"""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from flask import current_app
from sqlalchemy import Connection, select, text

from app.consent import checking, sources, witnesses
from app.consent.checking import Known, Slice
from app.consent.models import ConsentSeal, ConsentSignature, ConsentText
from app.consent.seals import own_public_key, signature_holds
from app.kernel import clock
from app.kernel.db import db

SLICE_EVENTS = 50_000
MAX_FAULTS = 100


@dataclass(slots=True)
class Report:
    """What was read and what was wrong; no fault means that nothing was changed since it was sealed."""

    events: int = 0
    seals: int = 0
    signatures: int = 0
    kept_days: int = 0
    erased_people: int = 0
    unsealed: int = 0
    unsealed_seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether the ledger is unchanged."""
        return not self.faults

    def add(self, fault: str) -> None:
        """Note a fault; the first hundred are enough to act on."""
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(fault)


def verify(kept: Iterable[Path] = (), *, processes: int | None = None) -> Report:
    """Check every text, event, personal row, seal and signature of all workspaces.

    Args:
        kept: files and folders of signed days, beside those that are exported to this machine.
        processes: how many to check with; None: one a core.

    Raises:
        ValueError: a file among ``kept`` holds no signed days.
    """
    report = Report()
    with _snapshot() as (connection, snapshot):
        known = _known(connection, report, snapshot)
        pieces = _slices(connection, report)
        with _parts(known, pieces, processes or checking.use_cores()) as parts:
            # While other processes read the slices.
            _check_membership(connection, report)
            _check_signatures(connection, report)
            _check_kept(connection, report, kept)
            _check_mails(connection, report)
            _look_for_unsealed(connection, report)
            for part in parts:
                report.events += part.events
                report.seals += part.seals
                for fault in part.faults:
                    report.add(fault)
    return report


@contextmanager
def _snapshot() -> Iterator[tuple[Connection, str]]:
    """A transaction of its own, and the name under which others see what it sees."""
    with db.engine.connect() as connection:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        yield connection, connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()


_ERASED = text(
    "SELECT contact_id, max(received_at) FROM consent_events WHERE kind = 'erased' GROUP BY contact_id"
)


def _known(connection: Connection, report: Report, snapshot: str) -> Known:
    settings = current_app.config["NOD"]
    erased = connection.execute(_ERASED)
    people = {str(contact_id): checking.microseconds(at) for contact_id, at in erased}
    report.erased_people = len(people)
    return Known(settings.database_url, settings.app_role, snapshot, _check_texts(connection, report), people)


def _check_texts(connection: Connection, report: Report) -> dict[str, str]:
    known = {}
    for text_id, body, sha256 in connection.execute(
        select(ConsentText.id, ConsentText.body, ConsentText.sha256)
    ):
        known[str(text_id)] = sha256.hex()
        if checking.text_fault(body, sha256):
            report.add(f"text {text_id}: its words are not those that were stored")
    return known


_SLICES = text(
    "SELECT workspace_id, min(no), max(no) FROM (SELECT workspace_id, no,"
    " sum(greatest(count, 1)) OVER (PARTITION BY workspace_id ORDER BY no) / :size AS part FROM consent_seals) AS seals"
    " GROUP BY workspace_id, part ORDER BY workspace_id, min(no)"
)
_WITHOUT_SEAL = text(
    "SELECT workspace_id, seal_no FROM consent_leaves l WHERE NOT EXISTS (SELECT FROM consent_seals s"
    " WHERE s.workspace_id = l.workspace_id AND s.no = l.seal_no) GROUP BY 1, 2 LIMIT 100"
)


def _slices(connection: Connection, report: Report) -> list[Slice]:
    pieces: list[Slice] = [Slice()]
    last: dict[UUID, int] = {}
    for workspace_id, first, end in connection.execute(_SLICES, {"size": SLICE_EVENTS}):
        if first != last.get(workspace_id, 0) + 1:
            report.add(f"seal {last.get(workspace_id, 0) + 1} of workspace {workspace_id}: it is missing")
        last[workspace_id] = end
        pieces.append(Slice(workspace_id, first, end))
    for workspace_id, no in connection.execute(_WITHOUT_SEAL):
        report.add(f"seal {no} of workspace {workspace_id}: it is missing or out of order")
    return pieces


@contextmanager
def _parts(known: Known, pieces: list[Slice], processes: int) -> Iterator[Iterator[checking.Part]]:
    """What the slices come to, in their order; other processes begin with them at once where that is worth it."""
    if processes < 2 or len(pieces) < 3:
        yield (checking.check(known, piece) for piece in pieces)
        return
    workers = min(processes, len(pieces))
    # Copies of a process with one thread begin at once; beside other threads they could wait for a lock for ever.
    way = "fork" if threading.active_count() == 1 else "spawn"
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context(way)) as pool:
        yield pool.map(checking.check, [known] * len(pieces), pieces)


_IN_NO_SEAL = text(
    "SELECT e.id FROM consent_events e WHERE NOT EXISTS (SELECT FROM consent_leaves l WHERE l.event_id = e.id)"
    " AND NOT EXISTS (SELECT FROM consent_unsealed u WHERE u.event_id = e.id) LIMIT 100"
)


def _check_membership(connection: Connection, report: Report) -> None:
    for event_id in connection.execute(_IN_NO_SEAL).scalars():
        report.add(f"event {event_id}: no seal holds it and none is due")


def _check_signatures(connection: Connection, report: Report) -> None:
    query = select(
        ConsentSignature.workspace_id, ConsentSignature.day, ConsentSignature.seal_no,
        ConsentSignature.seal_hash, ConsentSignature.public_key, ConsentSignature.signature, ConsentSeal.hash,
    ).outerjoin(
        ConsentSeal,
        (ConsentSeal.workspace_id == ConsentSignature.workspace_id) & (ConsentSeal.no == ConsentSignature.seal_no),
    )  # fmt: skip
    for row in connection.execute(query):
        report.signatures += 1
        where = f"signature of {row.day} of workspace {row.workspace_id}"
        if not signature_holds(row):
            report.add(f"{where}: it does not fit its seal")
        elif row.hash != row.seal_hash:
            report.add(f"{where}: the seal it signed was changed or removed")
        elif row.public_key != own_public_key():
            report.add(f"{where}: it was made with a key that is not ours")


def _check_kept(connection: Connection, report: Report, kept: Iterable[Path]) -> None:
    """Days that were kept outside against the seals of today."""
    for day in witnesses.kept_days(kept):
        report.kept_days += 1
        query = select(ConsentSeal.hash).where(
            ConsentSeal.workspace_id == day.workspace_id, ConsentSeal.no == day.seal_no
        )
        if connection.execute(query).scalar_one_or_none() != day.seal_hash:
            report.add(
                f"kept day {day.day} of workspace {day.workspace_id} ({day.where}): the ledger does not lead to its seal"
            )


_MAILS = text(
    "SELECT m.event_id, m.locked, convert_from(p.body, 'UTF8')::jsonb ->> 'mime_sha256' AS sha256"
    " FROM consent_mails m LEFT JOIN consent_personal p ON p.event_id = m.event_id"
)


def _check_mails(connection: Connection, report: Report) -> None:
    """Sources of mails against the hash in their event."""
    for event_id, locked, sha256 in connection.execution_options(yield_per=500).execute(_MAILS):
        if sources.is_changed(event_id, locked, sha256 or ""):
            report.add(f"mail of event {event_id}: it is not the one that was sent, or its key is gone")


def _look_for_unsealed(connection: Connection, report: Report) -> None:
    waiting = text("SELECT count(*), min(inserted_at) FROM consent_unsealed")
    report.unsealed, since = connection.execute(waiting).one()
    if since is not None:
        report.unsealed_seconds = max(0.0, (clock.now() - since).total_seconds())
