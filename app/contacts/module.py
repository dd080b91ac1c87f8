"""What contacts add to the house."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app.contacts import merging, queries, segment_fields, service
from app.kernel.module import Blends, Module, PersonalData


def _export(workspace_id: UUID, contact_id: UUID) -> dict[str, Any]:
    contact = queries.get_contact(workspace_id, contact_id)
    address = next(iter(queries.list_addresses(workspace_id, [contact_id])), None)
    return {
        "first_name": contact.first_name,
        "last_name": contact.last_name,
        "language": contact.language,
        "fields": contact.fields,
        "created_at": contact.created_at.isoformat(),
        "email": address.address if address else None,
        "email_as_typed": address.raw if address else None,
    }


MODULE = Module(
    "contacts",
    personal_data=(PersonalData("contacts", ("contacts", "addresses"), _export, service.erase),),
    merging=(Blends(("contacts", "addresses"), merging.join, merging.part, merging.hold),),
    segment_fields=(*segment_fields.FIELDS, segment_fields.own_fields),
)
