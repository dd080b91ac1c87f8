"""Two writes a message: taken and begun in one transaction, ended in another.

Between the two statements of the first transaction the mails are made, so a fault in one is never in doubt, and the
rows of those who may say no stay locked: whoever says no meanwhile waits for these milliseconds, and what they say
counts for the next turn.

Claiming first and beginning later wrote each row three times: PostgreSQL took 0.050 s of CPU for 1,000 messages in
batches of 500, and takes 0.033 s in this way (PostgreSQL 18, two cores).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import TextClause, text

from app.consent import queries as consent
from app.delivery import outbox, queries
from app.delivery.outbox import COLUMNS, HEAD, Head, Held, held_of
from app.delivery.pacing.buckets import route_sql
from app.delivery.rules import MAY_LEAVE, Kind, Lane
from app.kernel.db import session

CANDIDATES: Final = 16
TAKE: Final = {Lane.BULK: 200, Lane.SYSTEM: 20}
"""So many are taken at once at most: each system mail is read and made by itself, while their rows are locked.

Of bulk, 500 at once are no faster than 200 (three and five runs of 50,000, within their spread) and hold 3 MB more."""

_CHOOSE = text(
    f"SELECT {HEAD}, {route_sql('g')}, {queries.CAP_SQL} FROM mailings g CROSS JOIN LATERAL ("  # noqa: S608  no input in it
    f" SELECT m.due_at FROM messages m WHERE m.mailing_no = g.no AND m.state = 'pending' AND m.due_at <= :now{MAY_LEAVE}"
    " ORDER BY m.due_at LIMIT 1) AS first"
    f" WHERE g.lane = :lane AND g.state = 'running' AND {route_sql('g')} <> ALL(CAST(:shut AS text[]))"
    " ORDER BY g.vtime, first.due_at LIMIT :candidates"
)


def choose(lane: Lane, now: datetime, shut: Sequence[str] = ()) -> list[tuple[Head, str]]:
    """Running mailings with something due, each with its route: the one first that has had least for its weight.

    Args:
        lane: whose.
        now: the database's clock.
        shut: routes that rest.
    """
    values = {"now": now, "lane": lane, "candidates": CANDIDATES, "shut": list(shut)}
    return [(outbox.head_of(row, row[-1]), row[-2]) for row in session().execute(_CHOOSE, values)]


_IS_DUE = text(
    f"SELECT EXISTS (SELECT FROM messages m WHERE m.mailing_no = :no AND m.state = 'pending' AND m.due_at <= :now{MAY_LEAVE}"  # noqa: S608  no input in it
    " AND (m.domain_group IS NULL OR m.domain_group <> ALL(CAST(:but AS text[]))))"
)


def is_due(head: Head, now: datetime, *, but: Collection[str] = ()) -> bool:
    """Whether anything of a mailing is due, beside that of some domain groups."""
    return bool(session().execute(_IS_DUE, {"no": head.no, "now": now, "but": list(but)}).scalar_one())


_HOLD = text("SELECT FROM mailings WHERE no = :no FOR NO KEY UPDATE")


def hold(head: Head) -> None:
    """Lock the mailing before its pacing: who pauses it for what servers said locks in that order."""
    session().execute(_HOLD, {"no": head.no})


@dataclass(slots=True, eq=False)
class Taken:
    """A message that is locked by this transaction.

    Attributes:
        refusal: the gate's answer; empty for a yes.
    """

    held: Held
    refusal: str


_SHARE_BOTH: Final = " FOR SHARE OF p, r SKIP LOCKED"
_BY_PERMISSION: Final = " JOIN permissions p ON p.id = m.permission_id JOIN reach r ON r.id = m.reach_id"
BULK_REASON: Final = (
    "CASE WHEN r.erased_at IS NOT NULL THEN 'erased' WHEN r.suppressed_at IS NOT NULL"
    " THEN coalesce(r.suppressed_reason, 'suppressed') WHEN r.objected_at IS NOT NULL THEN 'stopped everything'"
    " WHEN p.state <> 'yes' THEN 'no permission' WHEN r.paused_until > :now THEN 'on pause'"
    " WHEN r.digest IS NOT NULL THEN 'gets a digest' ELSE 'no permission' END"
)
"""What the gate has against a message of bulk, in the words of reports."""


@dataclass(frozen=True, slots=True)
class _Sort:
    """Whom messages go to, and what may speak against it.

    Attributes:
        which: condition on ``m``; empty for all of a mailing.
        join: the rows that may hold a no.
        lock: what is done with them.
        gate: the question, in SQL.
        reason: the answer where it is no.
        columns: of the message.
    """

    which: str
    join: str
    lock: str
    gate: str
    reason: str
    columns: str = f"{COLUMNS}, m.ctid"


HAD_ENOUGH: Final = "had enough mails this week"
"""The same where a workspace's own number speaks against it (``queries.limits``)."""
# Of bulk, nobody has data of their own, and what makes a message unique is whom it goes to.
_BULK_COLUMNS: Final = (
    "m.n, m.fence, m.contact_id, m.permission_id, m.reach_id, m.domain_group, m.created_at, m.attempts, m.host_faults,"
    " m.render_faults, m.crash_count, m.first_at, m.from_domain, m.ctid"
)
_NO_DATA: Final[dict[str, Any]] = {}
_SORTS: Final = {
    "bulk": _Sort("", _BY_PERMISSION, _SHARE_BOTH, consent.gate_sql(), BULK_REASON, _BULK_COLUMNS),
    "contact": _Sort(
        " AND m.contact_id IS NOT NULL AND m.permission_id IS NULL",
        " JOIN reach r ON r.id = m.reach_id", " FOR SHARE OF r SKIP LOCKED", consent.system_gate_sql(),
        "CASE WHEN r.erased_at IS NOT NULL THEN 'erased' ELSE coalesce(r.suppressed_reason, 'suppressed') END",
    ),
    # A mail of its own that stands on a permission: the digest that somebody chose instead of every mail.
    "digest": _Sort(
        " AND m.permission_id IS NOT NULL", _BY_PERMISSION, _SHARE_BOTH, consent.gate_sql(as_digest=True),
        BULK_REASON.replace("r.digest IS NOT NULL THEN 'gets a digest'", "r.digest IS NULL THEN 'no digest'"),
    ),
    # Nobody stands behind it: who makes the mail asks whether the address may be written to.
    "address": _Sort(" AND m.contact_id IS NULL AND m.user_id IS NULL", "", "", "TRUE", "''"),
    "user": _Sort(
        " AND m.user_id IS NOT NULL",
        " JOIN users u ON u.id = m.user_id", " FOR SHARE OF u SKIP LOCKED", "u.disabled_at IS NULL", "'this user is disabled'",
    ),
}  # fmt: skip
# Where people get so many mails a week at most, one worker at a time may begin one to somebody.
_SORTS["capped"] = replace(_SORTS["bulk"], lock=" FOR SHARE OF p SKIP LOCKED FOR NO KEY UPDATE OF r SKIP LOCKED")


# All rows are locked, and none is waited for: who is saying no right now is passed over and asked again at
# the next turn. A row that changed since the statement began is read again once it is locked, gate included.
def _take_sql(sort: _Sort, which: str) -> TextClause:
    return text(
        f"WITH due AS MATERIALIZED (SELECT {sort.columns} FROM messages m WHERE m.mailing_no = :no"  # noqa: S608
        f" AND m.state = 'pending' AND m.due_at <= :now{MAY_LEAVE} AND {which}{sort.which}"
        " AND (CAST(:resting AS text[]) IS NULL OR m.domain_group IS NULL OR m.domain_group <> ALL(CAST(:resting AS text[])))"
        " ORDER BY m.due_at LIMIT :size FOR UPDATE SKIP LOCKED)"
        f" SELECT m.*, CASE WHEN {sort.gate} THEN '' ELSE {sort.reason} END"
        f" FROM due m{sort.join} ORDER BY m.n{sort.lock}"
    )


_TAKE = {name: _take_sql(sort, "m.crash_count = 0") for name, sort in _SORTS.items()}
_TAKE_ALONE = {name: _take_sql(sort, "m.crash_count > 0") for name, sort in _SORTS.items()}
_FIRST = text(
    "SELECT CASE WHEN user_id IS NOT NULL THEN 'user' WHEN permission_id IS NOT NULL THEN 'digest'"
    " WHEN contact_id IS NULL THEN 'address' ELSE 'contact' END"
    " FROM messages WHERE mailing_no = :no AND state = 'pending' AND due_at <= :now"
    " ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED"
)


def take(
    head: Head, size: int, now: datetime, resting: Collection[str] = (), *, is_quiet: bool = True
) -> list[Taken]:
    """Lock up to so many due messages of a mailing, of one sort of recipients, and ask the gate about each.

    A message whose worker ended comes alone, once no other is due or in flight: if it is the culprit, it takes
    nobody with it.

    Args:
        head: the mailing.
        size: at most so many.
        now: the database's clock.
        resting: domain groups that get nothing now.
        is_quiet: nothing of this worker is in flight.
    """
    values = {"no": head.no, "now": now, "size": size, "resting": list(resting) or None}
    if head.kind is Kind.BULK:
        return _take_bulk(head, values, is_quiet=is_quiet)
    sort = session().execute(_FIRST, values).scalar_one_or_none()
    if sort is None:
        return []
    return [Taken(held_of(head, row[:-1]), row[-1]) for row in _rows(sort, values, is_quiet=is_quiet)]


def _rows(sort: str, values: dict[str, Any], *, is_quiet: bool) -> Sequence[Any]:
    rows = session().execute(_TAKE[sort], values).all()
    if not rows and is_quiet:
        rows = session().execute(_TAKE_ALONE[sort], values | {"size": 1}).all()
    return rows


def _take_bulk(head: Head, values: dict[str, Any], *, is_quiet: bool) -> list[Taken]:
    rows = _rows("capped" if head.weekly else "bulk", values, is_quiet=is_quiet)
    taken = [_taken(head, *row) for row in rows]
    if head.weekly:
        _leave_out(head, [one for one in taken if not one.refusal], values["now"])
    return taken


def _leave_out(head: Head, taken: Sequence[Taken], now: datetime) -> None:
    """Whoever has had as many mails this week as the workspace sends at most."""
    assert head.weekly is not None
    asked = [one.held.contact_id for one in taken if one.held.contact_id is not None]
    enough = queries.had_enough(head.no, head.weekly, asked, now) if asked else set()
    for one in taken:
        if one.held.contact_id in enough:
            one.refusal = HAD_ENOUGH


def _taken(
    head: Head, n: int, fence: int, contact_id: UUID, permission_id: UUID, reach_id: UUID, group: str | None,
    created_at: datetime, attempts: int, host_faults: int, render_faults: int, crash_count: int,
    first_at: datetime | None, from_domain: str | None, place: str, refusal: str,
) -> Taken:  # fmt: skip
    held = Held(
        head, n, fence, contact_id, None, permission_id, reach_id, contact_id, group or "", _NO_DATA, created_at,
        attempts, host_faults, render_faults, crash_count, first_at, from_domain, place,
    )  # fmt: skip
    return Taken(held, refusal)


# The mailing's row is locked for the rest of this transaction, so that a pause comes before or after a whole turn. The
# messages are found by their place, which cannot change while they are locked: what the planner believes of a mailing
# whose audience was made a moment ago would let it read all of it for each turn (30 ms instead of 3 for 150 of 10,000).
_BEGIN = text(
    "WITH running AS (UPDATE mailings SET vtime = vtime + CAST(:taken AS double precision) / weight"
    " WHERE no = :no AND state = 'running' RETURNING no)"
    " UPDATE messages m SET state = 'attempting', fence = m.fence + 1, lease_owner = :owner, lease_until = :lease_until,"
    " began_at = :now, attempts = m.attempts + 1, first_at = coalesce(m.first_at, :now),"
    " from_domain = coalesce(m.from_domain, :domain)"
    " WHERE m.ctid = ANY(CAST(CAST(:places AS text) AS tid[])) AND EXISTS (SELECT FROM running) RETURNING m.n, m.ctid"
)


def begin(batch: Sequence[Held], owner: str, domain: str, now: datetime) -> bool:
    """Note that a server will now be asked for these taken messages; False: the mailing does not run any more.

    Args:
        batch: of one mailing, all taken by this transaction.
        owner: of the leases.
        domain: of the sender; the first attempt's is kept.
        now: the database's clock.
    """
    if not batch:
        return True
    values: dict[str, Any] = {
        "no": batch[0].mailing_no, "places": outbox.places_of(batch), "taken": 0 if batch[0].head.kind is Kind.SYSTEM else len(batch), "owner": owner,
        "domain": domain, "now": now, "lease_until": now + outbox.ATTEMPT_LEASE,
    }  # fmt: skip
    places = {row[0]: row[1] for row in session().execute(_BEGIN, values).all()}
    for held in batch:
        held.fence += 1
        held.place = places.get(held.n, "")
    return len(places) == len(batch)
