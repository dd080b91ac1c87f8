"""When each message of a mailing is due, worked out in the statements that make and move them.

People are told apart by where they are (two fields, ``contacts.queries.place_sql``), and by the hour of their habit.
There are few of either, so each gets its moment in Python, where the rules are (``hours``), and SQL joins them.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import CursorResult, text

from app.accounts import queries as accounts
from app.contacts import queries as contacts
from app.contacts.queries import PlaceSql
from app.delivery import queries
from app.delivery.rules import hours
from app.delivery.rules.hours import By, Slot, Timing, timing_of
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import BadInput
from app.tracking import queries as tracking

log = logging.getLogger(__name__)

SLICE: Final = 10_000
NO_HOUR: Final = -1
"""The place of an hour where somebody's habit is not known."""
NEVER_OPEN: Final = "Its hours and the quiet hours of this workspace leave no hour of the week."


@dataclass(frozen=True, slots=True)
class DueSql:
    """Parts of a statement over people ``a`` (contact_id).

    Attributes:
        joins: behind its FROM.
        due: the moment.
        closes: when it has to wait again, or NULL.
        binds: of all three, beside ``now``.
    """

    joins: str = ""
    due: str = ":now"
    closes: str = "CAST(NULL AS timestamptz)"
    binds: dict[str, Any] = field(default_factory=dict)


_PLACES: Final = (
    " JOIN contacts c ON c.id = a.contact_id"
    " LEFT JOIN unnest(CAST(:place_zones AS text[]), CAST(:place_countries AS text[]), CAST(:place_names AS text[]))"
    " AS pl (zone, country, name) ON pl.zone = {zone} AND pl.country = {country}"
)
_SLOTS: Final = (
    " LEFT JOIN unnest(CAST(:slot_names AS text[]), CAST(:slot_hours AS integer[]), CAST(:slot_dues AS timestamptz[]),"
    " CAST(:slot_closes AS timestamptz[])) AS s (name, hour, due, closes)"
    " ON s.name = coalesce(pl.name, :home) AND s.hour = {hour}"
)


def due_sql(workspace_id: UUID, timing: Timing, start: datetime, now: datetime) -> DueSql:
    """When the messages of a mailing are due that is made now, and began at ``start``.

    Raises:
        BadInput: no hour of the week is left.
    """
    quiet = queries.contact_limits(workspace_id).quiet
    if timing.is_plain and quiet is None:
        return DueSql()
    if not hours.is_ever_open(timing.window, quiet):
        raise BadInput(NEVER_OPEN)
    home = ZoneInfo(accounts.brand(workspace_id).time_zone)
    place = contacts.place_sql(workspace_id)
    places = _places(workspace_id, place, home)
    usual, known = NO_HOUR, [NO_HOUR]
    joins, hour = _PLACES.format(zone=place.zone, country=place.country), ":usual"
    if timing.by is By.HABIT:
        found = tracking.usual_hour(workspace_id, home.key, now)
        usual, known = NO_HOUR if found is None else found, [NO_HOUR, *range(24)]
        people = (
            "SELECT c.id AS contact_id, coalesce(pl.name, :home) AS zone FROM (SELECT id AS contact_id FROM contacts"  # noqa: S608  no input in it
            " WHERE workspace_id = :workspace_id) AS a" + joins
        )
        joins += f" LEFT JOIN ({tracking.habits_sql(people)}) AS h ON h.contact_id = a.contact_id"
        hour = "coalesce(h.hour, :usual)"
    slots = {
        (name, at): hours.slot_of(
            timing, ZoneInfo(name), start=start, now=now, home=home, quiet=quiet, hour=None if at == NO_HOUR else at
        )
        for name in {home.key, *places.values()}
        for at in known
    }
    binds = {
        **place.binds, **_place_binds(places, home), **_slot_binds(slots), "usual": usual,
        "habits_since": now - tracking.HABIT_WITHIN, "workspace_id": workspace_id,
    }  # fmt: skip
    if timing.by is not By.HABIT:
        del binds["habits_since"]
    return DueSql(joins + _SLOTS.format(hour=hour), "coalesce(s.due, :now)", "s.closes", binds)


def first_moment(workspace_id: UUID, timing: Timing, at: datetime) -> datetime:
    """When a mailing begins whose time is ``at``: with everybody's own clock that of whose comes first."""
    if timing.by is not By.LOCAL:
        return at
    home = ZoneInfo(accounts.brand(workspace_id).time_zone)
    places = _places(workspace_id, contacts.place_sql(workspace_id), home)
    return hours.first_of(map(ZoneInfo, {*places.values()}), at, home)


def _places(workspace_id: UUID, place: PlaceSql, home: ZoneInfo) -> dict[tuple[str, str], str]:
    """The zone of each place that people of a workspace are at."""
    found = contacts.list_places(workspace_id, place)
    return {(zone, country): hours.zone_of(zone, country, home).key for zone, country in found}


def _place_binds(places: dict[tuple[str, str], str], home: ZoneInfo) -> dict[str, Any]:
    return {
        "place_zones": [zone for zone, _ in places], "place_countries": [country for _, country in places],
        "place_names": list(places.values()), "home": home.key,
    }  # fmt: skip


def _slot_binds(slots: dict[tuple[str, int], Slot]) -> dict[str, Any]:
    return {
        "slot_names": [name for name, _ in slots], "slot_hours": [hour for _, hour in slots],
        "slot_dues": [slot.due for slot in slots.values()], "slot_closes": [slot.closes for slot in slots.values()],
    }  # fmt: skip


# --- What has to wait again ---------------------------------------------------------------------------------------

_CLOSED = text(
    "SELECT g.no, g.workspace_id, g.timing FROM messages m JOIN mailings g ON g.no = m.mailing_no"
    " WHERE m.state = 'pending' AND m.closes_at <= :now LIMIT 1"
)
_MOVE = (
    "UPDATE messages m SET due_at = greatest(m.due_at, coalesce(s.due, :now)), closes_at = s.closes"
    " FROM (SELECT ctid AS place, contact_id FROM messages WHERE state = 'pending' AND closes_at <= :now"
    " AND mailing_no = :no LIMIT :size FOR UPDATE SKIP LOCKED) AS a{joins}"
    " WHERE m.ctid = a.place AND m.state || '' = 'pending'"
)


def move_closed() -> bool:
    """Let messages whose hours are over wait for the next ones; a slice. False: there are none, or others have them.

    Whoever has them is a sender, and gives them back or ends them.
    """
    now = clock.now()
    found = session().execute(_CLOSED, {"now": now}).one_or_none()
    if found is None:
        return False
    timing = timing_of(found.timing)
    try:
        due = due_sql(found.workspace_id, Timing(window=timing.window), now, now)
    except BadInput:
        log.warning("mailing %s: %s Its own hours hold.", found.no, NEVER_OPEN)
        due = DueSql()
    statement = text(_MOVE.format(joins=due.joins or " CROSS JOIN (SELECT :now AS due, CAST(NULL AS timestamptz) AS closes) AS s"))
    moved = session().execute(statement, {"now": now, "no": found.no, "size": SLICE, **due.binds})
    assert isinstance(moved, CursorResult)
    return bool(moved.rowcount)
