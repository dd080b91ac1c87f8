"""The question "may we write?" in SQL, in one place: counts, audiences, claims and begins all read it from here."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

MINE = (
    "p.workspace_id = :workspace_id AND p.purpose = 'marketing' AND p.channel = 'email'"
    " AND p.interest_id = ANY(CAST(:interests AS uuid[]))"
)
# For counts over everybody: who is vetoed is few, and to join those alone takes a third of the time. No permission is
# written without its row of reach, so both joins count the same; a test compares them.
VETOED = (
    "LEFT JOIN (SELECT workspace_id, contact_id, channel, suppressed_at, suppressed_reason, objected_at, erased_at,"
    " paused_until, digest FROM reach WHERE workspace_id = :workspace_id AND (suppressed_at IS NOT NULL"
    " OR objected_at IS NOT NULL OR erased_at IS NOT NULL OR paused_until IS NOT NULL OR digest IS NOT NULL)"
    " ) r ON r.workspace_id = p.workspace_id AND r.contact_id = p.contact_id AND r.channel = p.channel"
)
REACHED = "JOIN reach r ON r.workspace_id = p.workspace_id AND r.contact_id = p.contact_id AND r.channel = p.channel"


def live_sql(permission: str = "p", now: str = ":now") -> str:
    """Whether a row of ``permissions`` is a yes whose time is not over; half of the gate, and all that words say."""
    return (
        f"{permission}.state = 'yes'"
        f" AND ({permission}.valid_until IS NULL OR {permission}.valid_until > {now})"
    )


TRACKED = (
    "SELECT p.contact_id FROM permissions p WHERE p.workspace_id = :workspace_id AND p.purpose = 'tracking'"  # noqa: S608  no input in it
    f" AND p.channel = 'email' AND p.interest_id IS NULL AND {live_sql()}"
)
"""People who let us see something; ``p.level`` says what."""


def gate_sql(
    permission: str = "p", reach: str = "r", now: str = ":now", *, as_digest: bool = False
) -> str:
    """The gate over a row of ``permissions`` and one of ``reach``, for counts, freeze, claim and begin.

    Whoever wants a digest gets nothing but that (``as_digest``). Every veto is a column of one of the two rows, so a statement that locks both sees the newest no.
    """
    return (
        f"{live_sql(permission, now)}"
        f" AND ({permission}.paused_until IS NULL OR {permission}.paused_until <= {now})"
        f" AND {reach}.suppressed_at IS NULL AND {reach}.objected_at IS NULL AND {reach}.erased_at IS NULL"
        f" AND ({reach}.paused_until IS NULL OR {reach}.paused_until <= {now})"
        f" AND {reach}.digest IS {'NOT ' if as_digest else ''}NULL"
    )


def system_gate_sql(reach: str = "r") -> str:
    """The gate of mails that answer a person's own act: an objection to marketing does not silence them."""
    return f"{reach}.suppressed_at IS NULL AND {reach}.erased_at IS NULL"


def word_sql(permission: str = "p", reach: str = "r", now: str = ":now") -> str:
    """The word that people read for one permission (``rules.word_for`` in SQL)."""
    vetoed = f"num_nonnulls({reach}.suppressed_at, {reach}.objected_at, {reach}.erased_at) > 0"
    ended = f"{permission}.state = 'yes' AND {permission}.valid_until <= {now}"
    return (
        f"CASE WHEN {vetoed} THEN 'never' WHEN {ended} THEN 'no' ELSE coalesce({permission}.state, 'no') END"
    )


def contact_word_sql(contact: str = "c", now: str = ":now", channel: str = "'email'") -> str:
    """The word for a person as a whole: never above all, then the best of their permissions, else no.

    A scalar subquery over the alias of ``contacts``; one index look-up in ``reach`` and one in ``permissions``.
    """
    where = f"workspace_id = {contact}.workspace_id AND contact_id = {contact}.id AND channel = {channel}"
    live = live_sql("q", now)
    return (
        "(CASE"  # noqa: S608  no input in it
        f" WHEN EXISTS (SELECT FROM reach WHERE {where}"
        "   AND num_nonnulls(suppressed_at, objected_at, erased_at) > 0) THEN 'never'"
        f" ELSE coalesce((SELECT CASE WHEN bool_or({live}) THEN 'yes'"
        "   WHEN bool_or(state = 'asked') THEN 'asked' ELSE 'no' END"
        f"   FROM permissions q WHERE {where} AND purpose = 'marketing'), 'no') END)"
    )


# The first veto that holds, in the order in which people should hear of it; the digit keeps the order.
STANDING = (
    f"CASE WHEN {gate_sql()} THEN '0may' WHEN r.erased_at IS NOT NULL THEN '1erased'"
    " WHEN r.suppressed_at IS NOT NULL THEN '2' || coalesce(r.suppressed_reason, 'suppressed')"
    " WHEN r.objected_at IS NOT NULL THEN '3stopped everything'"
    " WHEN p.state = 'yes' AND greatest(p.paused_until, r.paused_until) > :now THEN '4on pause'"
    " WHEN p.state = 'yes' AND r.digest IS NOT NULL THEN '5gets a digest'"
    " WHEN p.state = 'yes' AND p.valid_until <= :now THEN '6permission ended'"
    " WHEN p.state = 'asked' THEN '7asked only' ELSE '8no permission' END"
)


def audience_sql(interest_ids: Sequence[UUID]) -> tuple[str, dict[str, list[UUID]]]:
    """Everybody whom we may write to about one of these interests, now: a SELECT and what it binds.

    It gives contact_id, permission_id and reach_id, one row a contact. Who said yes to several interests is there
    by the first of them in the given order. It also binds ``:workspace_id`` and ``:now``, which are the caller's.
    """
    # About one interest everybody has one row: to look for the first of each took a second more of a million.
    once, order = (
        ("", "") if len(interest_ids) == 1
        else ("DISTINCT ON (p.contact_id) ", ", array_position(CAST(:interests AS uuid[]), p.interest_id)")
    )  # fmt: skip
    sql = (
        f"SELECT {once}p.contact_id, p.id AS permission_id, r.id AS reach_id"  # noqa: S608  no input in it
        f" FROM permissions p {REACHED} WHERE {MINE} AND {gate_sql()}"
        f" ORDER BY p.contact_id{order}"
    )
    return sql, {"interests": list(interest_ids)}
