"""Taking an import back: what it wrote goes where nobody wrote over it, what its people decided since stays.

A permission that it gave is corrected in the ledger, so it is a no from then on; a no stays a no. Somebody whom it made
is deleted where nothing else was ever kept about them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, select, text

from app.consent import service as consent
from app.consent.rules import By
from app.contacts.rules import fold_name
from app.imports import classing, joining
from app.imports.models import Import, ImportChange
from app.imports.rules import ImportState
from app.kernel import clock, module
from app.kernel.db import Base, session, transaction

AT_ONCE: Final = 500
REMARK: Final = "The import that told this was taken back."
# The id that a row of a file has would be that of somebody new.
_OWN: Final = frozenset({"contacts", "addresses", "import_changes", "import_rows"})

# Each value by itself: what was written over since is somebody else's by now.
_RESTORE = text(
    """
    UPDATE contacts c SET updated_at = :now,
        first_name = CASE WHEN c.first_name = h.after->>'first_name' THEN h.before->>'first_name' ELSE c.first_name END,
        last_name = CASE WHEN c.last_name = h.after->>'last_name' THEN h.before->>'last_name' ELSE c.last_name END,
        language = CASE WHEN c.language = h.after->>'language' THEN h.before->>'language' ELSE c.language END,
        fields = (SELECT coalesce(jsonb_object_agg(k.key, k.value), '{}') FROM (
            SELECT f.key, CASE WHEN c.fields->f.key IS NOT DISTINCT FROM h.after->'fields'->f.key
                THEN h.before->'fields'->f.key ELSE c.fields->f.key END AS value
            FROM jsonb_object_keys(c.fields || (h.before->'fields')) AS f (key)) AS k WHERE k.value IS NOT NULL)
    FROM import_changes h
    WHERE h.import_id = :id AND h.contact_id = ANY(:people) AND h.before IS NOT NULL AND c.id = h.contact_id
        AND c.workspace_id = :workspace_id AND c.erased_at IS NULL
    RETURNING c.id, c.first_name, c.last_name
    """
)
_FOLD = text("UPDATE contacts SET name_folded = :folded WHERE id = :id")


def undo_some(import_id: UUID) -> bool:
    """Take back what was done to the next few people; whether more are left."""
    with transaction():
        query = select(Import).where(Import.id == import_id, Import.state == ImportState.UNDOING.value)
        found = session().execute(query.with_for_update(skip_locked=True)).scalar_one_or_none()
        if found is None:
            return False
        changes = (
            select(ImportChange.contact_id, ImportChange.is_made, ImportChange.event_id)
            .where(ImportChange.import_id == import_id)
            .order_by(ImportChange.contact_id)
            .limit(AT_ONCE)
        )
        rows = [(row[0], row[1], row[2]) for row in session().execute(changes)]
        if rows:
            _undo(found, rows)
        else:
            joining.finish_undoing(import_id)
            found.state, found.undone_at = ImportState.UNDONE.value, clock.now()
            session().flush()
    return bool(rows)


def _undo(found: Import, rows: Sequence[tuple[UUID, bool, UUID | None]]) -> None:
    values = {
        "id": found.id, "workspace_id": found.workspace_id, "now": clock.now(), "people": [row[0] for row in rows]
    }  # fmt: skip
    classing.plan_by_index()
    renamed = session().execute(_RESTORE, values).all()
    if renamed:
        folded = [{"id": row[0], "folded": fold_name(f"{row[1]} {row[2]}".strip())} for row in renamed]
        session().execute(_FOLD, folded)
    joining.take_back(values)
    wrong = {event_id: contact_id for contact_id, _, event_id in rows if event_id is not None}
    if wrong:
        # What was corrected before, and who was erased, stays as it is.
        consent.correct_all(found.workspace_id, wrong, REMARK, by=By("staff", str(found.user_id)))
    made = [row[0] for row in rows if row[1]]
    if made:
        _delete(found.workspace_id, made)
    session().execute(
        text("DELETE FROM import_changes WHERE import_id = :id AND contact_id = ANY(:people)"), values
    )


def _delete(workspace_id: UUID, people: list[UUID]) -> None:
    """Those about whom nothing but this is known."""
    query = text(unknown_sql()).bindparams(bindparam("people", expanding=True))
    gone = list(session().execute(query, {"workspace_id": workspace_id, "people": people}).scalars())
    if gone:
        session().execute(text("DELETE FROM addresses WHERE contact_id = ANY(:gone)"), {"gone": gone})
        session().execute(text("DELETE FROM contacts WHERE id = ANY(:gone)"), {"gone": gone})


def kept_in() -> list[str]:
    """The tables in which something may be kept about a person, beside what an import writes itself."""
    return sorted(
        {
            name
            for one in module.installed()
            for data in one.personal_data
            for name in data.tables
            if "contact_id" in Base.metadata.tables[name].columns
        }
        - _OWN
    )


def unknown_sql() -> str:
    """Locks those of ``:people`` of ``:workspace_id`` about whom nothing is kept, and gives their ids."""
    nothing = " AND ".join(map(_knows_nothing, kept_in()))
    return (
        f"SELECT c.id FROM contacts c WHERE c.workspace_id = :workspace_id AND c.id IN :people AND {nothing}"  # noqa: S608
        " FOR UPDATE OF c"
    )


def _knows_nothing(table: str) -> str:
    """Asked for each person by itself, as the table's index begins: a plan over all of it took 10 s for 500 of them."""
    within = "o.workspace_id = c.workspace_id AND " if "workspace_id" in Base.metadata.tables[table].columns else ""
    return f"NOT EXISTS (SELECT FROM {table} o WHERE {within}o.contact_id = c.id OFFSET 0)"


def forget(import_id: UUID) -> None:
    """What would undo it is not needed any more."""
    session().execute(text("DELETE FROM import_changes WHERE import_id = :id"), {"id": import_id})
