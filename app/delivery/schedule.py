"""What becomes due with mailings to many: their audience is made, they end, and a late one waits for a person."""

from __future__ import annotations

import logging
import time
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text

from app.consent import queries as consent
from app.delivery import due, moves, narrowing
from app.delivery.events import MailingFinished
from app.delivery.models import LEAST_SERVED
from app.delivery.pacing.groups import group_sql
from app.delivery.rules import LATE, MAY_LEAVE, TOO_LATE, Lane, MailingState
from app.delivery.rules.hours import timing_of
from app.kernel import clock, jobs
from app.kernel.db import release, session, transaction
from app.kernel.errors import Problem
from app.kernel.events import publish

log = logging.getLogger(__name__)

_FREEZE_SECONDS: Final = 600
MOVE_SECONDS: Final = 5.0
"""So long at most are rows moved in one run: what is due next to them is no later than that."""
_LEARN_FROM: Final = 5_000
_LATE = text(
    "UPDATE mailings SET state = 'paused', pause_reason = :reason WHERE kind = 'bulk' AND ended_at IS NULL"
    " AND state = 'scheduled' AND send_at < :late RETURNING no"
)
_HOLD = text("UPDATE mailings SET state = 'paused', pause_reason = :reason WHERE no = :no AND state = 'freezing'")
_NO_AUDIENCE = "Its audience cannot be made: {}"
# A segment's rules are sets: with many of them PostgreSQL expects next to nobody, and loops over what it should hash.
_AS_SETS = text("SET LOCAL enable_nestloop = off; SET LOCAL work_mem = '64MB'")
_DUE = text(
    "UPDATE mailings SET state = 'freezing' WHERE kind = 'bulk' AND ended_at IS NULL"
    " AND state = 'scheduled' AND send_at <= :now"
)
_NEXT = text(
    "SELECT no, workspace_id, interests, narrowing, timing, send_at FROM mailings WHERE kind = 'bulk' AND ended_at IS NULL"
    " AND state = 'freezing' ORDER BY send_at, no LIMIT 1 FOR UPDATE SKIP LOCKED"
)
_RUN = text(
    "UPDATE mailings SET state = 'running', audience = :audience, frozen_at = :now,"  # noqa: S608  no input in it
    f" vtime = coalesce({LEAST_SERVED}, 0)"
    " WHERE no = :no AND state = 'freezing'"
)
# Who has nothing due for some hours does not save up turns for when their next people are due.
_KEEP_UP = text(
    f"UPDATE mailings SET vtime = {LEAST_SERVED} WHERE no IN (SELECT g.no FROM mailings g WHERE g.kind = 'bulk'"  # noqa: S608  no input in it
    f" AND g.ended_at IS NULL AND g.state = 'running' AND g.vtime < {LEAST_SERVED} AND NOT EXISTS (SELECT FROM messages m"
    f" WHERE m.mailing_no = g.no AND m.state = 'pending' AND m.due_at <= :now{MAY_LEAVE}) FOR UPDATE SKIP LOCKED)"
)
_OPEN = text(
    "SELECT no FROM mailings WHERE kind = 'bulk' AND ended_at IS NULL AND frozen_at IS NOT NULL"
    " AND state IN ('running', 'cancelled') ORDER BY no FOR UPDATE SKIP LOCKED"
)
# Asked apart, so that each reads its own partial index and none the ended messages.
_END = text(
    "UPDATE mailings g SET state = CASE WHEN g.state = 'running' THEN 'done' ELSE g.state END, ended_at = :now"
    " WHERE g.no = ANY(:nos) AND g.again IS NULL"
    " AND NOT EXISTS (SELECT FROM messages m WHERE m.mailing_no = g.no AND m.state = 'pending')"
    " AND NOT EXISTS (SELECT FROM messages m WHERE m.mailing_no = g.no AND m.state IN ('claimed', 'attempting'))"
    " RETURNING g.no, g.workspace_id, g.state"
)
_NEVER_BEGAN = text(
    "UPDATE mailings SET ended_at = :now WHERE kind = 'bulk' AND ended_at IS NULL AND frozen_at IS NULL"
    " AND state = 'cancelled' RETURNING no, workspace_id, state"
)


def run() -> None:
    """Do what is due now; a job, and rung after each verb. Several may run at once."""
    with transaction():
        _begin_due()
    while _freeze_next():
        pass
    _move()
    _move_closed()
    end_finished()
    release()


def _begin_due() -> None:
    now = clock.now()
    late = session().execute(_LATE, {"reason": TOO_LATE, "late": now - LATE}).scalars().all()
    for number in late:
        log.warning("mailing %s is more than two hours late and waits for a person", number)
    session().execute(_DUE, {"now": now})
    session().execute(_KEEP_UP, {"now": now})


def _freeze_next() -> bool:
    """Make the audience of one mailing, all of it or nothing; False: none is left to make."""
    with transaction():
        found = session().execute(_NEXT).one_or_none()
        if found is None:
            return False
        try:
            with session().begin_nested():
                audience = _freeze(found)
        except Problem as fault:
            # Others go on; this one waits for a person.
            log.exception("mailing %s cannot begin: %s", found.no, fault.detail)
            session().execute(_HOLD, {"no": found.no, "reason": _NO_AUDIENCE.format(fault.detail)})
            return True
        if audience >= _LEARN_FROM:
            # Until somebody counts, the planner takes a new mailing for one of a few rows.
            session().execute(text("SELECT learn_messages()"))
        values = {"no": found.no, "audience": audience, "now": clock.now()}
        session().execute(_RUN, values)
        jobs.ring_lane(Lane.BULK)
    log.info("mailing %s goes to %s people", found.no, audience)
    return True


def _freeze(mailing: Row[Any]) -> int:
    """One row for each person whom the gate lets through at this moment, with the permission that allows it.

    The unique keys are (mailing, n) and (mailing, contact). Rows are never added later.
    """
    # The audience has been through the gate, in this statement's own snapshot: to join permissions and reach a second
    # time changed nothing and took 37 of 45 s. It comes sorted, so that addresses are merged to it without a sort and
    # each index is filled from left to right.
    audience, binds = consent.audience_sql([UUID(found) for found in mailing.interests])
    narrowed = ""
    if mailing.narrowing is not None:
        people, more = narrowing.people_sql(mailing.workspace_id, mailing.narrowing)
        narrowed = f" WHERE a.contact_id IN ({people})"
        binds = {**more, **binds}
        session().execute(_AS_SETS)
    now = clock.now()
    when = due.due_sql(mailing.workspace_id, timing_of(mailing.timing), mailing.send_at, now)
    statement = text(
        "INSERT INTO messages (mailing_no, n, workspace_id, contact_id, permission_id, reach_id, dedupe_key,"  # noqa: S608  no input in it
        " domain_group, state, created_at, due_at, closes_at)"
        " SELECT :no, row_number() OVER (ORDER BY a.contact_id), :workspace_id, a.contact_id, a.permission_id,"
        " a.reach_id, a.contact_id, " + group_sql("ad.domain") + f", 'pending', :now, {when.due}, {when.closes}"
        f" FROM ({audience}) AS a"
        " JOIN addresses ad ON ad.contact_id = a.contact_id AND ad.channel = 'email'" + when.joins + narrowed
    )
    session().execute(text(f"SET LOCAL statement_timeout = '{_FREEZE_SECONDS}s'"))
    values = {"no": mailing.no, "workspace_id": mailing.workspace_id, "now": now, **when.binds, **binds}
    return int(session().execute(statement, values).rowcount)  # type: ignore[attr-defined]  # an INSERT's result has it


def _move() -> None:
    """Go on with what was wished for whole mailings, also for what came back meanwhile; for a while, then others' turn."""
    until, after = time.monotonic() + MOVE_SECONDS, 0
    while time.monotonic() < until:
        with transaction():
            moved = moves.move_next(after)
        if moved is None:
            return
        if not moved[1]:
            after = moved[0]


def _move_closed() -> None:
    """Let what came to the end of its hours wait for the next ones; for a while."""
    until = time.monotonic() + MOVE_SECONDS
    while time.monotonic() < until:
        with transaction():
            if not due.move_closed():
                return


def end_finished() -> None:
    """Say of mailings without a waiting message that they have ended, and tell those who want to know."""
    with transaction():
        now = clock.now()
        # Held first, then looked at by a second statement: only so it sees what a person has just sent once more.
        numbers = list(session().execute(_OPEN).scalars())
        ended = list(session().execute(_NEVER_BEGAN, {"now": now}))
        if numbers:
            ended += session().execute(_END, {"nos": numbers, "now": now})
        for row in ended:
            log.info("mailing %s has ended: %s", row.no, MailingState(row.state).value)
            publish(MailingFinished(row.workspace_id, row.no, row.state))
