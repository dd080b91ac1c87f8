"""Reads about people across the rooms below: the list, its counts, a person's timeline and everything we know."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from app.consent import queries as consent
from app.consent.rules import Word
from app.contacts import queries as contacts
from app.contacts.addresses import AddressError, normalise
from app.kernel import clock, module
from app.kernel.db import array_of, once, session
from app.kernel.errors import BadRequest
from app.kernel.paging import Page, decode_cursor, encode_cursor
from app.people import rules
from app.preferences import queries as preferences

PAGE_ROWS = 50
ENTRIES = 40
COUNTED_UP_TO = 10_000
LOOKED_THROUGH = 2_000
"""So many of the newest are looked through for words before an index is asked: what a fortieth of a million have fills a
page from these in 15 ms, where an index gives all of them first (1.8 s for what everybody has)."""
COUNTED_THROUGH = 20_000
OLDER, NEWER = "older", "newer"


@dataclass(frozen=True, slots=True)
class Search:
    """Who is looked for; empty parts look for everybody.

    Args:
        query: words of names and addresses, or one whole address.
        word: what permission stands at: overall, or for the interest if there is one.
        interest: only those who were ever asked about it.
        tag: only those who carry it.
    """

    query: str = ""
    word: Word | None = None
    interest: UUID | None = None
    tag: UUID | None = None

    def __bool__(self) -> bool:
        return bool(self.query or self.word or self.interest or self.tag)


@dataclass(frozen=True, slots=True)
class ListedPerson:
    """A row of the list. ``word`` is about the interest looked for, else about the person as a whole."""

    id: UUID
    first_name: str
    last_name: str
    address: str
    language: str
    created_at: datetime
    word: Word

    @property
    def name(self) -> str:
        """First and last name, as far as known."""
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(slots=True)
class _Clauses:
    """A statement in the making: fixed text and bound values, never a value in the text."""

    word: str
    joins: str
    people: str = "contacts"
    order: str = "DESC"
    where: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)


def list_people(
    workspace_id: UUID, search: Search, cursor: str = "", limit: int = PAGE_ROWS
) -> Page[ListedPerson]:
    """One page of the people that a search finds, newest first.

    Raises:
        BadRequest: the cursor is not one of ours.
    """
    position = _position(cursor) if cursor else None
    direction = position.direction if position else OLDER
    clauses = _clauses(workspace_id, search, position)
    statement, values = _statement(clauses), {**clauses.values, "limit": limit + 1}
    if search.query:
        few = _clauses(workspace_id, search, position, LOOKED_THROUGH)
        # The whole search is begun only where those next to here do not fill the page.
        statement = (
            f"WITH near AS MATERIALIZED ({_statement(few)})"  # noqa: S608  bound values only
            " SELECT * FROM near WHERE (SELECT count(*) FROM near) = :limit"
            f" UNION ALL SELECT * FROM ({statement}) AS whole WHERE (SELECT count(*) FROM near) < :limit"
            f" ORDER BY created_at {clauses.order}, id {clauses.order}"
        )
        values |= few.values
    rows = [_listed(row) for row in session().execute(text(statement), values)]
    more, rows = len(rows) > limit, rows[:limit]
    if direction == NEWER:
        rows.reverse()
    if not rows:
        return Page(rows, None)
    older = _cursor(OLDER, rows[-1]) if more or direction == NEWER else None
    newer = _cursor(NEWER, rows[0]) if (more if direction == NEWER else bool(cursor)) else None
    return Page(rows, older, newer)


def _statement(clauses: _Clauses) -> str:
    order = clauses.order
    return (
        "SELECT c.id, c.first_name, c.last_name, c.language, c.created_at, coalesce(a.address, '') AS address,"  # noqa: S608
        f" {clauses.word} AS word FROM {clauses.people} c{clauses.joins}"
        " LEFT JOIN addresses a ON a.contact_id = c.id AND a.channel = 'email'"
        f" WHERE {' AND '.join(clauses.where)} ORDER BY c.created_at {order}, c.id {order} LIMIT :limit"
    )


def count_people(workspace_id: UUID, search: Search) -> int | None:
    """How many a search finds; None where they are too many: counting would cost more than it tells."""
    found, among = _count(_clauses(workspace_id, search, None, COUNTED_THROUGH if search.query else 0))
    if among >= COUNTED_THROUGH:
        if found > COUNTED_THROUGH // 40:
            return None
        found, _ = _count(_clauses(workspace_id, search, None))
    return found if found <= COUNTED_UP_TO else None


def found_sql(workspace_id: UUID, search: Search) -> tuple[str, dict[str, Any]]:
    """A SELECT of the ids of everybody whom a search finds, and what it binds: the list's own conditions."""
    return _ids(_clauses(workspace_id, search, None))


def chosen_sql(workspace_id: UUID, people: Collection[UUID]) -> tuple[str, dict[str, Any]]:
    """The same of these, as far as the list could show them."""
    clauses = _clauses(workspace_id, Search(), None)
    clauses.where.append("c.id IN (SELECT unnest(CAST(CAST(:chosen AS text) AS uuid[])))")
    clauses.values["chosen"] = array_of(people)
    return _ids(clauses)


def _ids(clauses: _Clauses) -> tuple[str, dict[str, Any]]:
    where = " AND ".join(clauses.where)
    return f"SELECT c.id FROM {clauses.people} c{clauses.joins} WHERE {where}", clauses.values  # noqa: S608  bound values only


def _count(clauses: _Clauses) -> tuple[int, int]:
    """How many are found, one more than matters at most; with a window, among how many."""
    among = f"(SELECT count(*) FROM {clauses.people} c)" if clauses.values.get("window") else "0"  # noqa: S608
    statement = (
        f"SELECT count(*), {among} FROM (SELECT FROM {clauses.people} c{clauses.joins}"  # noqa: S608  bound values only
        f" WHERE {' AND '.join(clauses.where)} LIMIT :limit) AS found"
    )
    row = session().execute(text(statement), {**clauses.values, "limit": COUNTED_UP_TO + 1}).one()
    return row[0], row[1]


def _clauses(
    workspace_id: UUID, search: Search, position: _Position | None, window: int = 0
) -> _Clauses:
    """With a window only those among so many who stand next to the position."""
    found = _Clauses(consent.contact_word_sql(), "")
    found.where = ["c.workspace_id = :workspace_id", "c.erased_at IS NULL", "c.merged_into IS NULL"]
    found.values = {"workspace_id": workspace_id, "now": clock.now()}
    if position is not None:
        found.where.append(position.sql)
        found.values |= {"at": position.at, "position": position.contact_id}
        found.order = "ASC" if position.direction == NEWER else "DESC"
    if window:
        order = found.order
        found.people = (
            f"(SELECT * FROM contacts c WHERE {' AND '.join(found.where)}"  # noqa: S608  bound values only
            f" ORDER BY c.created_at {order}, c.id {order} LIMIT :window)"
        )
        found.values["window"] = window
    if search.interest is not None:
        found.word = consent.word_sql()
        found.joins = (
            " JOIN permissions p ON p.workspace_id = c.workspace_id AND p.contact_id = c.id"
            " AND p.purpose = 'marketing' AND p.channel = 'email' AND p.interest_id = :interest"
            " LEFT JOIN reach r ON r.workspace_id = c.workspace_id AND r.contact_id = c.id AND r.channel = 'email'"
        )
        found.values["interest"] = search.interest
    if search.tag is not None:
        found.where.append("EXISTS (SELECT FROM contact_tags t WHERE t.contact_id = c.id AND t.tag_id = :tag)")
        found.values["tag"] = search.tag
    if search.word is not None:
        found.where.append(f"{found.word} = :word")
        found.values["word"] = search.word.value
    _look_for(found, workspace_id, search.query, is_few=bool(window))
    return found


def _look_for(clauses: _Clauses, workspace_id: UUID, query: str, *, is_few: bool) -> None:
    known = _by_address(workspace_id, query)
    if known is not None:
        clauses.where.append("c.id = :known")
        clauses.values["known"] = known
        return
    terms = [
        (_bound(clauses, "name_folded", f"name{n}", term.names), _bound(clauses, "key", f"key{n}", term.keys))
        for n, term in enumerate(rules.terms(query))
    ]
    rarest = terms[:1] if len(terms) < 2 or is_few else [min(terms, key=lambda term: _expected(clauses, *term))]
    for in_names, in_keys in terms:
        # Found by the word that fewest have, and then looked at: sets of all who have each word would be as large as
        # the most frequent one ("person 7771" over a million, of whom all are called person: 1.7 s).
        if is_few or (in_names, in_keys) not in rarest:
            clauses.where.append(
                f"({in_names} OR EXISTS (SELECT FROM addresses x WHERE x.contact_id = c.id"
                f" AND x.channel = 'email' AND ({in_keys})))"
            )
            continue
        # Two trigram indexes, each asked alone: an OR over both tables would use neither.
        clauses.where.append(
            f"c.id IN (SELECT id FROM contacts WHERE workspace_id = :workspace_id AND ({in_names})"  # noqa: S608
            " UNION ALL SELECT contact_id FROM addresses"
            f" WHERE workspace_id = :workspace_id AND channel = 'email' AND ({in_keys}))"
        )


def _expected(clauses: _Clauses, in_names: str, in_keys: str) -> float:
    """How many rows PostgreSQL expects of a word, by its statistics; it looks at none."""
    found = 0.0
    for table, condition in (("contacts", in_names), ("addresses", in_keys)):
        statement = text(f"EXPLAIN (FORMAT JSON) SELECT FROM {table} WHERE {condition}")
        values = {name: clauses.values[name] for name in statement.compile().params}
        (plan,) = session().execute(statement, values).scalar_one()
        found += plan["Plan"]["Plan Rows"]
    return found


def _bound(clauses: _Clauses, column: str, name: str, patterns: tuple[str, ...]) -> str:
    for number, pattern in enumerate(patterns):
        clauses.values[f"{name}_{number}"] = pattern
    return " OR ".join(f"{column} LIKE :{name}_{number}" for number in range(len(patterns)))


def _by_address(workspace_id: UUID, query: str) -> UUID | None:
    """The person with exactly this mailbox, where the query is a whole address."""
    if "@" not in query:
        return None
    try:
        key = normalise(query).key
    except AddressError:
        return None
    found = once(("people.by_key", workspace_id, key), lambda: contacts.find_by_key(workspace_id, key))
    return found.id if found else None


def _listed(row: Row[Any]) -> ListedPerson:
    return ListedPerson(
        row.id, row.first_name, row.last_name, row.address, row.language, row.created_at, Word(row.word)
    )


def _cursor(direction: str, row: ListedPerson) -> str:
    return encode_cursor(direction, row.created_at, row.id)


@dataclass(frozen=True, slots=True)
class _Position:
    """Where a page begins, and which way it goes."""

    direction: str
    at: datetime
    contact_id: UUID

    @property
    def sql(self) -> str:
        return f"(c.created_at, c.id) {'>' if self.direction == NEWER else '<'} (:at, :position)"


def _position(cursor: str) -> _Position:
    direction, at, contact_id = decode_cursor(cursor, str, datetime, UUID)
    if direction not in {OLDER, NEWER}:
        raise BadRequest("That page link is not whole. Go back to the first page.")
    return _Position(direction, at, contact_id)


# --- One person -------------------------------------------------------------------------------------------------


def kinds() -> list[tuple[str, str]]:
    """What a timeline can be narrowed to: (kind, label)."""
    return [(source.kind, source.label) for source in _sources()]


def timeline(
    workspace_id: UUID,
    contact_id: UUID,
    *,
    kind: str = "",
    before: datetime | None = None,
    limit: int,
) -> rules.Slice:
    """What happened with a person, from every room that knows, newest first and older than ``before``."""
    sources = [source for source in _sources() if not kind or source.kind == kind]
    found = None
    while found is None:
        found = rules.merge(
            [source.read(workspace_id, contact_id, before, limit + 1) for source in sources], limit
        )
        limit *= 2
    return found


def _sources() -> list[module.TimelineSource]:
    return [source for found in module.installed() for source in found.timeline_sources]


def export(workspace_id: UUID, contact_id: UUID) -> dict[str, Any]:
    """Everything that any room keeps about a person, by the room's name.

    Raises:
        NotFound: none of this workspace.
    """
    return preferences.export(workspace_id, contact_id)
