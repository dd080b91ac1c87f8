"""Never again: suppression, erasure, and the keyed hash that outlives a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, delete, update
from sqlalchemy.dialects.postgresql import insert

from app.consent import events, ledger, queries
from app.consent.models import (
    Permission,
    Reach,
    Suppression,
)
from app.consent.rules import (
    ONE_WAY,
    By,
    Channel,
    Kind,
    Proof,
    Purpose,
    Reason,
    State,
)
from app.consent.rules.merging import MERGED
from app.consent.service import write
from app.contacts import queries as contacts
from app.contacts.addresses import normalise
from app.contacts.rules import FORMER
from app.kernel import clock
from app.kernel.db import session
from app.kernel.events import publish
from app.kernel.macs import hmac_sha256

_hash_key = b""


def configure(hash_key: bytes) -> None:
    """Set the key of the hashes that outlive a person."""
    global _hash_key
    _hash_key = hash_key


def suppress(
    workspace_id: UUID,
    contact_id: UUID,
    reason: Reason,
    *,
    by: By,
    detail: str = "",
    channel: Channel = Channel.EMAIL,
    told_at: datetime | None = None,
) -> UUID | None:
    """Never write to this address again: it bounced, its owner complained, or staff were told so.

    A one-way reason replaces a bounce; nothing replaces a one-way reason. Whoever told may say when it happened
    (``told_at``): the event keeps that as their claim, as far as it is not still to come.

    Returns:
        The event's id, or None when it was suppressed for as good a reason before.
    """
    held = write.hold_one(workspace_id, contact_id)
    if reason not in ONE_WAY and held.contact_id != contact_id:
        return None  # a mailbox that nobody is reached at any more
    contact_id = held.contact_id
    write.ensure_reach(workspace_id, contact_id, channel)
    meant = held.everywhere if reason in ONE_WAY else (contact_id,)
    rows = [row for row in write.list_reach(workspace_id, meant, channel) if not _stands(held, row, reason)]
    if not rows:
        return None
    about = {
        **write.purposes(Purpose.MARKETING),
        "channel": channel.value,
        "state": "never",
        "reason": reason,
    }
    if told_at is not None and told_at <= clock.now():
        about["told_at"] = ledger.moment(told_at)
    personal = {**write.personal(workspace_id, contact_id, Proof()), "detail": detail}
    event_id = write.append(Kind.SUPPRESSED, workspace_id, contact_id, by, about, personal, method="system")
    for row in rows:
        row.suppressed_at, row.suppressed_reason, row.event_id = clock.now(), reason.value, event_id
    for one in meant:
        _remember_hash(workspace_id, one, reason, channel, by.kind)
    session().flush()
    publish(events.Suppressed(workspace_id, contact_id, reason.value))
    return event_id


def suppress_address(workspace_id: UUID, address: str, reason: Reason, *, by: By, detail: str = "") -> None:
    """As ``suppress``, for an address that may be nobody's: then its keyed hash alone is kept."""
    key = normalise(address).key
    contact_id = contacts.find_by_keys(workspace_id, [key]).get(key)
    if contact_id is not None:
        own = contacts.find_address(workspace_id, contact_id)
        # An address that they had before says nothing about theirs.
        if own is not None and own.key == key:
            suppress(workspace_id, contact_id, reason, by=by, detail=detail)
        return
    remember(
        [
            {
                "workspace_id": workspace_id, "channel": Channel.EMAIL.value, "address_hash": address_hash(key),
                "reason": reason.value, "created_at": clock.now(), "source": by.kind, "contact_id": None,
            }
        ]
    )  # fmt: skip


def refused_address(workspace_id: UUID, address_key: str) -> Reason | None:
    """Why nothing may be written to an address, whoever asked for it; None: nothing is known against it.

    Of somebody who is here their reach decides, as for every mail that answers their own act: an objection to marketing
    does not silence it. Of an address that nobody has, what is on the list decides.
    """
    contact_id = contacts.find_by_keys(workspace_id, [address_key]).get(address_key)
    if contact_id is None:
        known = queries.find_suppression(workspace_id, address_hash(address_key))
        return Reason(known.reason) if known else None
    reach = queries.find_reach(workspace_id, contact_id)
    if reach is None or (reach.suppressed_at is None and reach.erased_at is None):
        return None
    if reach.erased_at is not None:
        return Reason.ERASED
    known_reasons = {one.value for one in Reason}
    return Reason(reach.suppressed_reason) if reach.suppressed_reason in known_reasons else Reason.NEVER


def _stands(held: write.Held, reach: Reach, reason: Reason) -> bool:
    """Whether a reason as good stands there already; that an entry was merged, or came with it, is none."""
    if reach.suppressed_at is None or reach.suppressed_reason == MERGED:
        return False
    if reason not in ONE_WAY:
        return True
    is_own = reach.contact_id == held.contact_id
    return reach.suppressed_reason in ONE_WAY and (not is_own or held.stands(reach.suppressed_at))


def erase(workspace_id: UUID, contact_id: UUID, *, by: By, keep_hash: bool = True) -> UUID:
    """Forget the person: the personal side of the ledger goes, the chain and a keyed hash of the address stay.

    Call it before the address itself is deleted. Of somebody who never showed that the address is theirs, no hash is
    kept (``keep_hash``) but the one that a complaint or a "never" has left.
    """
    contacts.get_contact(workspace_id, contact_id)
    reach = write.ensure_reach(workspace_id, contact_id, Channel.EMAIL)
    if keep_hash:
        _remember_hash(workspace_id, contact_id, Reason.ERASED, Channel.EMAIL, by.kind)
    session().execute(
        update(Suppression)
        .where(Suppression.workspace_id == workspace_id, Suppression.contact_id == contact_id)
        .values(contact_id=None)
    )
    event_id = ledger.erase(ledger.Entry(Kind.ERASED, workspace_id, contact_id, by, {"state": "erased"}, {}))
    session().execute(
        update(Permission)
        .where(Permission.workspace_id == workspace_id, Permission.contact_id == contact_id)
        .values(state=State.NO.value, event_id=event_id, updated_at=clock.now())
    )
    session().execute(
        update(Reach)
        .where(Reach.workspace_id == workspace_id, Reach.contact_id == contact_id, Reach.erased_at.is_(None))
        .values(erased_at=clock.now(), event_id=event_id)
    )
    write.close_requests(workspace_id, contact_id)
    write.forget_country(workspace_id, contact_id)
    session().expire(reach)
    publish(events.Erased(workspace_id, contact_id))
    return event_id


def address_hash(address_key: str) -> bytes:
    """The keyed hash (HMAC-SHA-256, 32 bytes) under which an address stays refused after its person is gone."""
    return hmac_sha256(_hash_key, b"nod address " + address_key.encode())


def address_behind(address_key: str, hashed: bytes) -> str:
    """The address behind a hash, of which this key may be; empty where nobody has it (any more)."""
    return address_key if address_key and address_hash(address_key) == hashed else ""


def inherit_suppression(workspace_id: UUID, contact_id: UUID, address_key: str) -> None:
    """A person made anew from an address that complained or said never stays out of reach."""
    inherit_all(workspace_id, {contact_id: address_key})


def inherit_all(workspace_id: UUID, keys: Mapping[UUID, str]) -> None:
    """As ``inherit_suppression`` for many, by their addresses' keys."""
    hashes = {address_hash(key): contact_id for contact_id, key in keys.items()}
    for known in queries.find_suppressions(workspace_id, hashes):
        if known.reason in ONE_WAY:
            contact_id = hashes[known.address_hash]
            suppress(workspace_id, contact_id, Reason(known.reason), by=By("system"), detail="known before")


def inherit(workspace_id: UUID, contact_id: UUID) -> None:
    """As ``inherit_suppression``, by the person's address."""
    address = contacts.find_address(workspace_id, contact_id)
    if address is not None:
        inherit_suppression(workspace_id, contact_id, address.key)


def forgive(workspace_id: UUID, key: str) -> None:
    """Somebody who was erased came back by their own act: what was kept of an erasure goes.

    A bounce, a complaint and a "never" stay.

    Args:
        workspace_id: whose person it is.
        key: of their address.
    """
    session().execute(
        delete(Suppression).where(
            Suppression.workspace_id == workspace_id,
            Suppression.channel == Channel.EMAIL.value,
            Suppression.address_hash == address_hash(key),
            Suppression.reason == Reason.ERASED.value,
        )
    )


def refuse_known(workspace_id: UUID, contact_id: UUID, channel: Channel) -> Reason | None:
    """Why an address must not be brought back by somebody else than its owner; None: nothing is known against it."""
    address = contacts.find_address(workspace_id, contact_id, channel.value)
    if address is None:
        return None
    known = queries.find_suppression(workspace_id, address_hash(address.key), channel.value)
    return Reason(known.reason) if known else None


def remember(rows: Sequence[dict[str, Any]]) -> None:
    """Keep hashes (columns of ``Suppression``); a one-way reason replaces the others, and nothing replaces it."""
    if not rows:
        return
    row = insert(Suppression)
    session().execute(
        row.on_conflict_do_update(
            index_elements=["workspace_id", "channel", "address_hash"],
            set_={name: row.excluded[name] for name in ("reason", "source", "contact_id")},
            # Not an IN: a list of rows cannot carry one.
            where=and_(*(Suppression.reason != found.value for found in ONE_WAY)),
        ),
        list(rows),
    )


def _remember_hash(workspace_id: UUID, contact_id: UUID, reason: Reason, channel: Channel, source: str) -> None:
    address = contacts.find_address(workspace_id, contact_id, channel.value)
    if address is None and channel is Channel.EMAIL:
        address = contacts.find_address(workspace_id, contact_id, FORMER)
    if address is not None:
        remember(
            [
                {
                    "workspace_id": workspace_id, "channel": channel.value, "address_hash": address_hash(address.key),
                    "reason": reason.value, "created_at": clock.now(), "source": source, "contact_id": contact_id,
                }
            ]
        )  # fmt: skip
