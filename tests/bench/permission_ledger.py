"""The ledger by the million: how fast it is read back, and how long one person's evidence takes.

    fill_ledger(house.admin_url, sender.id, 1_000_000)
    verify_events_per_second()
    evidence_seconds(sender.id, sender.model)

Events are copies of one that a person made in earnest, each with its own id, time, salt and personal part, under seals
of a hundred that follow the workspace's own.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg

from app.consent.ledger import canonical, leaf, moment
from app.consent.seals import FIRST, merkle_root, seal_hash, sign_day
from app.consent.verify import verify
from app.evidence import queries
from app.kernel.db import release, transaction

PER_SEAL = 100
BLOCK = 10_000
_MODEL = (
    "SELECT e.body, p.body FROM consent_events e JOIN consent_personal p ON p.event_id = e.id"
    " WHERE e.workspace_id = %s AND e.kind = 'confirmed' ORDER BY e.id LIMIT 1"
)
_LAST = "SELECT no, hash FROM consent_seals WHERE workspace_id = %s ORDER BY no DESC LIMIT 1"
_COPIES = {
    "events": "COPY consent_events (id, workspace_id, contact_id, kind, request_id, received_at, commitment, body)"
    " FROM STDIN (FORMAT binary)",
    "personal": "COPY consent_personal (event_id, workspace_id, contact_id, salt, body) FROM STDIN (FORMAT binary)",
    "leaves": "COPY consent_leaves (workspace_id, seal_no, position, event_id) FROM STDIN (FORMAT binary)",
    "seals": "COPY consent_seals (workspace_id, no, count, root, prev, hash, sealed_at) FROM STDIN (FORMAT binary)",
}
_TYPES = {
    "events": ["uuid", "uuid", "uuid", "text", "uuid", "timestamptz", "bytea", "bytea"],
    "personal": ["uuid", "uuid", "uuid", "bytea", "bytea"],
    "leaves": ["uuid", "int8", "int4", "uuid"],
    "seals": ["uuid", "int8", "int4", "bytea", "bytea", "bytea", "timestamptz"],
}
Rows = dict[str, list[tuple[object, ...]]]


def fill_ledger(admin_url: str, workspace_id: UUID, count: int) -> None:
    """So many more sealed events in a workspace that has a sealed yes in it; then the day is signed.

    Args:
        admin_url: of a superuser in that database, who may leave foreign keys unasked.
        workspace_id: whose events they are.
        count: a multiple of a hundred.
    """
    with psycopg.connect(admin_url) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        model = connection.execute(_MODEL, (workspace_id,)).fetchone()
        last = connection.execute(_LAST, (workspace_id,)).fetchone()
        assert model is not None, "somebody has to say yes and be sealed first"
        maker = _Maker(workspace_id, model[0], model[1], last or (0, FIRST))
        for rows in maker.blocks(count):
            for table, statement in _COPIES.items():
                with connection.cursor().copy(statement) as copy:
                    copy.set_types(_TYPES[table])
                    for row in rows[table]:
                        copy.write_row(row)
    with psycopg.connect(admin_url, autocommit=True) as connection:
        for table in ("consent_events", "consent_personal", "consent_leaves", "consent_seals"):
            connection.execute(f"VACUUM ANALYZE {table}")
        connection.execute("CHECKPOINT")
    sign_day()


def verify_events_per_second() -> float:
    """Events that ``flask consent verify`` reads and checks in a second, on all cores; the ledger has to hold."""
    release()
    began = time.monotonic()
    report = verify()
    seconds = time.monotonic() - began
    assert report.holds, report.faults
    return report.events / seconds


def evidence_seconds(workspace_id: UUID, contact_id: UUID) -> float:
    """From the wish to the paper with everything in it, as the second person of a process sees it."""
    with transaction():
        queries.pdf(workspace_id, contact_id)
        began = time.monotonic()
        paper = queries.pdf(workspace_id, contact_id)
        seconds = time.monotonic() - began
    assert paper.startswith(b"%PDF")
    return seconds


class _Maker:
    """Makes events in blocks; ids and times grow."""

    def __init__(self, workspace_id: UUID, body: bytes, personal: bytes, last: tuple[int, bytes]) -> None:
        self._workspace = workspace_id
        self._no, self._prev = last
        self._personal = personal
        told = json.loads(body)
        marks = {"id": "<id>", "contact": "<contact>", "request": None, "received_at": "<at>", "commitment": "<hash>"}
        self._body = canonical(told | marks)
        self._kind = told["kind"]
        self._at = datetime(2026, 1, 1, tzinfo=UTC)

    def blocks(self, count: int) -> Iterator[Rows]:
        """Rows for each table, ten thousand events at a time."""
        made = 0
        while made < count:
            size = min(BLOCK, count - made)
            rows: Rows = {table: [] for table in _COPIES}
            for first in range(made, made + size, PER_SEAL):
                self._seal(rows, [self._event(rows, number) for number in range(first, first + PER_SEAL)])
            made += size
            yield rows

    def _event(self, rows: Rows, number: int) -> tuple[UUID, bytes]:
        event_id = UUID(f"019b0000-{number >> 16:04x}-7000-8000-{number:012x}")
        contact = UUID(f"019b0001-{number >> 16:04x}-7000-8000-{number:012x}")
        at = self._at + timedelta(milliseconds=number)
        salt, personal = hashlib.md5(event_id.bytes).digest(), self._personal + b" " * (number % 7)
        committed = hashlib.sha256(salt + personal).digest()
        body = self._body.replace(b"<id>", str(event_id).encode()).replace(b"<contact>", str(contact).encode())
        body = body.replace(b"<at>", moment(at).encode()).replace(b"<hash>", committed.hex().encode())
        rows["events"].append((event_id, self._workspace, contact, self._kind, None, at, committed, body))
        rows["personal"].append((event_id, self._workspace, contact, salt, personal))
        return event_id, leaf(body)

    def _seal(self, rows: Rows, events: list[tuple[UUID, bytes]]) -> None:
        self._no += 1
        root = merkle_root([hashed for _, hashed in events])
        own = seal_hash(self._workspace, self._no, len(events), root, self._prev)
        rows["seals"].append((self._workspace, self._no, len(events), root, self._prev, own, self._at))
        rows["leaves"] += [(self._workspace, self._no, place, found) for place, (found, _) in enumerate(events)]
        self._prev = own

