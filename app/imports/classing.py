"""One statement says what a row is: new, changed, unchanged or left out. The check counts it, taking acts on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sqlalchemy import text

from app.imports.rules import CHANGED, HERE, NEVER, NEW, UNCHANGED, Known, Plan, Target
from app.kernel.db import session

_TEXTS = ("first_name", "last_name")


# Whoever comes with the address of somebody who was merged is who they are now. "OFFSET 0" has each row looked up by
# itself, whatever the planner believes of the tables' sizes; both indexes that begin with workspace and channel can answer it.
KNOWN: Final = (
    "LATERAL (SELECT contact_id FROM addresses WHERE workspace_id = :workspace_id AND channel = 'email'"
    " AND key = r.key AND folded = r.folded"
    " UNION ALL SELECT m.merged_into FROM addresses f JOIN contacts m ON m.id = f.contact_id"
    " WHERE f.workspace_id = :workspace_id AND f.channel = 'former' AND f.key = r.key AND f.folded = r.folded"
    " AND NOT EXISTS (SELECT FROM addresses e WHERE e.workspace_id = f.workspace_id AND e.channel = 'email'"
    "  AND e.key = f.key AND e.folded = f.folded)"
    " OFFSET 0) a"
)
# What a row adds to people beside their own row; only asked where the file has such a column.
_TAGS: Final = (
    " OR EXISTS (SELECT FROM jsonb_object_keys(r.tags) AS w (folded) WHERE NOT EXISTS (SELECT FROM contact_tags o"
    " JOIN tags t ON t.id = o.tag_id WHERE o.contact_id = a.contact_id AND t.removed_at IS NULL"
    " AND t.folded = w.folded))"
)
_COMPANY: Final = (
    " OR (r.company_folded IS NOT NULL AND NOT EXISTS (SELECT FROM group_members m JOIN groups g ON g.id = m.group_id"
    " WHERE m.contact_id = a.contact_id AND m.kind = 'company'{same}))"
)
_SAME: Final = " AND g.name_folded = r.company_folded"
_BY_INDEX = text("SET LOCAL enable_seqscan = off")


def plan_by_index() -> None:
    """For statements over a slice, until the transaction ends: find each row by its index, or by its place.

    Tables grow by thousands of rows from slice to slice, faster than the planner hears of it: a plan that was kept
    from an empty workspace read all of ``addresses`` for each row. Where a slice's rows are joined to others, then, each
    of them looks the others up (``LATERAL … OFFSET 0``), and those that are written are found by their ``ctid``.
    """
    session().execute(_BY_INDEX)


@dataclass(frozen=True, slots=True)
class Classing:
    """Statement text for one way to treat people whom we know.

    Attributes:
        sql: gives import rows with ``place``, ``verdict``, ``known_id``, what stands here (``old_*``) and would stand
            (``new_*``). Binds id, workspace_id, first and last.
    """

    sql: str


def of(plan: Plan) -> Classing:
    """By what a plan says."""
    more = _TAGS if Target.TAGS in plan.targets else ""
    if Target.COMPANY in plan.targets:
        more += _COMPANY.format(same=_SAME if plan.known is Known.UPDATE else "")
    return _of(plan.known, more)


@lru_cache
def _of(known: Known, more: str) -> Classing:
    # What the file says comes first, or what stands here; either way nothing is taken away.
    if known is Known.UPDATE:
        texts = {name: f"coalesce(r.{name}, c.{name})" for name in _TEXTS}
        language, fields = "coalesce(r.language, c.language)", "c.fields || coalesce(r.fields, '{}')"
    else:
        texts = {name: f"coalesce(nullif(c.{name}, ''), r.{name}, '')" for name in _TEXTS}
        language, fields = "c.language", "coalesce(r.fields, '{}') || c.fields"
    new = {**texts, "language": language, "fields": fields}
    old_row = ", ".join(f"c.{name}" for name in new)
    new_row = ", ".join(new.values())
    columns = ", ".join(f"c.{name} AS old_{name}, {sql} AS new_{name}" for name, sql in new.items())
    is_known = f"WHEN a.contact_id IS NOT NULL THEN '{HERE}'" if known is Known.SKIP else ""
    return Classing(
        f"SELECT r.*, r.ctid AS place, a.contact_id AS known_id, {columns},"  # noqa: S608  no input in it
        f" CASE WHEN s.address_hash IS NOT NULL THEN '{NEVER}' WHEN a.contact_id IS NULL THEN '{NEW}' {is_known}"
        f" WHEN ({new_row}) IS DISTINCT FROM ({old_row}){more} THEN '{CHANGED}' ELSE '{UNCHANGED}' END AS verdict"
        " FROM import_rows r"
        f" LEFT JOIN {KNOWN} ON true LEFT JOIN contacts c ON c.id = a.contact_id"
        " LEFT JOIN LATERAL (SELECT address_hash FROM suppressions WHERE workspace_id = :workspace_id"
        "  AND channel = 'email' AND address_hash = r.hash OFFSET 0) s ON true"
        " WHERE r.import_id = :id AND r.fault IS NULL AND r.n BETWEEN :first AND :last"
    )
