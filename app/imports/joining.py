"""What a file puts people into beside their own row: the tags that they carry, their company.

A file only adds: nobody loses a tag or a company because a file does not name it.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from app.groups import service as groups
from app.imports import classing
from app.imports.models import Import
from app.imports.rules import Known, Plan, Target
from app.kernel.db import session
from app.kernel.errors import BadInput
from app.tags import queries as tag_queries
from app.tags import service as tags
from app.tags.rules import MAX_TAGS

_NEW_TAGS = text(
    "SELECT count(*) FROM (SELECT w.folded FROM import_rows r CROSS JOIN LATERAL jsonb_object_keys(r.tags) AS w (folded)"
    " WHERE r.import_id = :id AND r.fault IS NULL EXCEPT SELECT folded FROM tags"
    " WHERE workspace_id = :workspace_id AND removed_at IS NULL) AS new"
)
_ROWS: Final = "r.import_id = :id AND r.n BETWEEN :first AND :last AND r.fault IS NULL"
_WORDS = text(
    "SELECT w.key, mode() WITHIN GROUP (ORDER BY w.value) FROM import_rows r CROSS JOIN LATERAL jsonb_each_text(r.tags) AS w"  # noqa: S608  no input in it
    f" WHERE {_ROWS} GROUP BY w.key"
)
_NOTED: Final = (
    " CROSS JOIN LATERAL (SELECT ctid AS place FROM import_changes WHERE import_id = :id AND contact_id = p.contact_id OFFSET 0) AS n"
)
# In one order, so that two slices never wait for each other in a circle.
_TAG = text(
    "WITH put AS (INSERT INTO contact_tags (contact_id, tag_id, workspace_id, added_at)"  # noqa: S608  no input in it
    " SELECT a.contact_id, t.id, :workspace_id, :now FROM import_rows r"
    f" JOIN {classing.KNOWN} ON true CROSS JOIN LATERAL jsonb_object_keys(r.tags) AS w (folded)"
    " JOIN tags t ON t.workspace_id = :workspace_id AND t.folded = w.folded AND t.removed_at IS NULL"
    f" WHERE {_ROWS} ORDER BY a.contact_id, t.id ON CONFLICT DO NOTHING RETURNING contact_id, tag_id)"
    " UPDATE import_changes h SET added = coalesce(h.added, '{}') || jsonb_build_object('tags', p.ids)"
    f" FROM (SELECT contact_id, jsonb_agg(tag_id) AS ids FROM put GROUP BY contact_id) AS p{_NOTED} WHERE h.ctid = n.place"
)
_NAMES = text(
    "SELECT r.company_folded, mode() WITHIN GROUP (ORDER BY r.company) FROM import_rows r"  # noqa: S608  no input in it
    f" WHERE {_ROWS} AND r.company_folded IS NOT NULL GROUP BY r.company_folded"
)
_EMPLOY: Final = (
    "WITH wanted AS (SELECT a.contact_id, g.id AS group_id FROM import_rows r"  # noqa: S608  no input in it
    f" JOIN {classing.KNOWN} ON true CROSS JOIN LATERAL (SELECT id FROM groups WHERE workspace_id = :workspace_id"
    f"  AND kind = 'company' AND name_folded = r.company_folded OFFSET 0) AS g WHERE {_ROWS} ORDER BY a.contact_id),"
    " put AS (INSERT INTO group_members AS m (contact_id, kind, group_id, workspace_id, joined_at)"
    " SELECT contact_id, 'company', group_id, :workspace_id, :now FROM wanted ON CONFLICT (contact_id, kind) {known}"
    " RETURNING contact_id, group_id)"
    " UPDATE import_changes h SET added = coalesce(h.added, '{{}}') || jsonb_build_object('company', p.group_id,"
    " 'company_before', CASE WHEN w.group_id IS NOT NULL THEN jsonb_build_object('id', w.group_id, 'role', w.role) END)"
    # As they were before this statement.
    " FROM put p LEFT JOIN LATERAL (SELECT group_id, role FROM group_members"
    f"  WHERE contact_id = p.contact_id AND kind = 'company' OFFSET 0) AS w ON true{_NOTED} WHERE h.ctid = n.place"
)
_MOVED: Final = (
    "DO UPDATE SET group_id = excluded.group_id, role = '', joined_at = excluded.joined_at"
    " WHERE m.group_id <> excluded.group_id"
)
# Back into the company of before where that is still there, else out of the new one; whoever was put elsewhere since stays.
_REEMPLOY = text(
    "UPDATE group_members m SET group_id = g.id, role = h.added -> 'company_before' ->> 'role' FROM import_changes h"
    " JOIN groups g ON g.id = CAST(h.added -> 'company_before' ->> 'id' AS uuid)"
    " WHERE h.import_id = :id AND h.contact_id = ANY(:people) AND m.contact_id = h.contact_id AND m.kind = 'company'"
    " AND m.group_id = CAST(h.added ->> 'company' AS uuid)"
)
_DISMISS = text(
    "DELETE FROM group_members m USING import_changes h WHERE h.import_id = :id AND h.contact_id = ANY(:people)"
    " AND m.contact_id = h.contact_id AND m.kind = 'company' AND m.group_id = CAST(h.added ->> 'company' AS uuid)"
)
_UNTAG = text(
    "DELETE FROM contact_tags c USING import_changes h WHERE h.import_id = :id AND h.contact_id = ANY(:people)"
    " AND c.contact_id = h.contact_id"
    " AND c.tag_id IN (SELECT CAST(t AS uuid) FROM jsonb_array_elements_text(h.added -> 'tags') AS t)"
)


def refuse_too_many(found: Import, plan: Plan) -> None:
    """Raises: BadInput where the file would make the list of tags too long: it is no column of tags, then."""
    if Target.TAGS not in plan.targets:
        return
    values = {"id": found.id, "workspace_id": found.workspace_id}
    new = session().execute(_NEW_TAGS, values).scalar_one()
    if new and new + tag_queries.count_tags(found.workspace_id) > MAX_TAGS:
        raise BadInput(
            f"This file would bring {new:,} new tags, and a workspace has {MAX_TAGS:,} at most."
            " Choose another column, or take it into a field of your own."
        )


def join(plan: Plan, values: dict[str, Any]) -> None:
    """Put a slice's people where its rows say, and note it down; ``values``: those of the slice."""
    if Target.TAGS in plan.targets:
        words = {row[0]: row[1] for row in session().execute(_WORDS, values)}
        tags.ensure(values["workspace_id"], words, import_id=values["id"])
        session().execute(_TAG, values)
    if Target.COMPANY in plan.targets:
        names = {row[0]: row[1] for row in session().execute(_NAMES, values)}
        groups.ensure_companies(values["workspace_id"], names, import_id=values["id"])
        known = _MOVED if plan.known is Known.UPDATE else "DO NOTHING"
        session().execute(text(_EMPLOY.format(known=known)), values)


def take_back(values: dict[str, Any]) -> None:
    """Take some people out of it again; ``values``: the import's ``id`` and ``people``."""
    for statement in (_UNTAG, _REEMPLOY, _DISMISS):
        session().execute(statement, values)


def finish_undoing(import_id: UUID) -> None:
    """What it made for this and nobody uses goes."""
    tags.forget_import(import_id)
    groups.forget_import(import_id)
