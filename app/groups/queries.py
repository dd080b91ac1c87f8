"""Reads about companies and households; every one within a workspace."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select, text

from app.consent import queries as consent
from app.groups import rules
from app.groups.models import Group, GroupDomain, GroupMember
from app.groups.rules import Details, Kind
from app.kernel import clock
from app.kernel.db import array_of, session
from app.kernel.errors import NotFound
from app.kernel.paging import Page, read_position, turn
from app.kernel.patterns import like

PAGE_ROWS: Final = 50
SUGGESTED: Final = 10
COUNTED_UP_TO: Final = 10_000
MAX_QUERY: Final = 100


def get_group(workspace_id: UUID, kind: Kind, group_id: UUID) -> Group:
    """One of a kind.

    Raises:
        NotFound: none of this workspace.
    """
    query = select(Group).where(
        Group.workspace_id == workspace_id, Group.kind == kind.value, Group.id == group_id
    )
    found = session().execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound(f"This {kind.value} is not here.")
    return found


def details_of(group: Group) -> Details:
    """What is known of one."""
    return Details(
        group.name, group.website, tuple(domains_of(group.id)), group.country, group.size, group.about
    )  # fmt: skip


def domains_of(group_id: UUID) -> list[str]:
    """The domains of a company's addresses."""
    query = select(GroupDomain.domain).where(GroupDomain.group_id == group_id).order_by(GroupDomain.domain)
    return list(session().execute(query).scalars())


def find_by_name(workspace_id: UUID, kind: Kind, name: str) -> Group | None:
    """One that is called like this; of several households the newest."""
    query = select(Group).where(
        Group.workspace_id == workspace_id, Group.kind == kind.value, Group.name_folded == rules.fold(name)
    )
    return session().execute(query.order_by(Group.id.desc()).limit(1)).scalar_one_or_none()


# --- The list ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of the list; ``people`` is ``COUNTED_UP_TO`` + 1 where they are more."""

    id: UUID
    name: str
    folded: str
    domains: tuple[str, ...]
    country: str
    people: int


# People are counted for the page alone, and a domain is looked up before: so PostgreSQL asks the index of names for what
# few have, and follows the list where many do (651 ms became 2, where all of 100,000 are found).
_LISTED: Final = (
    "SELECT g.id, g.name, g.name_folded, g.country,"
    " (SELECT array_agg(d.domain ORDER BY d.domain) FROM group_domains d WHERE d.group_id = g.id) AS domains,"
    " (SELECT count(*) FROM (SELECT FROM group_members m WHERE m.group_id = g.id LIMIT :most) AS counted) AS people"
    " FROM (SELECT g.* FROM groups g WHERE g.workspace_id = :workspace_id AND g.kind = :kind{which}"
    " ORDER BY g.name_folded {order}, g.id {order} LIMIT :limit) AS g ORDER BY g.name_folded {order}, g.id {order}"
)


def list_groups(
    workspace_id: UUID, kind: Kind, query: str = "", cursor: str = "", limit: int = PAGE_ROWS
) -> Page[Listed]:
    """A page of those whose name contains what is looked for, or whose domain it is, by name.

    Raises:
        BadRequest: the cursor is not one of ours.
    """
    at = read_position(cursor, str, UUID)
    sign, order = ("<", "DESC") if at and at.is_back else (">", "ASC")
    values: dict[str, Any] = {
        "workspace_id": workspace_id, "kind": kind.value, "limit": limit + 1, "most": COUNTED_UP_TO + 1
    }  # fmt: skip
    which, looked_for = "", " ".join(query[:MAX_QUERY].split())
    if looked_for:
        which += " AND (g.name_folded LIKE :pattern OR g.id = :of_domain)"
        values["pattern"] = f"%{like(rules.fold(looked_for))}%"
        values["of_domain"] = _of_domain(workspace_id, looked_for.lower())
    if at:
        which += f" AND (g.name_folded, g.id) {sign} (:name, :id)"
        values |= {"name": at.values[0], "id": at.values[1]}
    statement = _LISTED.format(which=which, order=order)
    rows = [
        Listed(row.id, row.name, row.name_folded, tuple(row.domains or ()), row.country, row.people)
        for row in session().execute(text(statement), values)
    ]
    return turn(rows, limit, at, lambda row: (row.folded, row.id))


def _of_domain(workspace_id: UUID, domain: str) -> UUID | None:
    query = select(GroupDomain.group_id).where(
        GroupDomain.workspace_id == workspace_id, GroupDomain.domain == domain
    )
    return session().execute(query).scalar_one_or_none()


def suggest(workspace_id: UUID, kind: Kind, beginning: str) -> list[str]:
    """Some names that begin like this."""
    query = select(Group.name).where(
        Group.workspace_id == workspace_id,
        Group.kind == kind.value,
        Group.name_folded.startswith(rules.fold(" ".join(beginning.split())), autoescape=True),
    )
    names = session().execute(query.order_by(Group.name_folded, Group.id).limit(SUGGESTED)).scalars()
    return list(dict.fromkeys(names))


# --- Its people --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Member:
    """One of its people; ``word``: whether they may be mailed."""

    contact_id: UUID
    name: str
    address: str
    role: str
    word: str
    joined_at: datetime


_NAMES: Final = "trim(c.first_name || ' ' || c.last_name) AS name, coalesce(a.address, '') AS address"
_MAILBOX: Final = " LEFT JOIN addresses a ON a.contact_id = c.id AND a.channel = 'email'"
_MEMBERS: Final = (
    f"SELECT m.contact_id, m.role, m.joined_at, {_NAMES}, {consent.contact_word_sql()} AS word"  # noqa: S608  no input in it
    f" FROM group_members m JOIN contacts c ON c.id = m.contact_id{_MAILBOX}"
    " WHERE m.workspace_id = :workspace_id AND m.group_id = :group_id"
)


def list_members(workspace_id: UUID, group_id: UUID, cursor: str = "", limit: int = PAGE_ROWS) -> Page[Member]:
    """A page of its people, who joined last first.

    Raises:
        BadRequest: the cursor is not one of ours.
    """
    at = read_position(cursor, datetime, UUID)
    sign, order = (">", "ASC") if at and at.is_back else ("<", "DESC")
    values: dict[str, Any] = {
        "workspace_id": workspace_id, "group_id": group_id, "now": clock.now(), "limit": limit + 1
    }  # fmt: skip
    statement = _MEMBERS
    if at:
        statement += f" AND (m.joined_at, m.contact_id) {sign} (:at, :id)"
        values |= {"at": at.values[0], "id": at.values[1]}
    statement += f" ORDER BY m.joined_at {order}, m.contact_id {order} LIMIT :limit"
    rows = [
        Member(row.contact_id, row.name, row.address, row.role, row.word, row.joined_at)
        for row in session().execute(text(statement), values)
    ]
    return turn(rows, limit, at, lambda row: (row.joined_at, row.contact_id))


@dataclass(frozen=True, slots=True)
class Sums:
    """All of its people: ``COUNTED_UP_TO`` + 1 stands for more, and the others are about so many, then."""

    people: int
    may_be_mailed: int
    last_activity_at: datetime | None
    """The last that was seen of one who lets us see it."""


_SUMS = text(
    f"SELECT count(*), count(*) FILTER (WHERE {consent.contact_word_sql()} = 'yes'), max(e.seen_at)"  # noqa: S608  no input in it
    " FROM (SELECT contact_id FROM group_members WHERE workspace_id = :workspace_id AND group_id = :group_id"
    " LIMIT :most) AS m JOIN contacts c ON c.id = m.contact_id"
    " LEFT JOIN LATERAL (SELECT max(s.last_signal_at) AS seen_at FROM engagement_scores s"
    " WHERE s.contact_id = m.contact_id) AS e ON true"
)


def sums(workspace_id: UUID, group_id: UUID) -> Sums:
    """How many its people are, and what can be told of all of them."""
    values = {
        "workspace_id": workspace_id, "group_id": group_id, "now": clock.now(), "most": COUNTED_UP_TO + 1
    }  # fmt: skip
    return Sums(*session().execute(_SUMS, values).one())


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Somebody who may belong to it."""

    contact_id: UUID
    name: str
    address: str


# By the trigrams of the address, which the search of people keeps anyway.
SAME_DOMAIN: Final = (
    "FROM addresses a JOIN contacts c ON c.id = a.contact_id AND c.erased_at IS NULL"
    " WHERE a.workspace_id = :workspace_id AND a.channel = 'email' AND a.domain = ANY(:domains) AND ({keys})"
    " AND NOT EXISTS (SELECT FROM group_members m WHERE m.contact_id = a.contact_id AND m.kind = 'company')"
)


def same_domain(workspace_id: UUID, domains: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """FROM and WHERE of the people in no company whose address is at one of these domains, and what they bind."""
    keys = {f"key_{number}": f"%@{domain}" for number, domain in enumerate(domains)}
    sql = SAME_DOMAIN.format(keys=" OR ".join(f"a.key LIKE :{name}" for name in keys))
    return sql, {"workspace_id": workspace_id, "domains": list(domains), **keys}


def suggest_people(workspace_id: UUID, domains: Sequence[str]) -> list[Suggestion]:
    """Some people in no company whose address is at one of these domains; one more than ``SUGGESTED`` at most."""
    if not domains:
        return []
    sql, values = same_domain(workspace_id, domains)
    statement = f"SELECT a.contact_id, {_NAMES} {sql} ORDER BY a.key LIMIT :limit"
    rows = session().execute(text(statement), values | {"limit": SUGGESTED + 1})
    return [Suggestion(row.contact_id, row.name, row.address) for row in rows]


# --- One person --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Belonging:
    """A person's part in a group; ``is_guess``: they have none of its kind, and their address is at its domain."""

    kind: Kind
    group_id: UUID
    name: str
    role: str = ""
    is_guess: bool = False
    joined_at: datetime | None = None


_OF_PERSON = text(
    "SELECT m.kind, g.id, g.name, m.role, false AS is_guess, m.joined_at FROM group_members m JOIN groups g ON g.id = m.group_id"
    " WHERE m.workspace_id = :workspace_id AND m.contact_id = :contact_id"
    " UNION ALL SELECT g.kind, g.id, g.name, '', true, NULL FROM addresses a"
    " JOIN group_domains d ON d.workspace_id = a.workspace_id AND d.domain = a.domain JOIN groups g ON g.id = d.group_id"
    " WHERE a.workspace_id = :workspace_id AND a.contact_id = :contact_id AND a.channel = 'email'"
    " AND NOT EXISTS (SELECT FROM group_members m WHERE m.contact_id = a.contact_id AND m.kind = 'company')"
)


def belonging(workspace_id: UUID, contact_id: UUID) -> list[Belonging]:
    """What a person belongs to, or may."""
    rows = session().execute(_OF_PERSON, {"workspace_id": workspace_id, "contact_id": contact_id})
    return [_belonging(row) for row in rows]


def _belonging(row: Row[Any]) -> Belonging:
    return Belonging(Kind(row.kind), row.id, row.name, row.role, row.is_guess, row.joined_at)


def count_members(group_id: UUID) -> int:
    """How many its people are; for households, which are small."""
    query = select(GroupMember.contact_id).where(GroupMember.group_id == group_id)
    return len(session().execute(query.limit(rules.MAX_HOUSEHOLD + 1)).all())


# Each looked up by itself, by the only index that fits: in a table that has just grown by a file of 100,000 the planner
# would go through all members of each company for each of them (more than five seconds for 2,000).
_COMPANIES = text(
    "SELECT m.contact_id, g.name, m.role FROM unnest(CAST(CAST(:ids AS text) AS uuid[])) AS w (id) CROSS JOIN LATERAL"
    " (SELECT * FROM group_members WHERE contact_id = w.id AND kind = 'company' OFFSET 0) AS m CROSS JOIN LATERAL"
    " (SELECT * FROM groups WHERE id = m.group_id OFFSET 0) AS g WHERE m.workspace_id = :workspace_id"
)


def companies_of(workspace_id: UUID, contact_ids: Collection[UUID]) -> dict[UUID, tuple[str, str]]:
    """The company of these people and their role there, for thousands at once; who has none is missing."""
    rows = session().execute(_COMPANIES, {"workspace_id": workspace_id, "ids": array_of(contact_ids)})
    return {row[0]: (row[1], row[2]) for row in rows}
