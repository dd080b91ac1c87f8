"""Everything that is known about a person: handed out, or erased, in every room. Also what was never confirmed."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from app.consent import service as consent
from app.consent.rules import By, RequestState
from app.contacts import queries as contacts
from app.delivery import service as delivery
from app.kernel import clock, limits, module
from app.kernel.db import session
from app.kernel.ids import uuid7
from app.preferences.queries import Reader
from app.preferences.rules import DATA_MAILS_A_DAY, DAY_SECONDS, PURGE_DAYS


def send_data_link(reader: Reader) -> None:
    """Mail the link to a person's data to their own address; silently at most three a day."""
    _send(reader, "export-ready")


def send_erase_link(reader: Reader) -> None:
    """Mail the link that erases; silently at most three a day."""
    _send(reader, "erase-confirm")


def _send(reader: Reader, name: str) -> None:
    if limits.hit(f"data.{name}", str(reader.contact_id), DATA_MAILS_A_DAY, DAY_SECONDS):
        delivery.send_system(reader.workspace_id, name, dedupe=uuid7(), contact_id=reader.contact_id)


def erase(workspace_id: UUID, contact_id: UUID, *, by: By) -> bool:
    """Forget a person in every room, in one transaction; False when they were erased before.

    The ledger comes first: it needs the address for the keyed hash that stays. Then every room of the registry
    from above to below, so that nobody reads what is gone.

    Entries that were merged into theirs are theirs, and go with them.

    Raises:
        NotFound: none of this workspace.
    """
    contacts.get_contact(workspace_id, contact_id)
    held = consent.hold_one(workspace_id, contact_id)
    if consent.ensure_reach(workspace_id, held.contact_id).erased_at is not None:
        return False
    _erase(workspace_id, held, by, keep_hash=True)
    return True


def _erase(workspace_id: UUID, held: consent.Held, by: By, *, keep_hash: bool) -> None:
    """Whoever was merged into them goes with them: they are one person."""
    for entry in held.everywhere:
        _erase_entry(workspace_id, entry, by, keep_hash=keep_hash)


def _erase_entry(workspace_id: UUID, contact_id: UUID, by: By, *, keep_hash: bool) -> None:
    consent.erase(workspace_id, contact_id, by=by, keep_hash=keep_hash)
    for found in reversed(module.installed()):
        for data in found.personal_data:
            data.erase(workspace_id, contact_id)


# Who came by a form and never said yes: nothing but questions and their ends was ever written about them, nobody
# entered them by hand before (their first question made them), and they said no "never" that must be remembered.
_UNCONFIRMED = text(
    "SELECT c.workspace_id, c.id FROM consent_requests q JOIN contacts c ON c.id = q.contact_id"
    " WHERE q.created_at < :before AND q.created_at >= :horizon AND q.form_id IS NOT NULL AND q.state <> :confirmed"
    " AND c.erased_at IS NULL AND c.created_at > q.created_at - interval '1 minute'"
    " AND NOT EXISTS (SELECT FROM consent_requests o WHERE o.contact_id = c.id AND o.workspace_id = c.workspace_id"
    "  AND (o.created_at >= :before OR o.state = :confirmed OR o.form_id IS NULL))"
    " AND c.merged_into IS NULL AND NOT EXISTS (SELECT FROM consent_events e WHERE e.workspace_id = c.workspace_id"
    "  AND e.contact_id IN (SELECT c.id UNION ALL SELECT m.id FROM contacts m WHERE m.merged_into = c.id)"
    "  AND e.kind NOT IN ('requested', 'doi_mail_sent', 'expired', 'cancelled', 'withdrawn', 'merged', 'unmerged'))"
    # Nor anybody who was merged into them: each was made by a question of their own.
    " AND NOT EXISTS (SELECT FROM contacts m WHERE m.merged_into = c.id AND NOT EXISTS (SELECT FROM consent_events e"
    "  WHERE e.workspace_id = m.workspace_id AND e.contact_id = m.id AND e.kind = 'requested'"
    "  AND e.received_at < m.created_at + interval '1 minute'))"
    " GROUP BY c.workspace_id, c.id, c.created_at ORDER BY c.created_at LIMIT :limit"
)
_LOOK_BACK = timedelta(days=400)
"""How far back the job looks, should it have stood still; whoever was purged is not found again."""


def purge_unconfirmed(limit: int = 200) -> int:
    """Erase people who never confirmed, 30 days after they were last asked, as their mail and its page promise.

    Nothing of them stays but the chain of the ledger, without a person in it: no hash of the address either, since
    nobody has shown that it is theirs.

    Returns:
        How many.
    """
    now = clock.now()
    values = {
        "before": now - timedelta(days=PURGE_DAYS), "horizon": now - _LOOK_BACK,
        "confirmed": RequestState.CONFIRMED.value, "limit": limit,
    }  # fmt: skip
    found = session().execute(_UNCONFIRMED, values).all()
    for workspace_id, contact_id in found:
        _erase(workspace_id, consent.hold_one(workspace_id, contact_id), By("system"), keep_hash=False)
    return len(found)
