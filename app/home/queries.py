"""Reads across rooms for the front page: figures that are counted, nothing guessed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from app.consent.queries import live_sql
from app.home.rules import Mail
from app.kernel import clock
from app.kernel.db import session

DAYS = 30


@dataclass(frozen=True, slots=True)
class RecentMail:
    """One message with its recipient: a person of the list, or somebody who works here."""

    mail: Mail
    contact_id: UUID | None
    address: str


_COLUMNS = (
    "g.name, m.state, m.created_at, m.due_at, m.done_at, m.attempts, m.host_faults, "
    "m.reply_code, m.reply_status, m.reply_text"
)
_LAST_TO_USER = text(
    f"SELECT {_COLUMNS} FROM mailings g JOIN messages m ON m.mailing_no = g.no "  # noqa: S608  names of ours
    "WHERE g.workspace_id = :workspace_id AND g.kind = 'system' AND g.name = :name AND m.user_id = :user_id "
    "ORDER BY m.n DESC LIMIT 1"
)
# From each kind of mail its newest few by primary key: a sort over all messages would grow with the years.
_RECENT = text(
    f"SELECT {_COLUMNS}, m.contact_id, coalesce(a.address, u.email, '') AS address "  # noqa: S608  names of ours
    "FROM mailings g CROSS JOIN LATERAL "
    "(SELECT * FROM messages WHERE mailing_no = g.no ORDER BY n DESC LIMIT :limit) m "
    "LEFT JOIN addresses a ON a.workspace_id = m.workspace_id AND a.contact_id = m.contact_id AND a.channel = 'email' "
    "LEFT JOIN users u ON u.id = m.user_id "
    "WHERE g.workspace_id = :workspace_id AND g.kind = 'system' ORDER BY m.created_at DESC, m.n DESC LIMIT :limit"
)
_BY_DAY = text(
    "SELECT counted_on, sum(submits) AS asked, sum(confirms) AS yes FROM form_counts "
    "WHERE workspace_id = :workspace_id AND counted_on > :since GROUP BY counted_on"
)
_YES_BY_INTEREST = text(
    "SELECT interest_id, count(*) FROM permissions p WHERE workspace_id = :workspace_id AND purpose = 'marketing' "  # noqa: S608
    f"AND channel = 'email' AND interest_id IS NOT NULL AND {live_sql()} GROUP BY interest_id"
)


def find_last_mail(workspace_id: UUID, user_id: UUID, name: str) -> Mail | None:
    """The newest system mail of that name to somebody who works here."""
    values = {"workspace_id": workspace_id, "user_id": user_id, "name": name}
    row = session().execute(_LAST_TO_USER, values).one_or_none()
    return None if row is None else _mail(row)


def list_recent_mails(workspace_id: UUID, limit: int = 6) -> list[RecentMail]:
    """The newest system mails."""
    rows = session().execute(_RECENT, {"workspace_id": workspace_id, "limit": limit})
    return [RecentMail(_mail(row), row.contact_id, row.address) for row in rows]


def count_by_day(workspace_id: UUID) -> list[tuple[date, int, int]]:
    """For each of the last thirty days (UTC), oldest first: how many asked with a form, how many said yes."""
    today = clock.now().date()
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    rows = session().execute(_BY_DAY, {"workspace_id": workspace_id, "since": today - timedelta(days=DAYS)})
    found = {row.counted_on: (int(row.asked), int(row.yes)) for row in rows}
    return [(day, *found.get(day, (0, 0))) for day in days]


def count_yes_by_interest(workspace_id: UUID) -> dict[UUID, int]:
    """How many people said yes to each interest; those nobody chose are missing."""
    return {
        row[0]: int(row[1])
        for row in session().execute(_YES_BY_INTEREST, {"workspace_id": workspace_id, "now": clock.now()})
    }


def _mail(row: Row[Any]) -> Mail:
    parts = (row.reply_code, row.reply_status, row.reply_text)
    done_at: datetime | None = row.done_at
    return Mail(
        name=row.name,
        state=row.state,
        created_at=row.created_at,
        due_at=row.due_at,
        done_at=done_at,
        attempts=row.attempts,
        faults=row.host_faults,
        reply=" ".join(str(part) for part in parts if part),
    )
