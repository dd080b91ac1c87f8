"""Taking what was read: slice by slice, each in one transaction with its count, by as many workers as there are."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import OperationalError

from app.accounts import queries as accounts
from app.consent import service as consent
from app.consent.rules import By
from app.consent.rules.suppressing import Listed
from app.contacts.addresses import normalise
from app.contacts.rules import fold_name
from app.imports import classing, files, joining, permitting
from app.imports.models import Import, ImportRow, ImportSlice
from app.imports.rules import CHANGED, NEW, NOES, ImportState, Plan
from app.kernel import clock
from app.kernel.db import session, transaction

log = logging.getLogger(__name__)
FORGOTTEN_AT_ONCE: Final = 50_000
LEARN_FROM: Final = 10_000
"""From so many rows on the planner is told of them: until it looks by itself, it takes full tables for empty ones."""


class _Overtaken(Exception):
    """Somebody signed up with an address of this slice between our look and our write: it is taken anew."""


_NEXT = text(
    "SELECT first_n, last_n FROM import_slices WHERE import_id = :id AND counts IS NULL ORDER BY first_n LIMIT 1"
    " FOR UPDATE SKIP LOCKED"
)
_TAKE = """
WITH x AS MATERIALIZED ({classed}),
made AS (
    INSERT INTO contacts (id, workspace_id, first_name, last_name, name_folded, language, fields, created_at, updated_at)
    SELECT contact_id, :workspace_id, coalesce(first_name, ''), coalesce(last_name, ''), name_folded,
        coalesce(language, :language), coalesce(fields, '{{}}'), :now, :now FROM x WHERE verdict = '{new}' ORDER BY n
    RETURNING id
), reached AS (
    INSERT INTO addresses (id, workspace_id, contact_id, channel, raw, address, key, folded, domain, needs_smtputf8, created_at)
    SELECT address_id, :workspace_id, contact_id, 'email', raw, address, key, folded, domain, needs_smtputf8, :now
    FROM x WHERE verdict = '{new}' ORDER BY n ON CONFLICT (workspace_id, channel, key) DO NOTHING RETURNING contact_id
), moved AS (
    UPDATE contacts c SET first_name = x.new_first_name, last_name = x.new_last_name, language = x.new_language,
        name_folded = CASE WHEN {by_row} THEN x.name_folded ELSE c.name_folded END, fields = x.new_fields, updated_at = :now
    FROM x WHERE c.id = x.known_id AND x.verdict = '{changed}' RETURNING c.id
), noted AS (
    INSERT INTO import_changes (import_id, contact_id, workspace_id, is_made, before, after)
    SELECT :id, contact_id, :workspace_id, true, NULL, NULL FROM x WHERE verdict = '{new}'
    UNION ALL SELECT :id, known_id, :workspace_id, false,
        jsonb_build_object('first_name', old_first_name, 'last_name', old_last_name, 'language', old_language, 'fields', old_fields),
        jsonb_build_object('first_name', new_first_name, 'last_name', new_last_name, 'language', new_language, 'fields', new_fields)
    FROM x WHERE verdict = '{changed}' ON CONFLICT (import_id, contact_id) DO NOTHING
), left_out AS (
    UPDATE import_rows r SET fault = x.verdict FROM x
    WHERE r.ctid = x.place AND x.verdict NOT IN ('{new}', '{changed}', 'unchanged') RETURNING r.n
)
SELECT verdict, count(*), (SELECT count(*) FROM made), (SELECT count(*) FROM reached),
    jsonb_agg(jsonb_build_array(known_id, new_first_name, new_last_name)) FILTER (WHERE verdict = '{changed}'
        AND (new_first_name, new_last_name) IS DISTINCT FROM (old_first_name, old_last_name) AND NOT ({by_row}))
FROM x GROUP BY verdict
"""
_BY_ROW: Final = "(x.new_first_name, x.new_last_name) = (coalesce(x.first_name, ''), coalesce(x.last_name, ''))"
"""Whether somebody is called what the row says, and nothing of their name was here before."""
_FOLD = text("UPDATE contacts SET name_folded = :folded WHERE id = :id")
_NOES = text(
    "SELECT n, fault, raw, said_at FROM import_rows WHERE import_id = :id AND n BETWEEN :first AND :last AND fault = ANY(:noes)"
    " ORDER BY n"
)

# With the slice: at the end of a large file nobody would help with it.
_FORGET = text("DELETE FROM import_rows WHERE import_id = :id AND n BETWEEN :first AND :last AND fault IS NULL")


def take_one(import_id: UUID) -> bool:
    """Take the next slice that nobody else is taking; False: none is left to take."""
    try:
        with transaction():
            found = _at_work(import_id)
            row = session().execute(_NEXT, {"id": import_id}).first() if found else None
            if found is None or row is None:
                return False
            counts = _take(found, row.first_n, row.last_n)
            session().execute(
                update(ImportSlice)
                .where(ImportSlice.import_id == import_id, ImportSlice.first_n == row.first_n)
                .values(counts=counts, done_at=clock.now())
            )
    except _Overtaken:
        log.info("import %s: a slice is taken anew, since somebody signed up meanwhile", import_id)
    except OperationalError as fault:
        # Two who write the same addresses in another order; who was chosen to give way comes again.
        if "deadlock" not in str(fault):
            raise
    return True


def _at_work(import_id: UUID) -> Import | None:
    query = select(Import).where(Import.id == import_id, Import.state == ImportState.TAKING.value)
    return session().execute(query.execution_options(populate_existing=True)).scalar_one_or_none()


def _take(found: Import, first: int, last: int) -> dict[str, int]:
    plan = Plan.from_json(found.plan or {})
    statement = _TAKE.format(classed=classing.of(plan).sql, new=NEW, changed=CHANGED, by_row=_BY_ROW)
    values: dict[str, Any] = {
        "id": found.id, "workspace_id": found.workspace_id, "first": first, "last": last, "now": clock.now(),
        "language": accounts.brand(found.workspace_id).language,
    }  # fmt: skip
    classing.plan_by_index()
    rows = session().execute(text(statement), values).all()
    if rows and rows[0][2] != rows[0][3]:
        raise _Overtaken
    counts = {row[0]: row[1] for row in rows}
    _fold_names([name for row in rows for name in row[4] or ()])
    joining.join(plan, values)
    if plan.permission is not None:
        counts |= permitting.permit(found, plan.permission, values)
    _keep_noes(found, values)
    session().execute(_FORGET, values)
    return counts


def _keep_noes(found: Import, values: dict[str, Any]) -> None:
    """Whoever said no where the file comes from is not written to from here; also once the import is taken back."""
    reasons = {words: reason for reason, words in NOES.items()}
    listed = [
        Listed(n, reasons[fault], address=normalise(raw), told_at=said_at)
        for n, fault, raw, said_at in session().execute(_NOES, values | {"noes": list(reasons)})
    ]
    if listed:
        consent.enter_list(found.workspace_id, listed, by=By("staff", str(found.user_id)))


def _fold_names(renamed: Sequence[tuple[str, str, str]]) -> None:
    """What the search looks at follows names that are half the row's and half what was here."""
    folded = [{"id": id_, "folded": fold_name(f"{first} {last}".strip())} for id_, first, last in renamed]
    if folded:
        session().execute(_FOLD, folded)


def finish(import_id: UUID) -> bool:
    """Where every slice is taken, forget the file and say so; whether it is over."""
    with transaction():
        left = select(ImportSlice.first_n).where(ImportSlice.import_id == import_id, ImportSlice.counts.is_(None))
        if _at_work(import_id) is None or session().execute(left.limit(1)).first() is not None:
            return False
        files.forget(import_id)
        session().execute(
            update(Import)
            .where(Import.id == import_id, Import.state == ImportState.TAKING.value)
            .values(state=ImportState.DONE.value, ended_at=clock.now())
        )
    _learn(import_id)
    return True


def _learn(import_id: UUID) -> None:
    with transaction():
        counts = counts_of(import_id)
        if counts.get(NEW, 0) + counts.get(CHANGED, 0) >= LEARN_FROM:
            session().execute(text("SET LOCAL statement_timeout = '10min'"))
            session().execute(text("SELECT learn_people()"))


def forget_rows(import_id: UUID, *, all_of_them: bool = False) -> None:
    """Drop what was read of a file, but for the rows that were left out."""
    with transaction():
        query = select(ImportRow.n).where(ImportRow.import_id == import_id).order_by(ImportRow.n.desc()).limit(1)
        last = session().execute(query).scalar() or 0
    for first in range(1, last + 1, FORGOTTEN_AT_ONCE):
        which = [ImportRow.import_id == import_id, ImportRow.n.between(first, first + FORGOTTEN_AT_ONCE - 1)]
        if not all_of_them:
            which.append(ImportRow.fault.is_(None))
        with transaction():
            session().execute(delete(ImportRow).where(*which))


def counts_of(import_id: UUID) -> dict[str, int]:
    """What became of the rows so far, by word."""
    query = select(ImportSlice.counts).where(ImportSlice.import_id == import_id, ImportSlice.counts.is_not(None))
    found: dict[str, int] = {}
    for counts in session().execute(query).scalars():
        for word, count in (counts or {}).items():
            found[word] = found.get(word, 0) + count
    return found


