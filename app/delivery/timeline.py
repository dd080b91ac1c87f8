"""What a person's page tells about mails."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from app.delivery import mails, queries
from app.delivery.queries import SentMessage
from app.delivery.rules import MessageState, Word
from app.kernel.module import TimelineEntry

ICONS: Final = {
    Word.WAITING: "clock",
    Word.SENT: "mail",
    Word.SKIPPED: "no",
    Word.FAILED: "alert",
    Word.UNKNOWN: "alert",
}
SAYS: Final = {
    MessageState.PENDING: "waiting to be sent",
    MessageState.CLAIMED: "waiting to be sent",
    MessageState.ATTEMPTING: "being handed over",
    MessageState.SENT: "accepted by the mail server",
    MessageState.BOUNCED: "accepted, then returned",
    MessageState.COMPLAINED: "accepted, then reported as spam",
    MessageState.SUPPRESSED: "not sent",
    MessageState.CANCELLED: "called off",
    MessageState.FAILED: "refused by the mail server",
    MessageState.EXPIRED: "given up: not taken within three days",
    MessageState.POISON: "set aside: workers ended while sending it",
    MessageState.UNKNOWN: "in doubt: no answer after the last byte",
}


def entries(workspace_id: UUID, contact_id: UUID, before: datetime | None, limit: int) -> list[TimelineEntry]:
    """Mails to a person, newest first, each with the server's answer or the reason."""
    return [
        _entry(found) for found in queries.messages_of(workspace_id, contact_id, before=before, limit=limit)
    ]


def _entry(message: SentMessage) -> TimelineEntry:
    says = SAYS[message.state]
    return TimelineEntry(
        at=message.created_at,
        icon=ICONS[message.word],
        title=f"{message.title or mails.title(message.name)}: {says}",
        detail=message.reply,
        reference=message.number,
    )
