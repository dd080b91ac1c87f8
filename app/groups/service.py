"""The verbs of companies and households. Belonging to one changes nobody's permission."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, case, delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from app.accounts import service as accounts
from app.accounts.rules import acts
from app.contacts import queries as contacts
from app.contacts import service as contacts_service
from app.groups import queries, rules
from app.groups.models import Group, GroupDomain, GroupMember
from app.groups.rules import MAX_HOUSEHOLD, Details, Kind
from app.kernel import clock, i18n
from app.kernel.db import array_of, session, text_array_of
from app.kernel.errors import BadInput, Conflict
from app.kernel.ids import uuid7

MOST_AT_ONCE: Final = 10_000
"""People who are put into a company by one press."""


def create(workspace_id: UUID, kind: Kind, details: Details, *, by: acts.By) -> Group:
    """A company or a household, with nobody in it yet.

    Raises:
        BadInput: names what of it does not fit.
        Conflict: there is a company with this name, or another one has a domain.
    """
    checked, now = _checked(details), clock.now()
    made = Group(id=uuid7(), workspace_id=workspace_id, kind=kind.value, created_at=now, changed_at=now)
    _write(made, checked)
    accounts.record(f"{kind.value}.created", by=by, workspace_id=workspace_id, of=f"{kind.value}:{made.id}")
    return made


def update(workspace_id: UUID, kind: Kind, group_id: UUID, details: Details, *, by: acts.By) -> None:
    """Write down what is known of one now.

    Raises:
        NotFound: none of this workspace.
        BadInput, Conflict: as ``create``.
    """
    found = queries.get_group(workspace_id, kind, group_id)
    found.changed_at = clock.now()
    _write(found, _checked(details))
    accounts.record(f"{kind.value}.changed", by=by, workspace_id=workspace_id, of=f"{kind.value}:{group_id}")


def remove(workspace_id: UUID, kind: Kind, group_id: UUID, *, by: acts.By) -> None:
    """Delete one; its people stay, and belong to none of its kind.

    Raises:
        NotFound: none of this workspace.
    """
    found = queries.get_group(workspace_id, kind, group_id)
    session().execute(delete(GroupMember).where(GroupMember.group_id == group_id))
    session().execute(delete(GroupDomain).where(GroupDomain.group_id == group_id))
    session().delete(found)
    session().flush()
    accounts.record(f"{kind.value}.deleted", by=by, workspace_id=workspace_id, of=f"{kind.value}:{group_id}")


def _checked(details: Details) -> Details:
    faults: dict[str, str] = {}
    name, domains = "", tuple[str, ...]()
    try:
        name = rules.clean_name(details.name)
    except ValueError as fault:
        faults["name"] = str(fault)
    try:
        domains = rules.read_domains(details.domains)
    except ValueError as fault:
        faults["domains"] = str(fault)
    if details.country and details.country not in dict(i18n.countries()):
        faults["country"] = "Choose a country from the list."
    if len(details.size) > rules.MAX_SIZE:
        faults["size"] = f"Write at most {rules.MAX_SIZE} characters."
    if len(details.about) > rules.MAX_ABOUT:
        faults["about"] = f"Write at most {rules.MAX_ABOUT:,} characters."
    if faults:
        raise BadInput(fields=faults)
    return Details(name, details.website, domains, details.country, details.size, details.about)


def _write(group: Group, details: Details) -> None:
    try:
        with session().begin_nested():
            group.name, group.name_folded = details.name, rules.fold(details.name)
            group.website, group.country = details.website, details.country
            group.size, group.about = details.size, details.about
            session().add(group)
            session().flush()
            _write_domains(group, details.domains)
    except IntegrityError as fault:
        if "uq_groups_name" in str(fault.orig):
            raise Conflict(f"There is a company called “{details.name}” already.") from None
        if "group_domains" in str(fault.orig):
            raise Conflict("Another company has one of these domains.") from None
        raise


def _write_domains(group: Group, domains: Sequence[str]) -> None:
    session().execute(delete(GroupDomain).where(GroupDomain.group_id == group.id))
    rows = [{"workspace_id": group.workspace_id, "domain": found, "group_id": group.id} for found in domains]
    if rows:
        session().execute(insert(GroupDomain), rows)


# --- Its people --------------------------------------------------------------------------------------------------


def join(workspace_id: UUID, kind: Kind, group_id: UUID, contact_id: UUID, *, role: str = "") -> None:
    """Let a person belong to it; of its kind to no other one any more. Repeating it writes the role.

    Raises:
        NotFound: no such group or person here.
        Conflict: the person was erased.
        BadInput: the role is too long, or the household has too many people.
    """
    queries.get_group(workspace_id, kind, group_id)
    contacts.get_living(workspace_id, contact_id)
    role = " ".join(role.split()) if kind is Kind.COMPANY else ""
    if len(role) > rules.MAX_ROLE:
        raise BadInput(fields={"role": f"Write at most {rules.MAX_ROLE} characters."})
    values = {
        "contact_id": contact_id, "kind": kind.value, "group_id": group_id, "workspace_id": workspace_id,
        "role": role, "joined_at": clock.now(),
    }  # fmt: skip
    put = insert(GroupMember).values(values)
    is_same = GroupMember.group_id == put.excluded.group_id
    since = case((is_same, GroupMember.joined_at), else_=put.excluded.joined_at)
    session().execute(
        put.on_conflict_do_update(
            index_elements=[GroupMember.contact_id, GroupMember.kind],
            set_={"group_id": group_id, "role": role, "joined_at": since},
        )
    )
    if kind is Kind.HOUSEHOLD and queries.count_members(group_id) > MAX_HOUSEHOLD:
        raise BadInput(fields={"person": f"A household has {MAX_HOUSEHOLD} people at most."})


def leave(workspace_id: UUID, kind: Kind, contact_id: UUID) -> None:
    """Let a person belong to none of this kind.

    Raises:
        NotFound: no such person here.
    """
    contacts.get_contact(workspace_id, contact_id)
    session().execute(
        delete(GroupMember).where(GroupMember.contact_id == contact_id, GroupMember.kind == kind.value)
    )


# Each looked up by themselves, whatever the planner believes of a table that is being filled; and locked in one order,
# so that two who do this at once never wait for each other in a circle.
_HAD: Final = (
    "WITH w AS MATERIALIZED (SELECT id FROM unnest(CAST(CAST(:ids AS text) AS uuid[])) AS these (id) ORDER BY id),"
    " had AS MATERIALIZED (SELECT m.* FROM w CROSS JOIN LATERAL (SELECT contact_id, group_id, role, joined_at"
    " FROM group_members WHERE contact_id = w.id AND workspace_id = :workspace_id AND kind = 'company' FOR UPDATE OFFSET 0) AS m)"
)
_JOIN_MANY = text(
    f"{_HAD}, put AS (INSERT INTO group_members AS m (contact_id, kind, group_id, workspace_id, role, joined_at)"  # noqa: S608  no input in it
    " SELECT w.id, g.kind, g.id, g.workspace_id, '', :now FROM groups g CROSS JOIN w LEFT JOIN had ON had.contact_id = w.id"
    " WHERE g.id = :group_id AND g.workspace_id = :workspace_id AND g.kind = 'company' AND had.group_id IS DISTINCT FROM g.id"
    " ORDER BY w.id ON CONFLICT (contact_id, kind) DO UPDATE SET group_id = excluded.group_id, role = '',"
    " joined_at = excluded.joined_at WHERE m.group_id <> excluded.group_id RETURNING m.contact_id)"
    " SELECT put.contact_id, had.group_id, had.role, had.joined_at FROM put LEFT JOIN had ON had.contact_id = put.contact_id"
)
_LEAVE_MANY = text(
    f"{_HAD} DELETE FROM group_members m USING had WHERE m.contact_id = had.contact_id AND m.kind = 'company'"  # noqa: S608  no input in it
    " AND m.group_id = :group_id AND had.group_id = :group_id RETURNING m.contact_id, m.group_id, m.role, m.joined_at"
)
_BEFORE: Final = (
    "unnest(CAST(CAST(:ids AS text) AS uuid[]), CAST(CAST(:moments AS text) AS timestamptz[]),"
    " CAST(CAST(:groups AS text) AS uuid[]), CAST(CAST(:roles AS text) AS text[])) AS w (id, joined_at, group_id, role)"
)
_LEAVE_SINCE = text(
    "WITH held AS MATERIALIZED (SELECT m.contact_id, g.id AS group_id, w.role, w.joined_at FROM group_members m"  # noqa: S608  no input in it
    f" JOIN {_BEFORE} ON w.id = m.contact_id"
    " JOIN unnest(CAST(CAST(:ids AS text) AS uuid[]), CAST(CAST(:since AS text) AS timestamptz[])) AS s (id, since)"
    " ON s.id = m.contact_id AND s.since = m.joined_at"
    " LEFT JOIN groups g ON g.id = w.group_id AND g.workspace_id = :workspace_id AND g.kind = 'company'"
    " WHERE m.workspace_id = :workspace_id AND m.kind = 'company' AND m.group_id = :group_id AND m.role = ''"
    " ORDER BY m.contact_id FOR UPDATE OF m),"
    " gone AS (DELETE FROM group_members m USING held h WHERE m.contact_id = h.contact_id AND m.kind = 'company'"
    "  AND h.group_id IS NULL RETURNING m.contact_id),"
    " back AS (UPDATE group_members m SET group_id = h.group_id, role = h.role, joined_at = h.joined_at FROM held h"
    "  WHERE m.contact_id = h.contact_id AND m.kind = 'company' AND h.group_id IS NOT NULL RETURNING m.contact_id)"
    " SELECT contact_id FROM gone UNION ALL SELECT contact_id FROM back"
)
_REJOIN = text(
    "INSERT INTO group_members (contact_id, kind, group_id, workspace_id, role, joined_at)"  # noqa: S608  no input in it
    f" SELECT w.id, g.kind, g.id, g.workspace_id, w.role, w.joined_at FROM groups g CROSS JOIN {_BEFORE}"
    " WHERE g.id = :group_id AND g.workspace_id = :workspace_id AND g.kind = 'company' ORDER BY w.id"
    " ON CONFLICT DO NOTHING RETURNING contact_id"
)


def join_company(workspace_id: UUID, group_id: UUID, people: Collection[UUID]) -> dict[UUID, dict[str, str] | None]:
    """Put thousands into a company at once, out of whichever they are in.

    Who is not of this workspace, was erased or merged, or is in it already, is left as they are.

    Returns:
        The ``group_id``, ``role`` and ``joined_at`` that each had who was put in; None: no company.
    """
    present = contacts.hold_present(workspace_id, people)
    values = _of_many(workspace_id, group_id, present) | {"now": clock.now()}
    return {row[0]: _had(row) for row in session().execute(_JOIN_MANY, values)}


def leave_company(workspace_id: UUID, group_id: UUID, people: Collection[UUID]) -> dict[UUID, dict[str, str] | None]:
    """Take thousands out of a company at once; what each had who was in it, as ``join_company`` gives it."""
    values = _of_many(workspace_id, group_id, people)
    return {row[0]: _had(row) for row in session().execute(_LEAVE_MANY, values)}


def leave_company_since(
    workspace_id: UUID, group_id: UUID, since: Mapping[UUID, datetime], before: Mapping[UUID, Mapping[str, str] | None]
) -> int:
    """Take those out who are in it since exactly that moment and have no role there, and back to where they were.

    A company that is not here any more is no place to go back to.

    Returns:
        How many.
    """
    values = _of_many(workspace_id, group_id, since) | _places(before)
    values["since"] = array_of(moment.isoformat() for moment in since.values())
    return len(session().execute(_LEAVE_SINCE, values).all())


def rejoin_company(workspace_id: UUID, group_id: UUID, before: Mapping[UUID, Mapping[str, str] | None]) -> int:
    """Put those back who have no company by now, with the role and the moment that they had; how many."""
    present = contacts.hold_present(workspace_id, before)
    kept = {contact_id: had for contact_id, had in before.items() if contact_id in present}
    values = _of_many(workspace_id, group_id, kept) | _places(kept)
    return len(session().execute(_REJOIN, values).all())


def _of_many(workspace_id: UUID, group_id: UUID, people: Collection[UUID]) -> dict[str, Any]:
    return {"workspace_id": workspace_id, "group_id": group_id, "ids": array_of(people)}


def _places(before: Mapping[UUID, Mapping[str, str] | None]) -> dict[str, str]:
    found = [had or {} for had in before.values()]
    names = {"groups": "group_id", "roles": "role", "moments": "joined_at"}
    return {bind: text_array_of(had.get(name) for had in found) for bind, name in names.items()}


def _had(row: Row[Any]) -> dict[str, str] | None:
    if row.group_id is None:
        return None
    return {"group_id": str(row.group_id), "role": row.role, "joined_at": row.joined_at.isoformat()}


def find_or_create(workspace_id: UUID, kind: Kind, name: str, *, by: acts.By) -> Group:
    """The one that is called like this, made where there is none.

    Raises:
        BadInput: it is no name.
    """
    try:
        known = queries.find_by_name(workspace_id, kind, rules.clean_name(name))
    except ValueError as fault:
        raise BadInput(fields={"name": str(fault)}) from None
    return known or create(workspace_id, kind, Details(name), by=by)


def join_suggested(workspace_id: UUID, group_id: UUID) -> int:
    """Put everybody into a company whose address is at one of its domains and who is in none; how many.

    Raises:
        NotFound: no such company here.
    """
    queries.get_group(workspace_id, Kind.COMPANY, group_id)
    domains = queries.domains_of(group_id)
    if not domains:
        return 0
    sql, values = queries.same_domain(workspace_id, domains)
    statement = (
        "INSERT INTO group_members (contact_id, kind, group_id, workspace_id, joined_at)"
        f" SELECT a.contact_id, 'company', :group_id, :workspace_id, :now {sql} LIMIT :limit ON CONFLICT DO NOTHING"
    )
    more: dict[str, Any] = {"group_id": group_id, "now": clock.now(), "limit": MOST_AT_ONCE}
    put = session().execute(text(statement), values | more)
    return int(put.rowcount)  # type: ignore[attr-defined]


def set_postal(workspace_id: UUID, household_id: UUID, lines: str) -> None:
    """Where letters on paper go that any of a household gets; empty: nowhere. It is each person's own address.

    Raises:
        NotFound: no such household here.
        BadInput: as ``contacts.service.set_postal``.
    """
    queries.get_group(workspace_id, Kind.HOUSEHOLD, household_id)
    query = select(GroupMember.contact_id).where(GroupMember.group_id == household_id)
    for contact_id in session().execute(query.order_by(GroupMember.contact_id)).scalars():
        contacts_service.set_postal(workspace_id, contact_id, lines)


# --- Files -------------------------------------------------------------------------------------------------------


def ensure_companies(workspace_id: UUID, names: Mapping[str, str], *, import_id: UUID) -> None:
    """Make the companies of a file that are not here, by their folded names."""
    now = clock.now()
    rows = [
        {
            "id": uuid7(), "workspace_id": workspace_id, "kind": Kind.COMPANY.value, "name": names[folded],
            "name_folded": folded, "import_id": import_id, "created_at": now, "changed_at": now,
        }
        for folded in sorted(names)  # in one order, so that nobody waits for each other in a circle
    ]  # fmt: skip
    if rows:
        made = insert(Group).on_conflict_do_nothing(
            index_elements=["workspace_id", "name_folded"], index_where=text("kind = 'company'")
        )
        session().execute(made, rows)


_FORGET = text(
    "DELETE FROM groups g WHERE g.import_id = :id AND g.changed_at = g.created_at"
    " AND NOT EXISTS (SELECT FROM group_members m WHERE m.group_id = g.id)"
)


def forget_import(import_id: UUID) -> None:
    """A file was taken back: the companies that it brought go where nobody uses them."""
    session().execute(_FORGET, {"id": import_id})


# --- Privacy -----------------------------------------------------------------------------------------------------

_EMPTY = text(
    "DELETE FROM groups g WHERE g.workspace_id = :workspace_id AND g.kind = 'household' AND g.id = ANY(:ids)"
    " AND NOT EXISTS (SELECT FROM group_members m WHERE m.group_id = g.id)"
)


def erase(workspace_id: UUID, contact_id: UUID) -> None:
    """Take a person out of everything. A household of nobody goes too: its name is theirs."""
    gone = delete(GroupMember).where(
        GroupMember.workspace_id == workspace_id, GroupMember.contact_id == contact_id
    )
    ids = list(session().execute(gone.returning(GroupMember.group_id)).scalars())
    session().execute(_EMPTY, {"workspace_id": workspace_id, "ids": ids})
