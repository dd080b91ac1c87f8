"""What limits sending now, in words for people, and for the figures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text

from app.delivery.models import SenderRow
from app.delivery.pacing import buckets, slots, tallies
from app.delivery.pacing.buckets import DEFAULT_ROUTE, route_key, route_sql
from app.delivery.pacing.rules import WHOLE, Pace, Rest, codes_of, words
from app.delivery.queries.outbox import default_sender, oldest_due_seconds
from app.delivery.rules import Lane
from app.kernel.db import session

LATE: Final = {Lane.SYSTEM: timedelta(minutes=1), Lane.BULK: timedelta(hours=2)}
"""For so long a due message may wait before it is worth a word."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One limit as a page shows it.

    Attributes:
        route: a transport's id, or ``default``.
        group: the receiver's domain; empty for the mail server as a whole.
        why: a sentence or two.
        is_resting: nothing goes out there now.
        until: when it is tried again, or is back to full speed; None: as long as the owner wants it.
        per_minute: what may go a minute, or None while it rests or nothing is known.
        own_per_minute: what the owner allows, or None.
    """

    route: str
    group: str
    why: str
    is_resting: bool
    until: datetime | None
    per_minute: float | None
    own_per_minute: float | None


def standing(workspace_id: UUID) -> list[Standing]:
    """What limits a workspace's mails now, the mail server first."""
    sender = session().execute(default_sender(workspace_id)).scalar_one_or_none()
    return _shown(_route(sender))


_ROUTE_OF = text(
    f"SELECT {route_sql('g')} AS route FROM mailings g WHERE g.no = :no AND g.workspace_id = :workspace_id"  # noqa: S608  no input in it
)


def route_of(workspace_id: UUID, mailing_no: int) -> str | None:
    """By which way out a mailing goes; None: the workspace has no such mailing."""
    values = {"no": mailing_no, "workspace_id": workspace_id}
    route: str | None = session().execute(_ROUTE_OF, values).scalar_one_or_none()
    return route


def limits_of(workspace_id: UUID, mailing_no: int, limit: int = 10) -> list[Standing]:
    """What limits a mailing's way out now, the mail server first; nothing where the workspace has no such mailing."""
    route = route_of(workspace_id, mailing_no)
    return _shown(route, limit) if route else []


def _shown(route: str, limit: int | None = None) -> list[Standing]:
    """As people of one workspace may see it: what a shared server was told names others' domains."""
    return route_standing(route, is_brief=route == DEFAULT_ROUTE)[:limit]


def _route(sender: SenderRow | None) -> str:
    return route_key(sender.transport_id if sender else None)


def route_standing(route: str | None = None, *, is_brief: bool = False) -> list[Standing]:
    """What limits a route now, or all of them; brief: of the servers' words the codes alone."""
    found = buckets.limits()
    return [
        _standing(of, group, replace(pace, says=codes_of(pace.says)) if is_brief else pace, found.now)
        for (of, group), pace in sorted(found.paces.items())
        if (route is None or of == route) and words(pace, group, found.now)
    ]


def _standing(route: str, group: str, pace: Pace, now: datetime) -> Standing:
    is_resting = pace.rests_at(now) or pace.is_half_open(now)
    rate = None if is_resting else pace.allows(now)
    own = pace.own_rate
    return Standing(
        route, group, words(pace, group, now), is_resting,
        pace.rest_until if is_resting else (pace.free_at() if pace.learnt(now) is not None else None),
        rate * 60 if rate is not None else None, own * 60 if own is not None else None,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Route:
    """A way out, as the shell lists it."""

    key: str
    says: str
    connections: int


_ROUTES = text(
    "SELECT CAST(t.id AS text) AS key, t.host, t.port, w.name FROM transports t"
    " JOIN workspaces w ON w.id = t.workspace_id ORDER BY w.name, t.id"
)


def list_routes() -> list[Route]:
    """Every way out of the installation, its own mail server first."""
    own = Route(DEFAULT_ROUTE, "the mail server of this installation", connections(DEFAULT_ROUTE))
    others = [
        Route(row.key, f"{row.host}:{row.port} of {row.name}", connections(row.key))
        for row in session().execute(_ROUTES)
    ]
    return [own, *others]


_CONNECTIONS = text("SELECT connections FROM paces WHERE route = :route AND domain_group = ''")


_OWN_RATES = text(
    "SELECT domain_group, own_rate FROM paces WHERE route = :route AND own_rate IS NOT NULL ORDER BY domain_group"
)
USUAL_CONNECTIONS: Final = slots.USUAL


def own_rates(route: str) -> dict[str, float]:
    """What the owner allows a minute by receiver; under the empty name for the route as a whole."""
    return {row.domain_group: row.own_rate * 60 for row in session().execute(_OWN_RATES, {"route": route})}


def own_connections(route: str) -> int | None:
    """How many connections the owner allows in all workers together; None: the usual number."""
    found: int | None = session().execute(_CONNECTIONS, {"route": route}).scalar_one_or_none()
    return found


def connections(route: str) -> int:
    """How many connections a route may have in all workers together."""
    return own_connections(route) or USUAL_CONNECTIONS


@dataclass(frozen=True, slots=True)
class PaceFigures:
    """Numbers over all routes: what rests by reason, what is slowed, connections in use by route, and ``tallies``."""

    resting: dict[str, int]
    slowed_groups: int
    connections: dict[str, int]
    tallies: dict[str, int]


_IN_USE = text("SELECT route, sum(held) AS held FROM slots WHERE lease_until > :now GROUP BY route ORDER BY route")


def pace_figures() -> PaceFigures:
    """For the figures of the installation."""
    found = buckets.limits()
    resting = dict.fromkeys((rest.value for rest in Rest), 0)
    paces = found.paces.items()
    resting.update(
        Counter(pace.rest.value for _, pace in paces if pace.rest is not None and pace.rests_at(found.now))
    )
    slowed = sum(1 for (_, group), pace in paces if group != WHOLE and pace.allows(found.now) is not None)
    in_use = {row.route: int(row.held) for row in session().execute(_IN_USE, {"now": found.now})}
    return PaceFigures(resting, slowed, in_use, tallies.read())


def late_words() -> list[str]:
    """A sentence for each lane whose oldest due message has waited for too long."""
    ages = {lane: timedelta(seconds=oldest_due_seconds(lane)) for lane in Lane}
    return [
        f"The oldest message of the lane {lane.value} that is due has waited for {_span(age)}."
        for lane, age in ages.items()
        if age > LATE[lane]
    ]


def _span(age: timedelta) -> str:
    minutes = round(age.total_seconds() / 60)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"
