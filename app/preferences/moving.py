"""Another address: asked for on the private page, confirmed by a mail to the new one; until then the old one stays."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, select, update

from app.consent import service as consent
from app.consent.rules import By, Proof
from app.contacts import queries as contacts_queries
from app.contacts import service as contacts
from app.contacts.addresses import Address, normalise
from app.delivery import service as delivery
from app.kernel import clock, limits
from app.kernel.db import session
from app.kernel.errors import Conflict, NotFound
from app.kernel.ids import uuid7
from app.preferences.models import AddressChange
from app.preferences.queries import Reader
from app.preferences.rules import ADDRESS_DAYS, ADDRESS_MAILS_A_DAY, DAY_SECONDS


def wish(reader: Reader, address: Address) -> None:
    """Ask the new address by one mail. Whose it may be already changes nothing that anybody could see.

    Three mails a day for a person and one for a mailbox; beyond that nothing happens. A newer wish ends an older one.
    """
    workspace_id, contact_id = reader.workspace_id, reader.contact_id
    if not limits.hit("address.person", str(contact_id), ADDRESS_MAILS_A_DAY, DAY_SECONDS):
        return
    if not limits.hit("address.mailbox", f"{workspace_id}:{address.folded}", 1, DAY_SECONDS):
        return
    forget(workspace_id, contact_id)
    now = clock.now()
    change = AddressChange(
        id=uuid7(), workspace_id=workspace_id, contact_id=contact_id, raw=address.raw, state="open",
        created_at=now, expires_at=now + timedelta(days=ADDRESS_DAYS),
    )  # fmt: skip
    session().add(change)
    session().flush()
    delivery.send_system(workspace_id, "address-change", dedupe=change.id, contact_id=contact_id)


def find(change_id: UUID) -> AddressChange | None:
    """A wish by its unguessable id; only for holders of its token."""
    return session().get(AddressChange, change_id)


def address_of(change: AddressChange) -> str:
    """The address that is asked about, as mail is sent to it."""
    return normalise(change.raw or "").address


def is_open(change: AddressChange) -> bool:
    """Whether it can still be confirmed."""
    return change.state == "open" and change.expires_at > clock.now()


def mark_suspect(change_id: UUID) -> None:
    """Its links were followed, or its button pressed, as programs do: one more tap will be asked for."""
    query = update(AddressChange).where(AddressChange.id == change_id, AddressChange.suspect_at.is_(None))
    session().execute(query.values(suspect_at=clock.now()))


def confirm(change_id: UUID, proof: Proof) -> bool:
    """The yes from the new address: it is the person's from now on, with all they have chosen.

    Returns:
        False where somebody else has this mailbox: theirs stays as it is, and so does the person's.

    Raises:
        NotFound: done before, or too old.
    """
    query = select(AddressChange).where(AddressChange.id == change_id).with_for_update()
    change = session().execute(query.execution_options(populate_existing=True)).scalar_one_or_none()
    if change is None or not is_open(change):
        raise NotFound
    old = contacts_queries.find_address(change.workspace_id, change.contact_id)
    if old is None:
        raise NotFound
    before, typed = old.address, change.raw or ""
    try:
        with session().begin_nested():
            contacts.change_address(change.workspace_id, change.contact_id, normalise(typed))
    except Conflict:
        change.state, change.raw = "over", None
        return False
    consent.change_address(
        change.workspace_id, change.contact_id, before=before, typed=typed, by=By("person"), proof=proof
    )
    change.state, change.raw = "done", None
    session().flush()
    return True


def forget(workspace_id: UUID, contact_id: UUID) -> None:
    """End all wishes of a person for another address."""
    session().execute(
        update(AddressChange)
        .where(
            AddressChange.workspace_id == workspace_id,
            AddressChange.contact_id == contact_id,
            AddressChange.state == "open",
        )
        .values(state="over", raw=None)
    )


def forget_old() -> None:
    """Delete what was wished and never confirmed, a month after it began."""
    session().execute(
        delete(AddressChange).where(AddressChange.created_at < clock.now() - timedelta(days=30))
    )


def export(workspace_id: UUID, contact_id: UUID) -> list[dict[str, str | None]]:
    """The wishes of a person for another address, oldest first."""
    query = select(AddressChange).where(
        AddressChange.workspace_id == workspace_id, AddressChange.contact_id == contact_id
    )
    rows = session().execute(query.order_by(AddressChange.created_at)).scalars()
    return [{"address": row.raw, "state": row.state, "wished_at": row.created_at.isoformat()} for row in rows]
