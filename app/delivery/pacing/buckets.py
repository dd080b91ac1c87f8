"""The limits as they stand in the tables: read, granted from, and learnt, inside the caller's transaction.

Locks are taken in the order of the groups. A transaction asks or tells once and about one route; whoever also locks
mailings locks them before.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text

from app.delivery.pacing import tallies
from app.delivery.pacing.rules import (
    BURST_SECONDS,
    DOUBLING_SECONDS,
    GAIN,
    LONGEST_SECONDS,
    PROBE,
    WHOLE,
    Pace,
    Rest,
    Signs,
    learn,
    words,
)
from app.delivery.rules import Lane
from app.kernel import clock
from app.kernel.db import session

log = logging.getLogger(__name__)

DEFAULT_ROUTE: Final = "default"
"""The installation's own mail server."""
AHEAD_SECONDS: Final = {Lane.SYSTEM: 5.0, Lane.BULK: 0.0}
"""System mail may take what a bucket will hold so much later: newsletters wait for it, the sum stays the same."""


def route_key(transport_id: UUID | None) -> str:
    """The name of a way out in the tables of pacing."""
    return str(transport_id) if transport_id else DEFAULT_ROUTE


def transport_of(route: str) -> UUID | None:
    """The transport that a route's name stands for; None: the installation's own mail server."""
    return None if route == DEFAULT_ROUTE else UUID(route)


# A mailing to many keeps its way out with its sender; system mail takes whatever its workspace uses now.
ROUTE_SQL: Final = (
    "CASE WHEN {g}.sender IS NOT NULL THEN coalesce({g}.sender ->> 'transport_id', 'default') ELSE coalesce("
    "(SELECT CAST(s.transport_id AS text) FROM senders s WHERE s.workspace_id = {g}.workspace_id AND s.is_default),"
    " 'default') END"
)


def route_sql(mailing: str) -> str:
    """The SQL expression of a mailing's route; ``mailing`` is the table's name in the query."""
    return ROUTE_SQL.format(g=mailing)


SPARE: Final = 5
"""So many messages of a limited group stay due beside those that may go now: the next turn may have tokens."""
PROBE_LOOK_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Queue:
    """How the due messages of a limited group should stand in line.

    Attributes:
        keep: so many stay due.
        first: seconds until the next one's turn.
        gap: seconds from each to the one after it.
    """

    keep: int
    first: float
    gap: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Everything that is limited at one moment; empty while nothing is."""

    now: datetime
    paces: Mapping[tuple[str, str], Pace] = field(default_factory=dict)
    room: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """Messages in the buckets of those that have one."""

    def touches(self, route: str, groups: Iterable[str]) -> bool:
        """Whether one of them, or the route as a whole, must be asked for."""
        return (route, WHOLE) in self.paces or any((route, group) in self.paces for group in groups)

    def shut_routes(self) -> list[str]:
        """Routes on which nothing may begin now: leave their mailings out when claiming, and do not connect."""
        return [route for route, group in self.paces if not group and self.is_shut(route, WHOLE)]

    def shut_groups(self, route: str) -> list[str]:
        """Groups of a route of which nothing may begin now: leave them out when claiming."""
        return [group for of, group in self.paces if group and of == route and self.is_shut(of, group)]

    def is_shut(self, route: str, group: str) -> bool:
        """Whether it rests, its probe is under way, or its bucket is empty."""
        pace = self.paces[route, group]
        if pace.is_half_open(self.now):
            return pace.probe_until is not None and pace.probe_until > self.now
        return pace.rests_at(self.now) or self.room.get((route, group), 1.0) < 1.0

    def most(self, route: str, size: int) -> int:
        """So many messages of a route are worth claiming now, at most ``size``."""
        pace = self.paces.get((route, WHOLE))
        if pace is None:
            return size
        if self.is_shut(route, WHOLE):
            return 0
        if pace.is_half_open(self.now):
            return min(1, size)
        return min(size, int(self.room.get((route, WHOLE), size)))

    def cooling(self, route: str) -> list[str]:
        """Groups of a route that rest, are tried by one message, or were asked for slowly; empty for the route itself."""
        return [
            group
            for (of, group), pace in self.paces.items()
            if of == route and (pace.rest is not None or pace.learnt(self.now) is not None)
        ]

    def opens_in(self) -> float | None:
        """Seconds until the first of those that are shut opens; None: none is."""
        waits = [self._wait(*key) for key in self.paces if self.is_shut(*key)]
        return min(waits) if waits else None

    def queues(self, route: str) -> dict[str, Queue]:
        """How the messages of each limited group of a route should stand in line."""
        return {
            group: self._queue(route, group)
            for of, group in self.paces
            if of == route and group and (self.is_shut(of, group) or self._is_narrow(of, group))
        }

    def _is_narrow(self, route: str, group: str) -> bool:
        return self.paces[route, group].is_half_open(self.now) or (route, group) in self.room

    def _queue(self, route: str, group: str) -> Queue:
        pace = self.paces[route, group]
        if pace.is_half_open(self.now):
            # Whether it opens is known once the probe is answered, mostly much sooner than it may take.
            return Queue(0 if self.is_shut(route, group) else 1, PROBE_LOOK_SECONDS, 0.0)
        rate = pace.allows(max(self.now, pace.rated_at or self.now))
        gap = 1.0 / rate if rate else 0.0
        if pace.rests_at(self.now):
            return Queue(0, self._wait(route, group), gap)
        keep = int(self.room.get((route, group), 0.0)) + SPARE + int((rate or 0.0) * BURST_SECONDS)
        return Queue(max(0, keep), (keep + 1) * gap, gap)

    def _wait(self, route: str, group: str) -> float:
        pace = self.paces[route, group]
        if pace.rests_at(self.now) and pace.rest_until:
            return (pace.rest_until - self.now).total_seconds()
        if pace.is_half_open(self.now):
            return max(0.0, ((pace.probe_until or self.now) - self.now).total_seconds())
        rate = pace.allows(self.now)
        return max(0.0, (1.0 - self.room.get((route, group), 1.0)) / rate) if rate else 0.0


_COLUMNS: Final = (
    "route, domain_group, own_rate, rate, goal, start, rated_at, rest, rest_until, rests, faults, probe_until,"
    " says"
)
_LIMITS = text(
    f"SELECT {_COLUMNS}, tokens, filled_at FROM paces"  # noqa: S608  no input in it
    " WHERE own_rate IS NOT NULL OR rate IS NOT NULL OR rest IS NOT NULL OR faults > 0"
)


def limits(lane: Lane = Lane.BULK) -> Limits:
    """What is limited now for a lane, over all routes; one statement over a table that is mostly empty."""
    rows = session().execute(_LIMITS).all()
    if not rows:
        return Limits(clock.roughly())
    now = clock.now()
    found = {(row.route, row.domain_group): _pace(row) for row in rows}
    paces = {key: pace for key, pace in found.items() if not pace.is_idle(now)}
    room = {
        (row.route, row.domain_group): filled(row.tokens, rate, (now - row.filled_at).total_seconds())
        + rate * AHEAD_SECONDS[lane]
        for row in rows
        if (rate := found[row.route, row.domain_group].allows(now)) is not None
    }
    return Limits(now, paces, room)


def filled(tokens: float, rate: float, seconds: float) -> float:
    """What a bucket holds after some seconds; the same as in the statement that grants."""
    return min(1.0 + rate * BURST_SECONDS, tokens + rate * max(0.0, seconds))


# The same sums as ``Pace.allows`` and ``filled``; rows that another session has just changed are read anew, because
# they are locked before anything is reckoned.
_GRANT = text(
    "WITH wanted AS (SELECT * FROM unnest(CAST(:groups AS text[]), CAST(:counts AS int[])) AS w (domain_group, n)),"  # noqa: S608  no input in it
    " held AS MATERIALIZED (SELECT * FROM paces WHERE route = :route AND domain_group = ANY(:keys)"
    " ORDER BY domain_group FOR UPDATE),"
    " grown AS (SELECT h.*, greatest(0, extract(epoch FROM :now - rated_at)) AS t,"
    f" rate * power({GAIN!r}, least({LONGEST_SECONDS!r}, greatest(0, extract(epoch FROM :now - rated_at))) / 60)"
    " AS line FROM held h),"
    " allowed AS (SELECT g.*, least(own_rate, CASE WHEN line < goal THEN"
    f" least(start * power(2, least(t, 600) / {DOUBLING_SECONDS!r}), line) END) AS eff FROM grown g),"
    f" full_to AS (SELECT a.*, least(1 + eff * {BURST_SECONDS!r}, tokens + eff * greatest(0,"
    " extract(epoch FROM :now - filled_at))) AS filled, coalesce(rest_until > :now, false) AS is_resting,"
    " coalesce(rest IN ('away', 'refused') AND rest_until <= :now, false) AS is_half_open FROM allowed a),"
    " rooms AS (SELECT f.*, CASE WHEN is_resting THEN 0 WHEN is_half_open THEN CAST(coalesce(probe_until <= :now, true)"
    " AS int) WHEN filled IS NOT NULL THEN greatest(0, floor(filled + eff * :ahead)) END AS room FROM full_to f),"
    " may AS (SELECT w.domain_group, least(w.n, r.room) AS n FROM wanted w LEFT JOIN rooms r"
    " ON r.domain_group = w.domain_group AND r.domain_group <> ''),"
    " shared AS (SELECT domain_group, greatest(0, least(n, (SELECT room FROM rooms WHERE domain_group = '')"
    " - coalesce(sum(n) OVER (ORDER BY n, domain_group ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0))) AS n"
    " FROM may),"
    " used AS (SELECT domain_group, n FROM shared WHERE domain_group <> '' UNION ALL"
    " SELECT '', sum(n) FROM shared),"
    " spent AS (UPDATE paces p SET tokens = coalesce(r.filled, 0) - CASE WHEN r.eff IS NULL THEN 0 ELSE u.n END,"
    " filled_at = greatest(r.filled_at, :now),"
    " probe_until = CASE WHEN r.is_half_open THEN CAST(:probe AS timestamptz) ELSE p.probe_until END"
    " FROM rooms r, used u WHERE p.route = r.route AND p.domain_group = r.domain_group"
    " AND u.domain_group = r.domain_group AND u.n > 0)"
    " SELECT domain_group, CAST(n AS int) AS n FROM shared"
)


def grant(route: str, wanted: Mapping[str, int], *, lane: Lane = Lane.BULK) -> dict[str, int]:
    """Take up to so many messages of each group out of the buckets; what nothing limits is granted in full.

    Whatever is granted and does not begin goes back by ``give_back``.

    Args:
        route: as of ``route_key``.
        wanted: how many by group; the empty group is whoever has no domain.
        lane: system mail may go a little ahead of the clock.

    Returns:
        How many of each group may begin now, in the order of ``wanted``.
    """
    now = clock.now()
    values = {
        "route": route, "groups": list(wanted), "counts": list(wanted.values()), "keys": [WHOLE, *wanted],
        "now": now, "probe": now + PROBE, "ahead": AHEAD_SECONDS[lane],
    }  # fmt: skip
    granted: dict[str, int] = {row.domain_group: row.n for row in session().execute(_GRANT, values)}
    return {group: granted[group] for group in wanted}


_GIVE_BACK = text(
    "WITH back AS (SELECT * FROM unnest(CAST(:groups AS text[]), CAST(:counts AS int[])) AS b (domain_group, n)),"
    " held AS (SELECT domain_group FROM paces WHERE route = :route AND domain_group = ANY(CAST(:groups AS text[]))"
    " ORDER BY domain_group FOR UPDATE)"
    " UPDATE paces p SET tokens = p.tokens + CASE WHEN p.own_rate IS NULL AND p.rate IS NULL THEN 0 ELSE back.n END,"
    " probe_until = NULL FROM back, held WHERE p.route = :route AND p.domain_group = back.domain_group"
    " AND held.domain_group = p.domain_group"
)


def give_back(route: str, unused: Mapping[str, int]) -> None:
    """Return what was granted and did not begin; a probe that was not made may be made by somebody else."""
    counts = {group: number for group, number in unused.items() if number and group}
    total = sum(unused.values())
    if total:
        counts[WHOLE] = total
        values = {"route": route, "groups": list(counts), "counts": list(counts.values())}
        session().execute(_GIVE_BACK, values)


_MAKE = text(
    "INSERT INTO paces (route, domain_group, filled_at) SELECT :route, made, :now"
    " FROM unnest(CAST(:groups AS text[])) WITH ORDINALITY AS m (made, i) ORDER BY i ON CONFLICT DO NOTHING"
)
_HOLD = text(
    f"SELECT {_COLUMNS} FROM paces WHERE route = :route AND domain_group = ANY(:groups)"  # noqa: S608  no input in it
    " ORDER BY domain_group FOR UPDATE"
)
_WRITE = text(
    "UPDATE paces p SET rate = e.rate, goal = e.goal, start = e.start, rated_at = e.rated_at, rest = e.rest,"
    " rest_until = e.rest_until, rests = e.rests, faults = e.faults, probe_until = e.probe_until, says = e.says,"
    " tokens = CASE WHEN e.empties THEN least(p.tokens, 0) ELSE p.tokens END,"
    " filled_at = CASE WHEN e.empties THEN greatest(e.rated_at, :now) ELSE p.filled_at END"
    " FROM jsonb_to_recordset(CAST(:paces AS jsonb)) AS e (domain_group text, rate float8, goal float8, start float8,"
    " rated_at timestamptz, rest text, rest_until timestamptz, rests int, faults int, probe_until timestamptz,"
    " says text, empties bool)"
    " WHERE p.route = :route AND p.domain_group = e.domain_group"
)


def write_learnt(
    route: str, signs: Mapping[str, Signs], uneasy: Collection[str], measured: Callable[[str], float]
) -> None:
    """Put what a batch of answers says into the rows: at most three statements, none where it says nothing new.

    Args:
        route: as of ``route_key``.
        signs: of each group, as of ``rules.read_signs``.
        uneasy: groups of the route that rest or count faults, which an answer may end.
        measured: messages a second that went to a group lately.
    """
    bad = sorted(group for group, found in signs.items() if found.is_bad)
    others = [group for group in signs if group in uneasy]
    if not bad and not others:
        return
    now = clock.now()
    if any(group not in uneasy for group in bad):
        session().execute(_MAKE, {"route": route, "groups": bad, "now": now})
    rows = session().execute(_HOLD, {"route": route, "groups": sorted({*bad, *others})}).all()
    changed: list[dict[str, Any]] = []
    for row in rows:
        group, before = row.domain_group, _pace(row)
        is_new = bool(signs[group].patience) and before.allows(now) is None
        speed = measured(group) if is_new else 0.0
        after = learn(before, signs[group], now, is_route=not group, measured=speed)
        if after != before:
            _tell(route, group, before, after, now)
            changed.append(_values(group, before, after))
    if changed:
        session().execute(_WRITE, {"route": route, "now": now, "paces": json.dumps(changed)})


def _tell(route: str, group: str, before: Pace, after: Pace, now: datetime) -> None:
    if (after.rest, after.rests, after.rate) == (before.rest, before.rests, before.rate):
        return
    said = words(after, group, now) or f"{group or 'The mail server'} takes mails again."
    log.warning("route %s: %s", route, said)
    if after.rests > before.rests:
        tallies.add(tallies.COOL_DOWNS, 1)


def _values(group: str, before: Pace, after: Pace) -> dict[str, Any]:
    return {
        "domain_group": group, "rate": after.rate, "goal": after.goal, "start": after.start,
        "rated_at": _iso(after.rated_at), "rest": after.rest, "rest_until": _iso(after.rest_until),
        "rests": after.rests, "faults": after.faults, "probe_until": _iso(after.probe_until), "says": after.says,
        "empties": after.rated_at != before.rated_at,
    }  # fmt: skip


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _pace(row: Row[Any]) -> Pace:
    return Pace(
        row.own_rate, row.rate, row.goal, row.start, row.rated_at, Rest(row.rest) if row.rest else None,
        row.rest_until, row.rests, row.faults, row.probe_until, row.says,
    )  # fmt: skip


HORIZON: Final = timedelta(minutes=5)
POSTPONED: Final = 5000
_POSTPONE = text(
    "WITH due AS (SELECT n, domain_group, due_at FROM messages WHERE mailing_no = :no AND state = 'pending'"
    " AND due_at <= :now AND domain_group = ANY(:groups) ORDER BY due_at LIMIT :size FOR UPDATE SKIP LOCKED),"
    " numbered AS (SELECT n, domain_group, row_number() OVER (PARTITION BY domain_group ORDER BY due_at, n) - 1 AS i"
    " FROM due),"
    " moved AS (UPDATE messages m SET due_at = CAST(:now AS timestamptz)"
    " + make_interval(secs => least(CAST(:horizon AS float8), q.first + q.gap * (d.i - q.keep)))"
    " FROM numbered d JOIN jsonb_to_recordset(CAST(:queues AS jsonb))"
    " AS q (domain_group text, keep int, first float8, gap float8) ON q.domain_group = d.domain_group AND d.i >= q.keep"
    " WHERE m.mailing_no = :no AND m.n = d.n RETURNING m.domain_group)"
    " SELECT domain_group, count(*) AS number FROM moved GROUP BY domain_group"
)


def postpone(mailing_no: int, queues: Mapping[str, Queue]) -> dict[str, int]:
    """Move due messages of limited groups to when it will be their turn, so that no claim looks at them meanwhile.

    Args:
        mailing_no: of the mailing.
        queues: by group; nobody waits longer than ``HORIZON`` for a new look.

    Returns:
        How many were moved, by group; at most ``POSTPONED`` together.
    """
    values = {
        "no": mailing_no, "now": clock.now(), "groups": list(queues), "size": POSTPONED,
        "horizon": HORIZON.total_seconds(),
        "queues": json.dumps([{"domain_group": group, **asdict(queue)} for group, queue in queues.items()]),
    }  # fmt: skip
    return {row.domain_group: row.number for row in session().execute(_POSTPONE, values)}
