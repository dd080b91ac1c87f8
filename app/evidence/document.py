"""The evidence file of one person, ``nod.evidence/1``: JSON that ``verifier.py`` checks without Nod.

What it holds, beside the records and receipts for other programs: each event's canonical body, its personal part with
the salt of its commitment, the way from the event to the root of its seal, the chain from there to the seal that a
day's signature covers, those signatures, the wordings, the sources of the questions' mails. Hashes are in hexadecimal.
The whole is signed with the same key as the days.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from app.accounts import queries as accounts
from app.consent import proofs
from app.consent.ledger import canonical, moment
from app.evidence.records import Told, receipts, records

if TYPE_CHECKING:
    from app.consent.models import ConsentSignature, ConsentText
    from app.consent.proofs import Chain, Proofs, SealedEvent

FORMAT: Final = "nod.evidence/1"
SIGNED: Final = b"nod evidence 1\n"

Document = dict[str, Any]


def make(workspace_id: UUID, contact_id: UUID, now: datetime) -> Document:
    """The file about a person of this workspace, as plain data."""
    found = proofs.of_person(workspace_id, contact_id)
    brand = accounts.brand(workspace_id)
    told = [_told(event) for event in found.events]
    _, public_key = proofs.sign(b"")
    document: Document = {
        "format": FORMAT,
        "made_at": moment(now),
        "workspace": str(workspace_id),
        "person": str(contact_id),
        "records": records(told, brand),
        "receipts": receipts(told, brand, public_key.hex()),
        **_parts(found),
    }
    signature, _ = proofs.sign(SIGNED + canonical(document))
    return document | {"signature": {"public_key": public_key.hex(), "signature": signature.hex()}}


def file_of(document: Document) -> bytes:
    """The file's bytes."""
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"


def told_in(document: Document) -> list[Told]:
    """The events of a file, oldest first."""
    return [
        Told(json.loads(event["body"]), json.loads(event["personal"]) if event["personal"] else {})
        for event in document["events"]
    ]


def day_of(signature: ConsentSignature) -> dict[str, Any]:
    """A signed day, as it stands in evidence files and where days are exported."""
    return {
        "day": signature.day.isoformat(),
        "seal": signature.seal_no,
        "hash": signature.seal_hash.hex(),
        "public_key": signature.public_key.hex(),
        "signature": signature.signature.hex(),
        "signed_at": moment(signature.signed_at),
    }


def _told(event: SealedEvent) -> Told:
    return Told(json.loads(event.body), json.loads(event.personal) if event.personal else {})


def _parts(found: Proofs) -> dict[str, Any]:
    return {
        "events": [_event(event) for event in found.events],
        "texts": [_text(shown) for shown in found.texts],
        "chains": [_chain(chain) for chain in found.chains],
        "days": [day_of(signature) for signature in found.signatures],
        "mails": _mails(found),
        "withheld": sorted(str(event_id) for event_id in found.withheld),
    }


def _event(event: SealedEvent) -> dict[str, Any]:
    return {
        "id": str(event.id),
        "body": event.body.decode(),
        "salt": event.salt.hex() if event.salt is not None else None,
        "personal": event.personal.decode() if event.personal is not None else None,
        "seal": event.seal_no,
        "position": event.position,
        "path": [found.hex() for found in event.path],
    }


def _text(shown: ConsentText) -> dict[str, Any]:
    return {
        "id": str(shown.id),
        "kind": shown.kind,
        "version": shown.version,
        "language": shown.language,
        "body": shown.body,
        "sha256": shown.sha256.hex(),
    }


def _chain(chain: Chain) -> dict[str, Any]:
    return {
        "first": chain.first,
        "prev": chain.prev.hex(),
        "links": [[count, root.hex()] for count, root in chain.links],
    }


def _mails(found: Proofs) -> Sequence[dict[str, str]]:
    order = [event.id for event in found.events if event.id in found.mails]
    return [
        {
            "event": str(event_id),
            "sha256": hashlib.sha256(found.mails[event_id]).hexdigest(),
            "source": base64.b64encode(found.mails[event_id]).decode(),
        }
        for event_id in order
    ]
