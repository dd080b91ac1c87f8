"""Take hits in: whose they are, what their permission covers, who made them; each once.

All inside the caller's transaction and behind one lock, so that each batch sees what the one before wrote. What a
person's level does not cover is dropped here, so a withdrawal also silences the mails that were sent before it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text

from app.consent import queries as consent
from app.consent.rules import Level
from app.kernel import clock
from app.kernel.db import session
from app.kernel.events import publish
from app.tracking import queries
from app.tracking.events import RecordedSignal, SignalsReclassified, SignalsRecorded
from app.tracking.rules import verdicts
from app.tracking.rules.hits import Hit, Kind
from app.tracking.rules.verdicts import Finding, Reason, Seen, Verdict
from app.tracking.service import last_opens
from app.tracking.service.last_opens import Opened
from app.tracking.service.recipients import Number, Recipient, resolve

MAX_BATCH: Final = 1000
MAX_PER_MESSAGE: Final = 200
"""Signals of one message that are kept; who holds a mail can ask for its picture for ever."""
_LOCK: Final = 0x6E6F64736967
"""The key of the lock: "nodsig"."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a batch; ``repeated`` were there before, ``dropped`` were not ours to keep."""

    stored: int
    repeated: int
    dropped: int


@dataclass(slots=True)
class _New:
    """A signal to be written; without a contact neither its message nor its minute is."""

    hit: Hit
    workspace_id: UUID
    contact_id: UUID | None
    finding: Finding

    @property
    def at(self) -> datetime:
        return self.hit.at if self.contact_id else _hour(self.hit.at)


@dataclass(slots=True)
class _Message:
    """What is known of one message's signals, and those that come now."""

    recipient: Recipient
    seen: dict[UUID, Seen] = field(default_factory=dict)
    new: list[_New] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Change:
    """A signal that was written earlier and is seen differently now."""

    number: Number
    contact_id: UUID
    workspace_id: UUID
    seen: Seen
    finding: Finding


def ingest_batch(hits: Sequence[Hit]) -> Ingested:
    """Write what may be kept of at most MAX_BATCH hits, and tell of it.

    The unique key is the event's id: a batch that comes again changes nothing.
    """
    if not hits:
        return Ingested(0, 0, 0)
    session().execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    _note_arrival(hits)
    once = {hit.event_id: hit for hit in hits}
    nobodys, messages, days = _sort(list(once.values()))
    last_opens.note(days)
    before = _load_seen(messages)
    for message in messages.values():
        _join(message)
    changes = [change for number, message in messages.items() for change in _judge(number, message)]
    rows = [*nobodys, *(row for message in messages.values() for row in message.new)]
    known = len(before & once.keys())
    written = _insert(rows)
    _update(changes)
    _count(written, changes)
    _tell(written, changes)
    repeated = len(hits) - len(once) + known + len(rows) - len(written)
    return Ingested(len(written), repeated, len(hits) - repeated - len(written))


def _sort(hits: Sequence[Hit]) -> tuple[list[_New], dict[Number, _Message], list[Opened]]:
    """Signals that belong to nobody, those of people by their message, and opens of which only the day is kept.

    What nobody allowed is in none of them.
    """
    mailings = queries.sizes_of({hit.mailing_no for hit in hits})
    recipients = resolve({(hit.mailing_no, hit.n) for hit in hits if hit.n})
    levels = consent.tracking_levels({found.contact_id for found in recipients.values()}, lock=True)
    nobodys: list[_New] = []
    messages: dict[Number, _Message] = {}
    days: list[Opened] = []
    for hit in hits:
        workspace_id, size = mailings.get(hit.mailing_no, (None, 0))
        if workspace_id is None or hit.link >= size:
            continue
        number = (hit.mailing_no, hit.n)
        recipient = recipients.get(number)
        level = _level(hit, workspace_id, recipient, levels)
        if level is Level.AGGREGATE:
            nobodys.append(_New(hit, workspace_id, None, verdicts.by_request(hit)))
        elif level is Level.DATE and recipient is not None and hit.kind is Kind.OPEN:
            if verdicts.by_request(hit).verdict is not Verdict.MACHINE:
                days.append(Opened(workspace_id, recipient.contact_id, hit.at.date()))
        elif level is Level.INDIVIDUAL and recipient is not None:
            message = messages.setdefault(number, _Message(recipient))
            message.new.append(_New(hit, workspace_id, recipient.contact_id, verdicts.by_request(hit)))
    return nobodys, messages, days


def _level(hit: Hit, workspace_id: UUID, recipient: Recipient | None, levels: Mapping[UUID, Level]) -> Level:
    """What may be kept of a hit."""
    if not hit.n:
        return Level.AGGREGATE  # the same token stands in each copy: there is no person in it
    if recipient is None or recipient.workspace_id != workspace_id:
        return Level.NONE
    return levels.get(recipient.contact_id, Level.NONE)


_SEEN = text(
    "SELECT s.mailing_no, s.n, s.event_id, s.kind, s.link, s.at, s.verdict, s.reason FROM signals s"
    " JOIN unnest(CAST(:nos AS bigint[]), CAST(:ns AS bigint[])) AS w (mailing_no, n)"
    " ON s.mailing_no = w.mailing_no AND s.n = w.n"
)


def _load_seen(messages: Mapping[Number, _Message]) -> set[UUID]:
    """Fill in what was written earlier; the ids of it."""
    if not messages:
        return set()
    nos, ns = zip(*messages, strict=True)
    found = set()
    for row in session().execute(_SEEN, {"nos": list(nos), "ns": list(ns)}):
        messages[row.mailing_no, row.n].seen[row.event_id] = _seen(row)
        found.add(row.event_id)
    return found


def _seen(row: Row[Any]) -> Seen:
    finding = Finding(Verdict(row.verdict), Reason(row.reason))
    return Seen(row.event_id, Kind(row.kind), row.link, row.at, finding)


def _join(message: _Message) -> None:
    """Leave out what is there already and what is too much."""
    fresh = [row for row in message.new if row.hit.event_id not in message.seen]
    message.new = fresh[: max(0, MAX_PER_MESSAGE - len(message.seen))]


def _judge(number: Number, message: _Message) -> list[_Change]:
    """Decide over the new signals, and name the earlier ones that look different beside them."""
    new = [Seen(row.hit.event_id, row.hit.kind, row.hit.link, row.hit.at, row.finding) for row in message.new]
    recipient = message.recipient
    found = verdicts.by_company([*message.seen.values(), *new], recipient.began_at, recipient.ended_at)
    for row in message.new:
        row.finding = found[row.hit.event_id]
    return [
        _Change(number, recipient.contact_id, recipient.workspace_id, seen, found[seen.event_id])
        for seen in message.seen.values()
        if found[seen.event_id] != seen.finding
    ]


# One statement over arrays: 1,000 rows as VALUES are 11,000 parameters to bind.
_INSERT = text(
    "INSERT INTO signals (event_id, workspace_id, contact_id, mailing_no, n, kind, link, at, verdict, reason, program)"
    " SELECT * FROM unnest(CAST(:event_id AS uuid[]), CAST(:workspace_id AS uuid[]), CAST(:contact_id AS uuid[]),"
    " CAST(:mailing_no AS bigint[]), CAST(:n AS bigint[]), CAST(:kind AS text[]), CAST(:link AS smallint[]),"
    " CAST(:at AS timestamptz[]), CAST(:verdict AS text[]), CAST(:reason AS text[]), CAST(:program AS text[]))"
    " ON CONFLICT (event_id) DO NOTHING RETURNING event_id"
)


def _insert(rows: Sequence[_New]) -> list[_New]:
    """Write them; those that were not there yet."""
    if not rows:
        return []
    columns: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        is_personal = row.contact_id is not None
        columns["event_id"].append(row.hit.event_id)
        columns["workspace_id"].append(row.workspace_id)
        columns["contact_id"].append(row.contact_id)
        columns["mailing_no"].append(row.hit.mailing_no)
        columns["n"].append(row.hit.n if is_personal else None)
        columns["kind"].append(row.hit.kind.value)
        columns["link"].append(row.hit.link)
        columns["at"].append(row.at)
        columns["verdict"].append(row.finding.verdict.value)
        columns["reason"].append(row.finding.reason.value)
        columns["program"].append((row.hit.program or None) if is_personal else None)
    new = set(session().execute(_INSERT, columns).scalars())
    return [row for row in rows if row.hit.event_id in new]


_UPDATE = text(
    "UPDATE signals s SET verdict = w.verdict, reason = w.reason FROM unnest(CAST(:event_id AS uuid[]),"
    " CAST(:verdict AS text[]), CAST(:reason AS text[])) AS w (event_id, verdict, reason)"
    " WHERE s.event_id = w.event_id"
)


def _update(changes: Sequence[_Change]) -> None:
    if changes:
        values = {
            "event_id": [change.seen.event_id for change in changes],
            "verdict": [change.finding.verdict.value for change in changes],
            "reason": [change.finding.reason.value for change in changes],
        }
        session().execute(_UPDATE, values)


_COUNT = text(
    "INSERT INTO signal_counts AS c (mailing_no, hour, kind, link, verdict, workspace_id, count)"
    " VALUES (:mailing_no, :hour, :kind, :link, :verdict, :workspace_id, :count)"
    " ON CONFLICT (mailing_no, hour, kind, link, verdict) DO UPDATE SET count = c.count + excluded.count"
)


def _count(written: Iterable[_New], changes: Iterable[_Change]) -> None:
    """Keep the sums in step with the rows."""
    sums: Counter[tuple[int, datetime, str, int, str, UUID]] = Counter()
    for row in written:
        hour, verdict = _hour(row.at), row.finding.verdict.value
        sums[row.hit.mailing_no, hour, row.hit.kind.value, row.hit.link, verdict, row.workspace_id] += 1
    for change in changes:
        key = (change.number[0], _hour(change.seen.at), change.seen.kind.value, change.seen.link)
        sums[*key, change.seen.finding.verdict.value, change.workspace_id] -= 1
        sums[*key, change.finding.verdict.value, change.workspace_id] += 1
    names = ("mailing_no", "hour", "kind", "link", "verdict", "workspace_id")
    values = [{**dict(zip(names, key, strict=True)), "count": count} for key, count in sums.items() if count]
    if values:
        session().execute(_COUNT, values)


def _tell(written: Sequence[_New], changes: Sequence[_Change]) -> None:
    signals: dict[UUID, list[RecordedSignal]] = defaultdict(list)
    for row in written:
        hit, n = row.hit, row.hit.n if row.contact_id else None
        signals[row.workspace_id].append(
            RecordedSignal(
                hit.event_id, row.contact_id, hit.mailing_no, n, hit.kind.value, hit.link, row.at,
                row.finding.verdict.value,
            )
        )  # fmt: skip
    people: dict[UUID, set[UUID]] = defaultdict(set)
    for change in changes:
        people[change.workspace_id].add(change.contact_id)
    for workspace_id, told in signals.items():
        publish(SignalsRecorded(workspace_id, tuple(told)))
    for workspace_id, ids in people.items():
        publish(SignalsReclassified(workspace_id, tuple(sorted(ids))))


_ARRIVED = text(
    "INSERT INTO signal_sources AS s (source, answered, arrived, seen_at)"
    " VALUES (:source, 0, CAST(:arrived AS int8multirange), :now)"
    " ON CONFLICT (source) DO UPDATE SET arrived = s.arrived + excluded.arrived, seen_at = excluded.seen_at"
)
_ANSWERED = text(
    "INSERT INTO signal_sources AS s (source, answered, arrived, seen_at)"
    " VALUES (:source, :answered, CAST('{}' AS int8multirange), :now)"
    " ON CONFLICT (source) DO UPDATE SET answered = excluded.answered, seen_at = excluded.seen_at"
    " WHERE s.answered < excluded.answered"
)


def _note_arrival(hits: Iterable[Hit]) -> None:
    """Numbers that have arrived, whatever becomes of them; a number that comes twice changes nothing."""
    numbers: dict[UUID, set[int]] = defaultdict(set)
    for hit in hits:
        numbers[hit.source].add(hit.seq)
    now = clock.now()
    values = [
        {"source": source, "arrived": _multirange(seqs), "now": now}
        for source, seqs in sorted(numbers.items())
    ]
    session().execute(_ARRIVED, values)


def note_answered(answered: Mapping[UUID, int]) -> None:
    """How many hits each process has answered, by its own word."""
    now = clock.now()
    values = [{"source": source, "answered": n, "now": now} for source, n in sorted(answered.items()) if n]
    if values:
        session().execute(_ANSWERED, values)


def _multirange(numbers: Iterable[int]) -> str:
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number:
            ranges[-1][1] += 1
        else:
            ranges.append([number, number + 1])
    return "{" + ",".join(f"[{first},{end})" for first, end in ranges) + "}"


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
