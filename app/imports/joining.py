"""What a file puts people into beside their own row: the tags that they carry.

A file only adds: nobody loses a tag because a file does not name it.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from app.imports import classing
from app.imports.models import Import
from app.imports.rules import Plan, Target
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
# In one order, so that two slices never wait for each other in a circle.
_TAG = text(
    "WITH put AS (INSERT INTO contact_tags (contact_id, tag_id, workspace_id, added_at)"  # noqa: S608  no input in it
    " SELECT a.contact_id, t.id, :workspace_id, :now FROM import_rows r"
    f" JOIN {classing.KNOWN} ON true CROSS JOIN LATERAL jsonb_object_keys(r.tags) AS w (folded)"
    " JOIN tags t ON t.workspace_id = :workspace_id AND t.folded = w.folded AND t.removed_at IS NULL"
    f" WHERE {_ROWS} ORDER BY a.contact_id, t.id ON CONFLICT DO NOTHING RETURNING contact_id, tag_id)"
    " UPDATE import_changes h SET added = coalesce(h.added, '{}') || jsonb_build_object('tags', p.ids)"
    " FROM (SELECT contact_id, jsonb_agg(tag_id) AS ids FROM put GROUP BY contact_id) AS p"
    " WHERE h.import_id = :id AND h.contact_id = p.contact_id"
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
    if Target.TAGS not in plan.targets:
        return
    words = {row[0]: row[1] for row in session().execute(_WORDS, values)}
    if words:
        tags.ensure(values["workspace_id"], words, import_id=values["id"])
        session().execute(_TAG, values)


def take_back(values: dict[str, Any]) -> None:
    """Take some people out of it again; ``values``: the import's ``id`` and ``people``."""
    session().execute(_UNTAG, values)


def finish_undoing(import_id: UUID) -> None:
    """What it made for this and nobody uses goes."""
    tags.forget_import(import_id)
