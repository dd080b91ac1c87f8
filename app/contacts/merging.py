"""Two entries of one person: whose name, fields and addresses go on, and how both come back."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select, update

from app.contacts import queries, service
from app.contacts.addresses import normalise
from app.contacts.models import Contact, ContactAddress
from app.contacts.rules import FORMER, fold_name
from app.kernel import clock
from app.kernel.db import session
from app.kernel.module import Joining

TEXTS: Final = ("first_name", "last_name", "language")
FIELD: Final = "field:"
"""Begins what is taken of a custom field; its key follows."""


def hold(workspace_id: UUID, contact_ids: tuple[UUID, ...]) -> None:
    """Lock both entries and those that were merged into them, in one order; nobody who only points to them waits."""
    mine = Contact.id.in_(contact_ids) | Contact.merged_into.in_(contact_ids)
    query = select(Contact).where(Contact.workspace_id == workspace_id, mine).order_by(Contact.id)
    session().execute(query.with_for_update(key_share=True).execution_options(populate_existing=True)).all()


def join(joining: Joining) -> dict[str, Any]:
    """Let the survivor take over what was chosen; the other entry keeps its own and leads to them."""
    workspace_id = joining.workspace_id
    survivor = queries.get_contact(workspace_id, joining.survivor_id)
    merged = queries.get_contact(workspace_id, joining.merged_id)
    before = _profile(survivor)
    for name in TEXTS:
        if name in joining.takes:
            setattr(survivor, name, getattr(merged, name))
    told = {name.removeprefix(FIELD) for name in joining.takes if name.startswith(FIELD)}
    kept = {key: value for key, value in survivor.fields.items() if key not in told}
    survivor.fields = kept | {key: value for key, value in merged.fields.items() if key in told}
    _touch(survivor)
    merged.merged_into = survivor.id
    moved = update(Contact).where(Contact.workspace_id == workspace_id, Contact.merged_into == merged.id)
    led = session().execute(moved.values(merged_into=survivor.id).returning(Contact.id)).scalars()
    memo = {"before": before, "after": _profile(survivor), "led": [str(found) for found in led]}
    return memo | {"addresses": _readdress(joining), "postal": _repost(joining)}


def part(joining: Joining, memo: dict[str, Any]) -> None:
    """Give both entries back what was theirs; what the survivor was given since stays theirs."""
    workspace_id = joining.workspace_id
    survivor = queries.get_contact(workspace_id, joining.survivor_id)
    merged = queries.get_contact(workspace_id, joining.merged_id)
    before, after = memo["before"], memo["after"]
    for name in TEXTS:
        if getattr(survivor, name) == after[name]:
            setattr(survivor, name, before[name])
    survivor.fields = _fields_back(survivor.fields, before["fields"], after["fields"])
    _touch(survivor)
    merged.merged_into = None
    led = [UUID(found) for found in memo["led"]]
    session().execute(
        update(Contact)
        .where(Contact.workspace_id == workspace_id, Contact.id.in_(led), Contact.merged_into == survivor.id)
        .values(merged_into=merged.id)
    )
    session().flush()
    _addresses_back(joining, memo["addresses"])
    if memo["postal"] is not None and _postal(workspace_id, survivor.id) == memo["postal"]["after"]:
        service.set_postal(workspace_id, survivor.id, memo["postal"]["before"])


def _profile(contact: Contact) -> dict[str, Any]:
    return {**{name: getattr(contact, name) for name in TEXTS}, "fields": dict(contact.fields)}


def _touch(contact: Contact) -> None:
    contact.name_folded = fold_name(contact.name)
    contact.updated_at = clock.now()


def _fields_back(now: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Field by field: as before where nobody wrote since."""
    found = {
        key: before.get(key) if now.get(key) == after.get(key) else now.get(key) for key in {*now, *before, *after}
    }
    return {key: value for key, value in found.items() if value is not None}


# --- Addresses --------------------------------------------------------------------------------------------------


def _email(workspace_id: UUID, contact_id: UUID) -> ContactAddress | None:
    query = select(ContactAddress).where(
        ContactAddress.workspace_id == workspace_id,
        ContactAddress.contact_id == contact_id,
        ContactAddress.channel == service.EMAIL,
    )
    return session().execute(query.with_for_update().execution_options(populate_existing=True)).scalar_one_or_none()


def _readdress(joining: Joining) -> list[dict[str, Any]]:
    """One mailbox stays the survivor's; the other one is written to no more, and still leads to them."""
    own = _email(joining.workspace_id, joining.survivor_id)
    other = _email(joining.workspace_id, joining.merged_id)
    taken = other is not None and (own is None or "email" in joining.takes)
    memo = [_place(found) for found in (own, other) if found is not None]
    if taken and other is not None:
        if own is not None:
            own.channel, own.contact_id = FORMER, joining.merged_id
            session().flush()
        other.contact_id = joining.survivor_id
    elif other is not None:
        other.channel = FORMER
    session().flush()
    return memo


def _place(found: ContactAddress) -> dict[str, Any]:
    return {
        "id": str(found.id), "contact": str(found.contact_id), "raw": found.raw, "key": found.key, "since": found.created_at.isoformat(),
    }  # fmt: skip


def _addresses_back(joining: Joining, memo: list[dict[str, Any]]) -> None:
    """Each mailbox to whom it was; one that the survivor has changed, or confirmed as theirs since, stays theirs."""
    workspace_id = joining.workspace_id
    now = _email(workspace_id, joining.survivor_id)
    gone = [(joining.merged_id, FORMER)]
    if now is not None and any((place["id"], place["key"]) == (str(now.id), now.key) for place in memo):
        gone.append((joining.survivor_id, service.EMAIL))
    for contact_id, channel in gone:
        session().execute(
            delete(ContactAddress).where(
                ContactAddress.workspace_id == workspace_id,
                ContactAddress.contact_id == contact_id,
                ContactAddress.channel == channel,
            )
        )
    free = {contact_id for contact_id, _ in gone}
    for place in memo:
        address = normalise(place["raw"])
        if UUID(place["contact"]) in free and queries.find_by_key(workspace_id, address.key) is None:
            since = datetime.fromisoformat(place["since"])
            service.give_address(workspace_id, UUID(place["contact"]), address, since=since)


def _postal(workspace_id: UUID, contact_id: UUID) -> str:
    found = queries.find_address(workspace_id, contact_id, service.POST)
    return found.address if found else ""


def _repost(joining: Joining) -> dict[str, str] | None:
    """The postal address of the other entry, where it was chosen."""
    if "postal" not in joining.takes:
        return None
    before = _postal(joining.workspace_id, joining.survivor_id)
    after = _postal(joining.workspace_id, joining.merged_id)
    service.set_postal(joining.workspace_id, joining.survivor_id, after)
    return {"before": before, "after": after}
