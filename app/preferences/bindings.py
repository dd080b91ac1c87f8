"""What preferences do when something happens elsewhere."""

from __future__ import annotations

from uuid import UUID

from app.consent import queries as consent_queries
from app.consent import service as consent
from app.consent.events import Confirmed
from app.delivery import service as delivery
from app.delivery.events import MessagesFinished
from app.preferences import guardians, queries


def welcome(event: Confirmed) -> None:
    """After each yes one receipt; the unique key is the request."""
    delivery.send_system(event.workspace_id, "welcome", dedupe=event.request_id, contact_id=event.contact_id)


def keep_proof(event: MessagesFinished) -> None:
    """The receiving server took the question: its words are part of the proof."""
    if event.name not in {"confirm", "confirm-guardian"}:
        return
    for row in event.rows:
        request = consent_queries.find_request(row.dedupe)
        if row.outcome != "sent" or request is None or request.workspace_id != row.workspace_id:
            continue
        if queries.is_known(request):
            continue
        consent.record_mail(
            request,
            message_id=row.message_id,
            mime_sha256=row.mime_sha256.hex(),
            accepted_line=row.reply,
            accepted_at=row.at,
            source=row.mime,
            guardian=_guardian(event.name, request.id),
        )


def _guardian(name: str, request_id: UUID) -> str:
    """The address that a question about a child went to; empty for the person's own question."""
    guardian = guardians.find(request_id) if name == "confirm-guardian" else None
    return (guardian.address if guardian else None) or ""
