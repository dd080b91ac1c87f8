"""How often and from when on: a pause, a digest instead of every mail; and where to, once that is proven."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.consent import ledger
from app.consent.models import Reach
from app.consent.rules import By, Channel, Digest, Kind, Proof, Purpose, Reason
from app.consent.service import vetoes, write
from app.kernel import clock
from app.kernel.db import session


def set_pace(
    workspace_id: UUID,
    contact_id: UUID,
    *,
    digest: Digest | None,
    paused_until: datetime | None,
    by: By,
    proof: Proof,
    method: str = "web",
) -> UUID | None:
    """Let somebody have every mail (None) or a digest, and nothing at all until a moment.

    Both act in the gate, so they count before the next message begins. A pause that is over is no pause.

    Returns:
        The event's id, or None when nothing changed.
    """
    now = clock.now()
    contact_id = write.hold_one(workspace_id, contact_id).contact_id
    reach = write.ensure_reach(workspace_id, contact_id)
    until = paused_until if paused_until and paused_until > now else None
    before = reach.paused_until if reach.paused_until and reach.paused_until > now else None
    word = digest.value if digest else None
    if (word, until) == (reach.digest, before):
        return None
    about = {
        **write.purposes(Purpose.MARKETING),
        "channel": Channel.EMAIL.value,
        "pace": word or "each",
        "paused_until": ledger.moment(until) if until else None,
    }
    personal = write.personal(workspace_id, contact_id, proof)
    event_id = write.append(Kind.CHANGED, workspace_id, contact_id, by, about, personal, method=method)
    reach.digest, reach.digest_from = word, (reach.digest_from or now) if word else None
    reach.paused_until = until
    session().flush()
    return event_id


def change_address(
    workspace_id: UUID, contact_id: UUID, *, before: str, typed: str, by: By, proof: Proof
) -> UUID:
    """Write down that the person confirmed another address; call it when contacts has it already.

    What stood against the old address as a mailbox that does not exist does not stand against the new one. A
    complaint or a "never" stays, and one that was made from the new address before comes with it.
    """
    reach = write.ensure_reach(workspace_id, contact_id)
    about = {**write.purposes(Purpose.MARKETING), "channel": Channel.EMAIL.value, "address": "changed"}
    personal = {**write.personal(workspace_id, contact_id, proof, typed), "address_before": before}
    event_id = write.append(Kind.CHANGED, workspace_id, contact_id, by, about, personal)
    if reach.suppressed_reason == Reason.BOUNCE:
        reach.suppressed_at, reach.suppressed_reason, reach.event_id = None, None, event_id
    session().flush()
    vetoes.inherit(workspace_id, contact_id)
    return event_id


def note_digest(reach: Reach, until: datetime) -> None:
    """What was missed until then has been told; what comes later waits for the next digest."""
    reach.digest_from = until
