"""How many messages of a mailing ended how, kept as it happens: a report of a million reads some rows.

Who ends messages adds a row in the statement that does so; nobody waits for anybody. All that moves messages in other
ways says here that the mailing is to be counted anew, in its own transaction, and until then it is counted over the
messages themselves. Both are exact at every moment: what is read and what is put together are of one snapshot.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import text

from app.consent.events import Objected, Suppressed, Withdrawn
from app.consent.rules import Reason
from app.delivery.rules import LEFT_WITHIN, RESTORED_DOUBT, Leaving
from app.kernel import clock
from app.kernel.db import release, session, transaction

JOB: Final = "delivery.count"
RECENT: Final = timedelta(minutes=2)
"""What ended later is kept by the second: somebody asks how fast it goes."""
PUT_TOGETHER_FROM: Final = 300
"""Rows of one mailing that may lie beside each other: 300 are read in under a millisecond."""
WORK_SECONDS: Final = 20.0
LOCK: Final = 0x6E6F64636F756E74
"""The key of the lock: "nodcount"."""

ADD: Final = "INSERT INTO mailing_counts (workspace_id, mailing_no, state, code, status, words, at, number)"
"""What a statement that ends messages goes on with: a SELECT of these columns."""
REASON: Final = (
    "CASE WHEN m.state IN ('failed', 'bounced') THEN m.reply_code END AS code,"
    " CASE WHEN m.state IN ('failed', 'bounced') THEN m.reply_status END AS status,"
    f" CASE WHEN m.state = 'suppressed' OR m.state = 'unknown' AND m.reply_text = '{RESTORED_DOUBT}'"
    " THEN m.reply_text END AS words"
)
"""As much of why a message ``m`` ended as tells reasons apart."""
COUNT_ENDED: Final = (
    f", counted AS ({ADD} SELECT :workspace_id, :no, m.state, m.code, m.status, m.words, :now, count(*) FROM done AS m"  # noqa: S608  no input in it
    " WHERE m.state <> 'pending' GROUP BY m.state, m.code, m.status, m.words)"
)
"""Counts the rows of ``done`` (n, state and REASON), which waited until then."""
COUNT_SENT: Final = (
    f", counted AS ({ADD} SELECT :workspace_id, :no, 'sent', NULL, NULL, NULL, :now, count(*) FROM done"  # noqa: S608  no input in it
    " HAVING count(*) > 0)"
)
"""The same where all of them were sent."""

_DOUBT = text(
    "INSERT INTO mailing_recounts (mailing_no) SELECT no FROM mailings WHERE kind = 'bulk'"
    " AND no = ANY(CAST(:nos AS bigint[]))"
)
_MARKED = text("SELECT DISTINCT mailing_no FROM mailing_recounts ORDER BY mailing_no")
_HELD = text("SELECT pg_try_advisory_xact_lock(:key)")
# One statement, so that messages, rows and marks are of one snapshot: what others commit meanwhile is in none of them.
_RECOUNT = text(
    "WITH marks AS (DELETE FROM mailing_recounts WHERE mailing_no = :no),"  # noqa: S608  no input in it
    f" gone AS (DELETE FROM mailing_counts WHERE mailing_no = :no) {ADD}"
    " SELECT k.workspace_id, :no, k.state, k.code, k.status, k.words, k.at, count(*) FROM ("
    f" SELECT m.workspace_id, m.state, {REASON}, CASE WHEN m.done_at > :since THEN date_trunc('second', m.done_at)"
    " ELSE '-infinity' END AS at FROM messages m"
    " WHERE m.mailing_no = :no AND m.state NOT IN ('pending', 'claimed', 'attempting')) AS k"
    " GROUP BY k.workspace_id, k.state, k.code, k.status, k.words, k.at"
)
_SCATTERED = text(
    "SELECT mailing_no FROM mailing_counts GROUP BY mailing_no HAVING count(*) >= :least"
    " AND count(*) FILTER (WHERE at <= :since AND at > '-infinity') > 0 ORDER BY mailing_no"
)
_PUT_TOGETHER = text(
    f"WITH gone AS (DELETE FROM mailing_counts WHERE mailing_no = :no RETURNING *) {ADD}"  # noqa: S608  no input in it
    " SELECT workspace_id, mailing_no, state, code, status, words, moment, sum(number) FROM (SELECT gone.*,"
    " CASE WHEN at > :since THEN date_trunc('second', at) ELSE '-infinity' END AS moment FROM gone) AS g"
    " GROUP BY workspace_id, mailing_no, state, code, status, words, moment HAVING sum(number) <> 0"
)


def doubt(mailing_nos: Collection[int]) -> None:
    """Messages of these mailings were moved: have them counted anew. Mailings of system mail are not counted."""
    if mailing_nos:
        session().execute(_DOUBT, {"nos": sorted(set(mailing_nos))})


def run() -> None:
    """Count anew what is in doubt, and put together what lies scattered; a job."""
    until = time.monotonic() + WORK_SECONDS
    with transaction():
        marked = list(session().execute(_MARKED).scalars())
        scattered = list(session().execute(_SCATTERED, _values() | {"least": PUT_TOGETHER_FROM}).scalars())
    for number in marked:
        if time.monotonic() < until:
            recount(number)
    for number in set(scattered).difference(marked):
        if time.monotonic() < until:
            put_together(number)
    release()


def recount(mailing_no: int) -> bool:
    """Count a mailing over its messages; False: somebody else does such work right now. 1,000,000 take 1.2 to 1.6 s (busy cores)."""
    return _alone(_RECOUNT, mailing_no)


def put_together(mailing_no: int) -> bool:
    """Make few rows of many; False: somebody else does such work right now."""
    return _alone(_PUT_TOGETHER, mailing_no)


def _alone(statement: Any, mailing_no: int) -> bool:
    """Two who did it at once would both take the same rows out, and both put them back."""
    with transaction():
        if not session().execute(_HELD, {"key": LOCK}).scalar_one():
            return False
        session().execute(statement, _values() | {"no": mailing_no})
    return True


def _values() -> dict[str, Any]:
    return {"since": clock.now() - RECENT}


# --- Who went because of it --------------------------------------------------------------------------------------

_LEAVE = text(
    "INSERT INTO mailing_leavings (mailing_no, kind, n, workspace_id, at)"
    " SELECT m.mailing_no, :kind, m.n, m.workspace_id, :now FROM messages m"
    " WHERE m.workspace_id = :workspace_id AND m.contact_id = :contact_id AND m.permission_id IS NOT NULL"
    " AND m.began_at > CAST(:now AS timestamptz) - CAST(:within AS interval)"
    " AND (CAST(:event_id AS uuid) IS NULL OR EXISTS (SELECT FROM consent_events e WHERE e.id = CAST(:event_id AS uuid)"
    " AND e.kind IN ('withdrawn', 'objected'))) ON CONFLICT DO NOTHING"
)


def on_left(event: Withdrawn | Objected) -> None:
    """A person said no: it counts for the mails of their last week. A permission that ran out is no such act."""
    _leave(event, Leaving.LEFT, event_id=event.event_id)


def on_suppressed(event: Suppressed) -> None:
    """A person complained: the same."""
    if event.reason == Reason.COMPLAINT:
        _leave(event, Leaving.COMPLAINED, event_id=None)


def _leave(event: Withdrawn | Objected | Suppressed, kind: Leaving, *, event_id: Any) -> None:
    values = {
        "workspace_id": event.workspace_id, "contact_id": event.contact_id, "kind": kind.value, "now": clock.now(),
        "within": LEFT_WITHIN, "event_id": event_id,
    }  # fmt: skip
    session().execute(_LEAVE, values)
