"""What imports keep of a person: handed out, and erased with them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update

from app.consent import service as consent
from app.contacts import queries as contacts
from app.imports.models import ExportPerson, Import, ImportChange, ImportRow
from app.imports.rules import ImportState
from app.kernel.db import session

_UNDER_WAY = tuple(
    found.value for found in (ImportState.READING, ImportState.CHECKED, ImportState.TAKING, ImportState.FAILED)
)


def export(workspace_id: UUID, contact_id: UUID) -> list[dict[str, Any]]:
    """The files that brought something about the person in the last thirty days."""
    query = (
        select(Import.name, Import.created_at, ImportChange.is_made, ImportChange.before)
        .join(ImportChange, ImportChange.import_id == Import.id)
        .where(ImportChange.workspace_id == workspace_id, ImportChange.contact_id == contact_id)
        .order_by(Import.created_at)
    )
    return [
        {"file": name, "at": at.isoformat(), "brought_in": is_made, "before": before}
        for name, at, is_made, before in session().execute(query)
    ]


def erase(workspace_id: UUID, contact_id: UUID) -> None:
    """Their rows in files that are under way or were left out, and what would undo a change.

    A file itself is forgotten when it is taken, or after a week.
    """
    session().execute(
        delete(ImportChange).where(ImportChange.workspace_id == workspace_id, ImportChange.contact_id == contact_id)
    )
    session().execute(delete(ExportPerson).where(ExportPerson.contact_id == contact_id))
    for address in contacts.list_addresses(workspace_id, [contact_id]):
        _wipe(workspace_id, consent.address_hash(address.key))


def _wipe(workspace_id: UUID, hashed: bytes) -> None:
    nothing: dict[str, Any] = dict.fromkeys(
        ("raw", "address", "key", "folded", "domain", "first_name", "last_name", "name_folded", "fields", "tags", "company", "company_folded", "source", "ip")
    )
    of_ours = select(Import.id).where(Import.workspace_id == workspace_id)
    wiped = update(ImportRow).values(**nothing, cells=[], fault="was erased", hash=None)
    session().execute(
        wiped.where(ImportRow.hash == hashed, ImportRow.fault.is_not(None), ImportRow.import_id.in_(of_ours))
    )
    under_way = of_ours.where(Import.state.in_(_UNDER_WAY))
    session().execute(wiped.where(ImportRow.hash == hashed, ImportRow.import_id.in_(under_way)))
