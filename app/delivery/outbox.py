"""The moves of a message between its states, each one guarded by fence and state (README, "How a newsletter goes out").

Every function works inside the caller's transaction. Times are the database's, asked once and bound.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text

from app.delivery import counting
from app.delivery.events import Finished, FinishedMessage, MessagesFinished
from app.delivery.pacing import tallies
from app.delivery.rules import CRASHES_UNTIL_POISON, UNKNOWN_PAUSE, Kind, Lane, MessageState, Sender
from app.kernel import clock
from app.kernel.db import array_of, session, text_array_of
from app.kernel.events import publish

log = logging.getLogger(__name__)

ATTEMPT_LEASE: Final = timedelta(minutes=12)
"""Longer than the ten minutes that a server may take for its last answer."""
REAP_LIMIT: Final = 1000


@dataclass(frozen=True, slots=True)
class Head:
    """What all messages of a mailing share."""

    no: int
    workspace_id: UUID
    kind: Kind
    name: str
    lane: Lane
    sender: Sender | None
    version_id: UUID | None
    weekly: int | None = None
    """So many mails within a week may whoever gets it have; None: as many as come. Known where it is chosen to be sent."""


@dataclass(slots=True, eq=False)
class Held:
    """A message that this owner has in hand. Not frozen, because thousands are made each second."""

    head: Head
    n: int
    fence: int
    contact_id: UUID | None
    user_id: UUID | None
    permission_id: UUID | None
    reach_id: UUID | None
    dedupe: UUID
    domain_group: str
    data: Mapping[str, Any]
    created_at: datetime
    attempts: int
    host_faults: int
    render_faults: int
    crash_count: int
    first_at: datetime | None
    from_domain: str | None
    place: str = ""
    """Where its row lies (ctid), as this owner last wrote it."""

    @property
    def mailing_no(self) -> int:
        """The mailing's number."""
        return self.head.no

    @property
    def workspace_id(self) -> UUID:
        """Whose it is."""
        return self.head.workspace_id

    @property
    def number(self) -> str:
        """What people quote; in logs instead of an address."""
        return f"{self.head.no}-{self.n}"


@dataclass(slots=True, eq=False)
class End:
    """What became of a held message.

    Attributes:
        state: an end, or pending for another time.
        reply: masked answer of the server, or the reason in our words.
        due_at: for pending: when to try again.
        counts: whether the message itself was answered; a fault of the host burns no attempt.
        host_faults: faults of the host in a row, with this one.
        render_faults: times in a row that the content could not be made, with this one.
        message_id: as on the wire, where something was built.
        mime_sha256: of the bytes that were handed over.
        mime: those bytes, of system mail.
        crashes: 1 where its worker ended because of it, as far as can be told.
    """

    state: MessageState
    reply: str = ""
    code: int | None = None
    status: str | None = None
    due_at: datetime | None = None
    counts: bool = True
    host_faults: int = 0
    render_faults: int = 0
    message_id: str = ""
    mime_sha256: bytes = b""
    mime: bytes = b""
    crashes: int = 0


HEAD: Final = "g.no, g.workspace_id, g.kind, g.name, g.lane, g.sender, g.content_version_id"
"""The columns of ``Head``, in its order."""
COLUMNS: Final = (
    "m.n, m.fence, m.contact_id, m.user_id, m.permission_id, m.reach_id, m.dedupe_key, m.domain_group, m.data,"
    " m.created_at, m.attempts, m.host_faults, m.render_faults, m.crash_count, m.first_at, m.from_domain"
)
"""The columns of ``Held`` behind its head, in its order."""


def head_of(row: Sequence[Any], weekly: int | None = None) -> Head:
    """From the columns of ``HEAD``."""
    return Head(row[0], row[1], Kind(row[2]), row[3], Lane(row[4]), _sender(row[5]), row[6], weekly)


def held_of(head: Head, row: Sequence[Any]) -> Held:
    """From the columns of ``COLUMNS``."""
    held = Held(head, *row)
    held.data = held.data or {}
    held.domain_group = held.domain_group or ""
    return held


def _held(row: Row[Any]) -> Held:
    return held_of(head_of(row[:7]), row[7:23])


def _sender(snapshot: Mapping[str, Any] | None) -> Sender | None:
    if snapshot is None:
        return None
    transport = snapshot.get("transport_id")
    return Sender(
        snapshot["name"],
        snapshot["address"],
        snapshot.get("reply_to", ""),
        UUID(transport) if transport else None,
    )


_TAKEN = (
    "unnest(CAST(CAST(:ns AS text) AS bigint[]), CAST(CAST(:fences AS text) AS bigint[])) AS taken (n, fence)"
)


def _taken(batch: Sequence[Held]) -> dict[str, Any]:
    return {
        "no": batch[0].mailing_no,
        "ns": array_of([held.n for held in batch]),
        "fences": array_of([held.fence for held in batch]),
    }


# --- Back, end, and what nobody finished ------------------------------------------------------------------------

_PUT_OFF = text(
    "UPDATE messages SET due_at = :until, reply_text = :words"
    " WHERE mailing_no = :no AND state = 'pending' AND due_at <= :now"
)
_GIVE_BACK = text(
    "UPDATE messages m SET state = 'pending', lease_owner = NULL, lease_until = NULL,"  # noqa: S608  no input in it
    " attempts = m.attempts - 1"
    f" FROM {_TAKEN} WHERE m.mailing_no = :no AND m.n = taken.n AND m.fence = taken.fence"
    " AND m.state = 'attempting' AND m.lease_owner = :owner"
)
_END = (
    "UPDATE messages m SET state = e.state, due_at = coalesce(e.due_at, m.due_at),"
    " done_at = CASE WHEN e.state <> 'pending' THEN CAST(:now AS timestamptz) END,"
    " lease_owner = NULL, lease_until = NULL, attempts = m.attempts - e.refund,"
    " host_faults = e.host_faults, render_faults = e.render_faults, crash_count = m.crash_count + e.crashes,"
    " doubts = m.doubts + e.doubt, reply_code = e.code, reply_status = e.status, reply_text = e.reply"
    " FROM jsonb_to_recordset(CAST(:ends AS jsonb)) AS e (n bigint, fence bigint, state text, due_at timestamptz,"
    " refund smallint, host_faults smallint, render_faults smallint, crashes smallint, doubt smallint, code smallint,"
    " status text, reply text)"
    " WHERE m.mailing_no = :no AND m.n = e.n AND m.fence = e.fence AND m.state || '' = :from_state RETURNING m.n"
)
# Messages to many are counted by the statement that ends them.
_ENDS = {
    Kind.SYSTEM: text(_END),
    Kind.BULK: text(f"WITH done AS ({_END}, m.state, {counting.REASON}){counting.COUNT_ENDED} SELECT n FROM done"),  # noqa: S608  no input in it
}
_SENT_AFTER_ALL = text(
    "UPDATE messages SET state = 'sent', done_at = :now, lease_owner = NULL, lease_until = NULL,"
    " reply_code = :code, reply_status = :status, reply_text = :reply"
    " WHERE mailing_no = :no AND n = :n AND state IN ('pending', 'claimed', 'unknown')"
)


def put_off(head: Head, until: datetime, words: str) -> None:
    """What is due of a mailing waits until then, for a reason that is no message's own."""
    session().execute(_PUT_OFF, {"no": head.no, "now": clock.now(), "until": until, "words": words})


def give_back(batch: Sequence[Held], owner: str) -> None:
    """Let somebody else have messages of one mailing: nothing was asked of a server, so no attempt counts.

    Only what is this owner's. A begin whose commit was lost with the database has its fence here and not there: whoever
    took the message next has the same one, and may have handed it over by now.
    """
    if batch:
        session().execute(_GIVE_BACK, _taken(batch) | {"owner": owner})


def finish(held: Held, end: End, *, was: MessageState = MessageState.ATTEMPTING) -> bool:
    """As ``finish_all``, for one message; whether it was written."""
    return finish_all([(held, end)], was=was) == {held.n}


def finish_all(
    ends: Sequence[tuple[Held, End]], *, was: MessageState = MessageState.ATTEMPTING
) -> set[int]:
    """Write down what became of messages of one mailing; a stale result is logged and changes nothing.

    ``sent`` alone wins over a row that has been freed meanwhile: pending or unknown.

    Args:
        ends: each message with what became of it.
        was: pending for ends before begin: nothing to send, not to be rendered.

    Returns:
        The numbers of those that were written.
    """
    if not ends:
        return set()
    now = clock.now()
    first = ends[0][0]
    has_begun = was is MessageState.ATTEMPTING
    values = {
        "no": first.mailing_no, "now": now, "from_state": was, "workspace_id": first.workspace_id,
        "ends": json.dumps([_end_row(held, end, begun=has_begun) for held, end in ends]),
    }  # fmt: skip
    written = set(session().execute(_ENDS[first.head.kind], values).scalars())
    for held, end in ends:
        if held.n not in written and _write_late(held, end, now):
            written.add(held.n)
    over = [(held, end) for held, end in ends if held.n in written and end.state is not MessageState.PENDING]
    _tell(first, over, now)
    return written


# Most messages end like this, so it is spared the detour over JSON, and its row is found where its begin has put it.
# Whoever moved it meanwhile (a lease that ended, a person erased) sends us the long way, over its key. Each place comes
# with its message: the planner, who takes conditions for rarer than they are, would else compare all with all (45 ms
# instead of 4 for 430). The "+ 0" and "|| ''" keep it from indexes of which it may have a wrong idea.
_SENT = (
    "UPDATE messages m SET state = 'sent', done_at = :now, lease_owner = NULL, lease_until = NULL, host_faults = 0,"
    " render_faults = 0, reply_code = e.code, reply_status = e.status, reply_text = e.reply"
    " FROM unnest(CAST(CAST(:places AS text) AS tid[]), CAST(CAST(:ns AS text) AS bigint[]),"
    " CAST(CAST(:fences AS text) AS bigint[]), CAST(CAST(:codes AS text) AS smallint[]),"
    " CAST(CAST(:statuses AS text) AS text[]), CAST(CAST(:replies AS text) AS text[]))"
    " AS e (place, n, fence, code, status, reply)"
    " WHERE m.ctid = e.place AND m.mailing_no + 0 = :no AND m.n + 0 = e.n"
    " AND m.fence = e.fence AND m.state || '' = 'attempting' RETURNING m.n"
)
_ALL_SENT = {
    Kind.SYSTEM: text(_SENT),
    Kind.BULK: text(f"WITH done AS ({_SENT}){counting.COUNT_SENT} SELECT n FROM done"),  # noqa: S608  no input in it
}


def places_of(batch: Sequence[Held]) -> str:
    """Where the rows lie, as PostgreSQL reads an array of ``tid``; NULL where that is not known."""
    return "{" + ",".join([f'"{held.place}"' if held.place else "NULL" for held in batch]) + "}"


def sent_all(ends: Sequence[tuple[Held, End]]) -> set[int]:
    """As ``finish_all``, for messages of one mailing that were all sent."""
    now = clock.now()
    batch = [held for held, _ in ends]
    values = _taken(batch) | {
        "now": now,
        "workspace_id": batch[0].workspace_id,
        "places": places_of(batch),
        "codes": array_of([end.code or "NULL" for _, end in ends]),
        "statuses": text_array_of([end.status for _, end in ends]),
        "replies": text_array_of([end.reply for _, end in ends]),
    }
    written = {row[0] for row in session().execute(_ALL_SENT[batch[0].head.kind], values).all()}
    _tell(ends[0][0], [(held, end) for held, end in ends if held.n in written], now)
    return written | finish_all([(held, end) for held, end in ends if held.n not in written])


def _end_row(held: Held, end: End, *, begun: bool) -> dict[str, Any]:
    return {
        "n": held.n, "fence": held.fence, "state": end.state.value,
        "due_at": end.due_at.isoformat() if end.due_at else None, "refund": int(not end.counts and begun),
        "host_faults": end.host_faults, "render_faults": end.render_faults, "crashes": end.crashes,
        "doubt": int(end.state is MessageState.UNKNOWN), "code": end.code, "status": end.status, "reply": end.reply,
    }  # fmt: skip


def _write_late(held: Held, end: End, now: datetime) -> bool:
    values = {
        "no": held.mailing_no, "n": held.n, "now": now, "code": end.code, "status": end.status, "reply": end.reply,
    }  # fmt: skip
    if end.state is MessageState.SENT and session().execute(_SENT_AFTER_ALL, values).rowcount:  # type: ignore[attr-defined]  # an UPDATE's result has it
        log.info("message %s was sent after all", held.number)
        counting.doubt([held.mailing_no])
        return True
    log.warning("message %s: a late result (%s) is left alone, somebody else has it", held.number, end.state)
    return False


_BLAME = text(
    "UPDATE messages m SET crash_count = m.crash_count + 1,"  # noqa: S608  no input in it
    " state = CASE WHEN m.crash_count + 1 >= :limit THEN 'poison' ELSE m.state END,"
    " done_at = CASE WHEN m.crash_count + 1 >= :limit THEN CAST(:now AS timestamptz) END,"
    " reply_text = CASE WHEN m.crash_count + 1 >= :limit THEN :words ELSE m.reply_text END"
    f" FROM {_TAKEN} WHERE m.mailing_no = :no AND m.n = taken.n AND m.fence = taken.fence AND m.state = 'pending'"
    " RETURNING m.n, m.state"
)


def blame(mailing_no: int, n: int, fence: int, words: str) -> None:
    """A worker ended while it made the mail of this message, which was taken and not begun."""
    values = {
        "no": mailing_no, "ns": array_of([n]), "fences": array_of([fence]), "limit": CRASHES_UNTIL_POISON, "now": clock.now(), "words": words,
    }  # fmt: skip
    for row in session().execute(_BLAME, values):
        log.error("message %s-%s: a worker ended while making it; it is %s now", mailing_no, row.n, row.state)
        counting.doubt([mailing_no])


_OWNED = text(
    f"SELECT {HEAD}, {COLUMNS} FROM messages m JOIN mailings g ON g.no = m.mailing_no"  # noqa: S608  no input in it
    " WHERE m.state = 'attempting' AND m.lease_owner = :owner ORDER BY m.mailing_no, m.n FOR UPDATE OF m"
)
_FREED = text(
    f"SELECT {HEAD}, {COLUMNS} FROM messages m JOIN mailings g ON g.no = m.mailing_no"  # noqa: S608  no input in it
    " JOIN unnest(CAST(:nos AS bigint[]), CAST(:ns AS bigint[])) AS w (no, n) ON m.mailing_no = w.no AND m.n = w.n"
    " WHERE m.state IN ('pending', 'claimed', 'unknown') AND m.lease_owner IS DISTINCT FROM :owner"
)


def held_by(owner: str) -> list[Held]:
    """What an owner has begun, locked."""
    return [_held(row) for row in session().execute(_OWNED, {"owner": owner})]


def freed_from(owner: str, numbers: Sequence[tuple[int, int]]) -> list[Held]:
    """Those of these messages (mailing, number) that are somebody else's by now, and not known as sent."""
    values = {"owner": owner, "nos": [no for no, _ in numbers], "ns": [n for _, n in numbers]}
    return [_held(row) for row in session().execute(_FREED, values)] if numbers else []


_REAP = text(
    "WITH over AS (SELECT mailing_no, n, state FROM messages"
    " WHERE state IN ('claimed', 'attempting') AND lease_until < :now LIMIT :size FOR UPDATE SKIP LOCKED)"
    " UPDATE messages m SET crash_count = m.crash_count + 1, lease_owner = NULL, lease_until = NULL,"
    " doubts = m.doubts + CAST(over.state = 'attempting' AS int),"
    " state = CASE WHEN m.crash_count + 1 >= :limit THEN 'poison' WHEN over.state = 'attempting' THEN 'unknown'"
    " ELSE 'pending' END,"
    " done_at = CASE WHEN over.state = 'attempting' OR m.crash_count + 1 >= :limit THEN CAST(:now AS timestamptz) END,"
    " reply_text = CASE WHEN m.crash_count + 1 >= :limit THEN 'three workers ended while they had it'"
    " WHEN over.state = 'attempting' THEN 'the worker ended before the answer' ELSE m.reply_text END"
    " FROM over WHERE m.mailing_no = over.mailing_no AND m.n = over.n RETURNING m.mailing_no, m.n, m.state"
)
_ONCE_MORE = text(
    "WITH doubtful AS (SELECT m.mailing_no, m.n FROM messages m JOIN mailings g ON g.no = m.mailing_no"
    " WHERE m.state = 'unknown' AND m.began_at <= :before AND m.doubts = 1 AND g.kind = 'system'"
    " LIMIT :size FOR UPDATE OF m SKIP LOCKED)"
    " UPDATE messages m SET state = 'pending', due_at = :now, done_at = NULL FROM doubtful"
    " WHERE m.mailing_no = doubtful.mailing_no AND m.n = doubtful.n RETURNING m.mailing_no, m.n"
)


def reap() -> int:
    """Put in doubt what dead workers had begun, and try system mail in doubt once more; how many rows moved.

    What a worker of an earlier version had only claimed goes back.
    """
    now = clock.now()
    values = {"now": now, "size": REAP_LIMIT, "limit": CRASHES_UNTIL_POISON}
    over = session().execute(_REAP, values).all()
    for row in over:
        level = logging.ERROR if row.state == MessageState.POISON else logging.WARNING
        log.log(level, "message %s-%s: its worker ended, it is %s now", row.mailing_no, row.n, row.state)
    tallies.add(tallies.LEASES_OVER, len(over))
    counting.doubt({row.mailing_no for row in over})
    values = {"now": now, "before": now - UNKNOWN_PAUSE, "size": REAP_LIMIT}
    again = session().execute(_ONCE_MORE, values).all()
    for row in again:
        log.info("message %s-%s is in doubt and will be tried once more", row.mailing_no, row.n)
    return len(over) + len(again)


def _tell(first: Held, ends: Sequence[tuple[Held, End]], now: datetime) -> None:
    """Publish what ended, once per commit."""
    if ends:
        rows = Finished(
            lambda: [
                FinishedMessage(
                    held.n, held.workspace_id, held.contact_id, held.dedupe, end.state.value, end.message_id,
                    end.mime_sha256, end.reply, now, end.mime,
                )
                for held, end in ends
            ]
        )  # fmt: skip
        publish(MessagesFinished(first.mailing_no, first.head.kind.value, first.head.name, rows))
