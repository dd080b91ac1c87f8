"""What this room does when something happens elsewhere."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from app.delivery import queries as delivery
from app.delivery.events import MessagesFinished
from app.evidence import exporting


def on_mail(event: MessagesFinished) -> None:
    """A mail with signed days has arrived at a server, or will not."""
    if event.name != exporting.MAIL:
        return
    for row in event.rows:
        message, _ = delivery.get_message(event.mailing_no, row.n)
        wish = message.data or {}
        target_id = UUID(wish["target"])
        if row.outcome == "sent":
            exporting.arrived(target_id, date.fromisoformat(wish["last"]))
        elif row.outcome != "unknown":  # what is in doubt is tried once more by itself
            exporting.missed(target_id, row.reply or "The mail could not be sent.")
