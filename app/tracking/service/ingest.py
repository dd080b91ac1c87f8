"""Take hits in: whose they are, what their permission covers, who made them; each once.

All inside the caller's transaction and behind the lock of their part, so that each batch sees what the one before wrote
of its messages. What a person's level does not cover is dropped here, so a withdrawal also silences the mails that were
sent before it.

Batches of different parts are taken in beside each other. What they share is written in one order, people and workspaces
sorted, and the few rows that all of them write come last: nobody waits for them longer than for a commit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text

from app.consent import queries as consent
from app.consent.rules import Level
from app.kernel.db import session
from app.kernel.events import publish
from app.tracking import queries
from app.tracking.events import RecordedSignal, SignalsReclassified, SignalsRecorded
from app.tracking.rules import verdicts
from app.tracking.rules.hits import PARTS, Hit, Kind, part_of
from app.tracking.rules.verdicts import Seen, Verdict
from app.tracking.service import last_opens, orders, readers, sources, writing
from app.tracking.service.last_opens import Opened
from app.tracking.service.recipients import Number, Recipient, resolve
from app.tracking.service.writing import Change, New

MAX_BATCH: Final = 5000
"""Who withdraws waits for one batch at most: about half a second."""
MAX_PER_MESSAGE: Final = 200
"""Signals of one message that are kept; who holds a mail can ask for its picture for ever."""
_LOCK: Final = 0x6E6F64736967
"""The key of the first part's lock, "nodsig"; the others follow it."""
_HOLD: Final = text("SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) AS key")


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a batch; ``repeated`` were there before, ``dropped`` were not ours to keep."""

    stored: int
    repeated: int
    dropped: int


@dataclass(slots=True)
class _Message:
    """What is known of one message's signals, and those that come now."""

    recipient: Recipient
    seen: list[Seen] = field(default_factory=list)
    new: list[New] = field(default_factory=list)
    readers: readers.Change = readers.NOBODY_MORE


def ingest_batch(hits: Sequence[Hit]) -> Ingested:
    """Write what may be kept of at most MAX_BATCH hits, and tell of it.

    The unique key is the event's id: a batch that comes again changes nothing.
    """
    if not hits:
        return Ingested(0, 0, 0)
    hold({part_of(hit.n) for hit in hits})
    once = {hit.event_id: hit for hit in hits}
    # Nobody else writes signals of these messages while the lock is held, so what is not there now is not there when we write.
    known = writing.known(list(once.values()))
    nobodys, messages, days = _sort([hit for hit in once.values() if hit.event_id not in known])
    last_opens.note(days)
    handed_over = {number: message.recipient.first_at for number, message in messages.items()}
    for number, seen in writing.seen(handed_over):
        messages[number].seen.append(seen)
    changes = [change for number, message in messages.items() for change in _judge(number, message)]
    rows = [*nobodys, *(row for message in messages.values() for row in message.new)]
    writing.insert(rows)
    writing.update(changes)
    _settle_orders(rows, changes)
    _tell(rows, changes)
    readers.add(_readers(messages))
    sources.note_arrival(hits)
    writing.count(rows, changes)
    repeated = len(hits) - len(once) + len(known)
    return Ingested(len(rows), repeated, len(hits) - repeated - len(rows))


def hold(parts: Iterable[int] = range(PARTS)) -> None:
    """Let no hits of these parts be taken in until the transaction ends."""
    session().execute(_HOLD, {"keys": [_LOCK + part for part in sorted(parts)]})


def _sort(hits: Sequence[Hit]) -> tuple[list[New], dict[Number, _Message], list[Opened]]:
    """Signals that belong to nobody, those of people by their message, and opens of which only the day is kept.

    What nobody allowed is in none of them.
    """
    by_number: dict[Number, list[Hit]] = defaultdict(list)
    for hit in hits:
        by_number[hit.mailing_no, hit.n].append(hit)
    mailings = queries.sizes_of({no for no, _ in by_number})
    recipients = resolve([number for number in by_number if number[1]])
    levels = consent.tracking_levels({found.contact_id for found in recipients.values()}, lock=True)
    nobodys: list[New] = []
    messages: dict[Number, _Message] = {}
    days: list[Opened] = []
    for number, group in by_number.items():
        workspace_id, size = mailings.get(number[0], (None, 0))
        found = [hit for hit in group if hit.link < size]
        if workspace_id is None or not found:
            continue
        if not number[1]:  # the same token stands in each copy: there is no person in it
            nobodys += [New(hit, workspace_id, None, writing.hour(hit.at), verdicts.by_request(hit)) for hit in found]
            continue
        recipient = recipients.get(number)
        if recipient is None or recipient.workspace_id != workspace_id:
            continue
        level = levels.get(recipient.contact_id, Level.NONE)
        if level is Level.AGGREGATE:
            nobodys += [New(hit, workspace_id, None, writing.hour(hit.at), verdicts.by_request(hit)) for hit in found]
        elif level is Level.DATE:
            days += _days(recipient, found)
        elif level is Level.INDIVIDUAL:
            contact_id = recipient.contact_id
            new = [New(hit, workspace_id, contact_id, hit.at, verdicts.by_request(hit)) for hit in found]
            messages[number] = _Message(recipient, new=new)
    return nobodys, messages, days


def _days(recipient: Recipient, hits: Iterable[Hit]) -> list[Opened]:
    """On which days they opened it, as far as no program did."""
    return [
        Opened(recipient.workspace_id, recipient.contact_id, hit.at.date())
        for hit in hits
        if hit.kind is Kind.OPEN and verdicts.by_request(hit).verdict is not Verdict.MACHINE
    ]


def _judge(number: Number, message: _Message) -> list[Change]:
    """Decide over the new signals, leave out what is too much, and name the earlier ones that look different now."""
    recipient, seen = message.recipient, message.seen
    message.new = message.new[: max(0, MAX_PER_MESSAGE - len(seen))]
    new = [Seen(row.hit.event_id, row.hit.kind, row.hit.link, row.hit.at, row.finding) for row in message.new]
    signals = [*seen, *new]
    found = verdicts.by_company(signals, recipient.began_at, recipient.ended_at)
    for row, finding in zip(message.new, found[len(seen) :], strict=True):
        row.finding = finding
    message.readers = readers.change_of(seen, signals, found)
    return [
        Change(number, recipient.contact_id, recipient.workspace_id, one, finding)
        for one, finding in zip(seen, found, strict=False)
        if finding != one.finding
    ]


def _readers(messages: Mapping[Number, _Message]) -> dict[tuple[int, UUID], readers.Change]:
    """By how much each mailing has more readers."""
    sums: dict[tuple[int, UUID], readers.Change] = {}
    for (mailing_no, _), message in messages.items():
        key = (mailing_no, message.recipient.workspace_id)
        opened, clicked = sums.get(key, readers.NOBODY_MORE)
        sums[key] = (opened + message.readers[0], clicked + message.readers[1])
    return sums


def _settle_orders(written: Iterable[New], changes: Iterable[Change]) -> None:
    """Orders may have been told before a click that counts for them was there, or was known for what it is."""
    clicks: dict[UUID, dict[UUID, list[datetime]]] = defaultdict(lambda: defaultdict(list))
    for row in written:
        if row.contact_id and row.hit.kind is Kind.CLICK and row.finding.verdict is Verdict.HUMAN:
            clicks[row.workspace_id][row.contact_id].append(row.at)
    for change in changes:
        if change.seen.kind is Kind.CLICK:
            clicks[change.workspace_id][change.contact_id].append(change.seen.at)
    for workspace_id in sorted(clicks):
        orders.settle_again(workspace_id, clicks[workspace_id])


def _tell(written: Sequence[New], changes: Iterable[Change]) -> None:
    signals: dict[UUID, list[RecordedSignal]] = defaultdict(list)
    for row in written:
        hit, n = row.hit, row.hit.n if row.contact_id else None
        signals[row.workspace_id].append(
            RecordedSignal(row.contact_id, hit.mailing_no, n, hit.kind, hit.link, row.at, row.finding.verdict)
        )
    people: dict[UUID, set[UUID]] = defaultdict(set)
    for change in changes:
        people[change.workspace_id].add(change.contact_id)
    for workspace_id in sorted(signals.keys() | people.keys()):
        if workspace_id in signals:
            publish(SignalsRecorded(workspace_id, tuple(signals[workspace_id])))
        if workspace_id in people:
            publish(SignalsReclassified(workspace_id, tuple(sorted(people[workspace_id]))))
