"""How many people read a mailing by hand, kept in step with the signals that say so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text

from app.kernel.db import array_of, session
from app.tracking.rules.hits import Kind
from app.tracking.rules.verdicts import Finding, Seen, Verdict

Change = tuple[int, int]
"""By how many more people opened, and clicked."""

# What somebody else puts together at the same moment is left to them, and what comes meanwhile stays for the next time.
_ADD = text(
    "WITH w AS (SELECT * FROM unnest(CAST(CAST(:nos AS text) AS bigint[]), CAST(CAST(:ids AS text) AS uuid[]),"
    " CAST(CAST(:opened AS text) AS bigint[]), CAST(CAST(:clicked AS text) AS bigint[]))"
    " AS w (mailing_no, workspace_id, opened, clicked)),"
    " gone AS (DELETE FROM signal_readers WHERE id IN (SELECT id FROM signal_readers"
    " WHERE mailing_no IN (SELECT mailing_no FROM w) FOR UPDATE SKIP LOCKED)"
    " RETURNING mailing_no, workspace_id, opened, clicked)"
    " INSERT INTO signal_readers (mailing_no, workspace_id, opened, clicked)"
    " SELECT mailing_no, workspace_id, sum(opened), sum(clicked) FROM (SELECT * FROM w UNION ALL SELECT * FROM gone) AS s"
    " GROUP BY mailing_no, workspace_id"
)
# A message belongs to one person, so with theirs all of its signals go.
_ERASE = text(
    "WITH gone AS (DELETE FROM signals WHERE workspace_id = :workspace_id AND contact_id = :contact_id"
    " RETURNING mailing_no, n, kind, verdict)"
    " INSERT INTO signal_readers (workspace_id, mailing_no, opened, clicked)"
    " SELECT :workspace_id, mailing_no, -count(DISTINCT n), -count(DISTINCT n) FILTER (WHERE kind = 'click') FROM gone"
    " WHERE mailing_no IS NOT NULL AND n IS NOT NULL AND verdict = 'human' GROUP BY mailing_no"
)
NOBODY_MORE: Final[Change] = (0, 0)


def change_of(seen: Sequence[Seen], signals: Sequence[Seen], found: Sequence[Finding]) -> Change:
    """By how much one message counts more than before.

    Args:
        seen: its signals that were written earlier, as they were judged then.
        signals: these, and those that are written now.
        found: how the latter are judged now, each at its place.
    """
    before = _counts(seen, [one.finding for one in seen])
    after = _counts(signals, found)
    return after[0] - before[0], after[1] - before[1]


def _counts(signals: Iterable[Seen], found: Iterable[Finding]) -> Change:
    has_read = 0
    for one, finding in zip(signals, found, strict=True):
        if finding.verdict is Verdict.HUMAN:
            if one.kind is Kind.CLICK:
                return 1, 1
            has_read = 1
    return has_read, 0


def add(changes: Mapping[tuple[int, UUID], Change]) -> None:
    """Keep the sums of mailings (number and workspace) in step."""
    rows = sorted(((*key, *change) for key, change in changes.items() if change != NOBODY_MORE), key=lambda row: row[:1])
    if rows:
        columns = dict(zip(("nos", "ids", "opened", "clicked"), map(array_of, zip(*rows, strict=True)), strict=True))
        session().execute(_ADD, columns)


def erase(workspace_id: UUID, contact_id: UUID) -> None:
    """Delete a person's signals, and count them no more among the readers."""
    session().execute(_ERASE, {"workspace_id": workspace_id, "contact_id": contact_id})
