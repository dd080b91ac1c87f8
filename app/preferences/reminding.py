"""One reminder of a question that nobody answered, where a workspace wants it; off until somebody switches it on."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from app.consent import queries as consent
from app.consent.service import REQUEST_DAYS
from app.contacts import queries as contacts
from app.delivery import service as delivery
from app.kernel import clock
from app.kernel.db import session
from app.preferences import guardians, rules
from app.preferences.models import ReaderSettings


def configure(
    workspace_id: UUID, *, remind_after_days: int | None, offers_post: bool, confirm_days: int = REQUEST_DAYS
) -> None:
    """What a workspace decides about its questions.

    Args:
        workspace_id: whose.
        remind_after_days: 1 to 6; None: no reminder.
        offers_post: whether people may choose letters on paper.
        confirm_days: 1 to 30, for how long the links of questions confirm; those that were put keep theirs.
    """
    values = {
        "remind_after_days": remind_after_days, "offers_post": offers_post, "confirm_days": confirm_days,
    }  # fmt: skip
    row = insert(ReaderSettings).values(workspace_id=workspace_id, **values)
    session().execute(row.on_conflict_do_update(index_elements=["workspace_id"], set_=values))


# Only questions of forms whose mail a server took; never twice, and never where a program has looked at the links.
_DUE = text(
    "SELECT q.id FROM reader_settings s JOIN consent_requests q ON q.workspace_id = s.workspace_id"
    " WHERE s.remind_after_days IS NOT NULL AND q.state = 'open' AND q.reminded_at IS NULL AND q.suspect_at IS NULL"
    " AND q.form_id IS NOT NULL AND q.expires_at > :now"
    " AND q.created_at + make_interval(days => s.remind_after_days) <= :now"
    " AND EXISTS (SELECT FROM consent_events e WHERE e.request_id = q.id AND e.kind = 'doi_mail_sent')"
    " ORDER BY q.expires_at LIMIT :limit FOR UPDATE OF q SKIP LOCKED"
)


def remind(limit: int = 200) -> int:
    """Mail open questions once more whose day has come; the unique key is the request.

    Returns:
        How many were looked at.
    """
    ids = list(session().execute(_DUE, {"now": clock.now(), "limit": limit}).scalars())
    for request_id in ids:
        request = consent.find_request(request_id)
        if request is None:
            continue
        request.reminded_at = clock.now()
        if is_fitting(request.workspace_id, request.contact_id):
            delivery.send_system(
                request.workspace_id, "confirm-reminder", dedupe=request.id, contact_id=request.contact_id
            )
    session().flush()
    return len(ids)


def is_fitting(workspace_id: UUID, contact_id: UUID) -> bool:
    """Whether the limit per mailbox leaves room for a reminder: it counts as a question of today."""
    address = contacts.find_address(workspace_id, contact_id)
    if address is None:
        return False
    now = clock.now()
    asked = [
        moment for moment, _ in guardians.list_mailed_to(workspace_id, address.folded, now - rules.LOOK_BACK)
    ]
    return rules.is_mailed([*asked, now], len(asked))


def settings_of(workspace_id: UUID) -> ReaderSettings:
    """What a workspace decided; without a row all is off."""
    query = select(ReaderSettings).where(ReaderSettings.workspace_id == workspace_id)
    found = session().execute(query).scalar_one_or_none()
    return found or ReaderSettings(
        workspace_id=workspace_id, remind_after_days=None, offers_post=False, confirm_days=REQUEST_DAYS
    )

