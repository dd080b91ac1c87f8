"""What went out without somebody, and which message a mailbox of ours names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text

from app.delivery.identity import RETURN_PATH, Purpose, read_return_path
from app.delivery.models import Mailing, Message
from app.kernel import tokens
from app.kernel.db import session

_MISSED = text(
    "SELECT version_id, at FROM (SELECT g.content_version_id AS version_id, g.frozen_at AS at FROM mailings g"
    " WHERE g.workspace_id = :workspace_id AND g.kind = 'bulk' AND g.state IN ('running', 'done')"
    " AND g.content_version_id IS NOT NULL AND g.frozen_at > :since AND g.frozen_at <= :until"
    " AND g.interests ?| CAST(:interests AS text[])"
    " AND NOT EXISTS (SELECT FROM messages m WHERE m.mailing_no = g.no AND m.contact_id = :contact_id"
    "  AND m.state IN ('attempting', 'sent', 'unknown', 'bounced', 'complained'))"
    " ORDER BY g.frozen_at DESC LIMIT :limit) AS newest ORDER BY at"
)


def list_missed(
    workspace_id: UUID,
    contact_id: UUID,
    interests: Sequence[UUID],
    since: datetime,
    until: datetime,
    *,
    limit: int = 40,
) -> list[tuple[UUID, datetime]]:
    """Letters to many about these interests that went out after ``since`` and not to this person.

    Returns:
        Versions with when they went out: the newest ``limit``, oldest first.
    """
    values = {
        "workspace_id": workspace_id, "contact_id": contact_id, "since": since, "until": until, "limit": limit,
        "interests": [str(found) for found in interests],
    }  # fmt: skip
    return [(row.version_id, row.at) for row in session().execute(_MISSED, values)]


@dataclass(frozen=True, slots=True)
class NamedMessage:
    """A message that a mailbox or a Message-ID names: whose it is and what it stands on."""

    workspace_id: UUID
    contact_id: UUID | None
    permission_id: UUID | None
    reach_id: UUID | None
    name: str
    dedupe: UUID


def find_by_mailbox(address: str, purpose: Purpose) -> NamedMessage | None:
    """The message that a mailbox of ours names; None where no key of ours, current or retired, made it."""
    named = read_return_path(address, tokens.purpose_keys(RETURN_PATH), purpose=purpose)
    return find_named(*named) if named else None


def find_named(mailing_no: int, n: int) -> NamedMessage | None:
    """A message by its number, whatever its workspace; for mail that comes in, once it has proven itself."""
    if max(mailing_no, n) >= 2**63:
        return None
    query = (
        select(
            Message.workspace_id, Message.contact_id, Message.permission_id, Message.reach_id, Mailing.name,
            Message.dedupe_key,
        )
        .join(Mailing, Mailing.no == Message.mailing_no)
        .where(Message.mailing_no == mailing_no, Message.n == n)
    )  # fmt: skip
    row = session().execute(query).one_or_none()
    return NamedMessage(*row) if row else None
