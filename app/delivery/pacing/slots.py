"""Connections, shared: a route has so many in all workers together, and each lease frees its own when it ends.

An owner asks every second (``RENEW_SECONDS``). One that could not ask for ``LEASE`` must close what it has open
before it sends anything: its part may be somebody else's by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import text

from app.kernel import clock
from app.kernel.db import session

LEASE: Final = timedelta(seconds=20)
RENEW_SECONDS: Final = 1.0
TURN: Final = timedelta(seconds=1.2)
"""From one connection to the next, over all workers, while nothing but receivers that cool down is due."""
_NOBODY: Final = ""
"""The owner of the row that says when the next one may connect."""
USUAL: Final = 40
"""Connections to one mail server where its owner says nothing else."""
MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class Ask:
    """What an owner has open on a route, and how many it could use."""

    held: int
    wanted: int


def fair_shares(cap: int, wanted: Mapping[str, int]) -> dict[str, int]:
    """Share ``cap`` so that nobody has fewer than another who wants as much, in whole numbers; pure.

    Args:
        cap: what there is.
        wanted: by owner, those who came first first: they get what cannot be divided.
    """
    shares = dict.fromkeys(wanted, 0)
    left, open_owners = cap, [owner for owner in wanted if wanted[owner] > 0]
    while left > 0 and open_owners:
        each = max(1, left // len(open_owners))
        for owner in open_owners:
            more = min(each, wanted[owner] - shares[owner], left)
            shares[owner] += more
            left -= more
        open_owners = [owner for owner in open_owners if shares[owner] < wanted[owner]]
    return shares


# One at a time for each route: a new owner has no row yet that could be locked.
_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('slots ' || :route, 0))")
_OTHERS = text(
    "SELECT owner, held, wanted, since FROM slots WHERE route = :route AND lease_until > :now ORDER BY since, owner"
)
_CAP = text("SELECT connections FROM paces WHERE route = :route AND domain_group = ''")
_WRITE = text(
    "INSERT INTO slots (route, owner, held, wanted, since, lease_until)"
    " VALUES (:route, :owner, :held, :wanted, :now, :lease_until) ON CONFLICT (route, owner) DO UPDATE"
    " SET held = excluded.held, wanted = excluded.wanted, lease_until = excluded.lease_until,"
    " since = CASE WHEN slots.lease_until <= :now THEN excluded.since ELSE slots.since END"
)
_TURN = text(
    "INSERT INTO slots (route, owner, held, wanted, since, lease_until)"
    " VALUES (:route, :owner, 0, 0, :now, :lease_until) ON CONFLICT (route, owner) DO UPDATE"
    " SET lease_until = excluded.lease_until WHERE slots.lease_until <= :now RETURNING route"
)
_RELEASE = text("DELETE FROM slots WHERE owner = :owner")
_OVER = text("DELETE FROM slots WHERE lease_until <= :now")


def renew(owner: str, asks: Mapping[str, Ask]) -> dict[str, int]:
    """Say what is open and ask for more, in a transaction of its own; four statements a route.

    More than is open: so many may be opened. Fewer: somebody else has come; close the difference when its messages
    are through and ask again, the others get it from then on.

    Args:
        owner: as of leases.
        asks: by route, everything the owner has open; a route that is left out keeps its lease's end.

    Returns:
        How many may be open, by route.
    """
    return {route: _renew_one(owner, route, asks[route]) for route in sorted(asks)}


def _renew_one(owner: str, route: str, ask: Ask) -> int:
    session().execute(_ALONE, {"route": route})
    now = clock.now()
    cap: int = session().execute(_CAP, {"route": route}).scalar_one_or_none() or USUAL
    rows = session().execute(_OTHERS, {"route": route, "now": now}).all()
    others = {row.owner: row for row in rows if row.owner != owner}
    wanted = {row.owner: ask.wanted if row.owner == owner else row.wanted for row in rows}
    wanted.setdefault(owner, ask.wanted)
    share = fair_shares(cap, wanted)[owner]
    free: int = max(0, cap - sum(row.held for row in others.values()))
    # What it has open counts until it says that it is closed.
    held = max(ask.held, min(share, free))
    values = {"route": route, "owner": owner, "held": held, "wanted": ask.wanted, "now": now}
    session().execute(_WRITE, values | {"lease_until": now + LEASE})
    return min(share, free)


def turn(route: str) -> bool:
    """Whether one connection of a route may be opened now whose receivers cool down; the next one may a second later."""
    now = clock.now()
    values = {"route": route, "owner": _NOBODY, "now": now, "lease_until": now + TURN}
    return session().execute(_TURN, values).first() is not None


def release(owner: str) -> None:
    """Give everything back; after its connections are closed."""
    session().execute(_RELEASE, {"owner": owner})


def forget_old() -> None:
    """Remove rows whose lease is over; they count nothing already."""
    session().execute(_OVER, {"now": clock.now()})
