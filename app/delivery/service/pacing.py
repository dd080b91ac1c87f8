"""How fast and over how many connections the owner lets mails go, by way out and by receiver."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import text

from app.delivery import queries
from app.delivery.pacing import slots, watch
from app.delivery.pacing.buckets import route_key
from app.delivery.pacing.groups import group_of
from app.delivery.pacing.rules import WHOLE
from app.kernel import clock, jobs
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict

MOST_A_MINUTE: Final = 10_000_000
MAX_DOMAIN: Final = 253

_SET = text(
    "INSERT INTO paces (route, domain_group, own_rate, filled_at) VALUES (:route, :group, :rate, :now)"
    " ON CONFLICT (route, domain_group) DO UPDATE SET own_rate = excluded.own_rate, tokens = 0, filled_at = :now"
)
_SET_CONNECTIONS = text(
    "INSERT INTO paces (route, domain_group, connections, filled_at) VALUES (:route, '', :number, :now)"
    " ON CONFLICT (route, domain_group) DO UPDATE SET connections = excluded.connections"
)
_REOPEN = text(
    "UPDATE paces SET rest = NULL, rest_until = NULL, rests = 0, faults = 0, probe_until = NULL, rate = NULL,"
    " goal = NULL, start = NULL, rated_at = NULL, says = '' WHERE route = :route AND (:is_all OR domain_group = '')"
)
_FORGET_ROUTE = text("DELETE FROM paces WHERE route = :route")
_FORGET_IDLE = text(
    "DELETE FROM paces WHERE own_rate IS NULL AND connections IS NULL AND faults = 0 AND coalesce(rest, '') NOT IN"
    " ('away', 'refused') AND (rest_until IS NULL OR rest_until <= :now)"
    " AND (rate IS NULL OR rated_at < CAST(:now AS timestamptz) - interval '15 minutes')"
)


def own_route(workspace_id: UUID) -> str:
    """The route of the workspace's own mail server, whose limits are its own to set.

    Raises:
        Conflict: it uses the installation's, whose limits are set from the shell.
    """
    sender = queries.sender_of(workspace_id)
    if sender is None or sender.transport_id is None:
        raise Conflict("This mail server is everybody's; whoever runs it sets its limits.")
    return route_key(sender.transport_id)


def set_rate(route: str, domain: str, per_minute: float) -> None:
    """Let at most so many messages a minute go, over all workers together.

    Args:
        route: a transport's id as text, or ``default``.
        domain: of a receiver, whose provider's other domains count with it; empty for the route as a whole.
        per_minute: more than 0.

    Raises:
        BadInput: with ``fields`` domain, per_minute.
    """
    faults = _faults(per_minute, None)
    group = _group(domain, faults)
    if faults:
        raise BadInput("This limit does not fit.", fields=faults)
    session().execute(_SET, {"route": route, "group": group, "rate": per_minute / 60, "now": clock.now()})


def clear_rate(route: str, domain: str = WHOLE) -> None:
    """Take an owner's limit away; what a receiver asked for stays."""
    session().execute(_SET, {"route": route, "group": _group(domain, {}), "rate": None, "now": clock.now()})


def set_connections(route: str, number: int | None) -> None:
    """Have at most so many connections open, over all workers together; None: the usual number.

    Raises:
        BadInput: with ``fields`` connections.
    """
    faults = _faults(None, number)
    if faults:
        raise BadInput("This limit does not fit.", fields=faults)
    session().execute(_SET_CONNECTIONS, {"route": route, "number": number, "now": clock.now()})


def set_pace(route: str, per_minute: float | None, connections: int | None) -> None:
    """Set what holds for a route as a whole, both or nothing; None: no rate, the usual number of connections.

    Raises:
        BadInput: with ``fields`` per_minute, connections.
    """
    faults = _faults(per_minute, connections)
    if faults:
        raise BadInput("This limit does not fit.", fields=faults)
    if per_minute is None:
        clear_rate(route)
    else:
        set_rate(route, WHOLE, per_minute)
    set_connections(route, connections)


def reopen(route: str, *, is_all: bool = False) -> None:
    """Try a way out at once, whatever was learnt about it: its settings have changed, or somebody knows better.

    Args:
        route: as of ``set_rate``.
        is_all: also what each receiver asked for.
    """
    session().execute(_REOPEN, {"route": route, "is_all": is_all})
    for lane in queries.lanes_due():
        jobs.ring_lane(lane)


def forget_route(route: str) -> None:
    """A way out is no more: neither are its limits."""
    session().execute(_FORGET_ROUTE, {"route": route})


def sweep() -> None:
    """Remove what limits and counts nothing any longer; a job."""
    session().execute(_FORGET_IDLE, {"now": clock.now()})
    slots.forget_old()
    watch.forget_old()


def _faults(per_minute: float | None, connections: int | None) -> dict[str, str]:
    faults: dict[str, str] = {}
    if per_minute is not None and not 0 < per_minute <= MOST_A_MINUTE:
        faults["per_minute"] = "Write how many mails a minute, such as 600."
    if connections is not None and not 1 <= connections <= slots.MOST:
        faults["connections"] = f"Write a number from 1 to {slots.MOST:,}."
    return faults


def _group(domain: str, faults: dict[str, str]) -> str:
    name = domain.strip().lower().rstrip(".")
    if len(name) > MAX_DOMAIN or not name.isascii() or any(sign in name for sign in " @/:"):
        faults["domain"] = "Write the part behind the @, such as gmail.com."
    return group_of(name)
