"""The source of the question's mail, as it was handed over.

It holds the link that answers the question, so it is compressed and encrypted with a key that is not in the
database: a dump answers for nobody. Its hash stands in the event, behind the commitment.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterable
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select

from app.consent.models import ConsentMail
from app.kernel import tokens
from app.kernel.db import session

PURPOSE = "mail source"
LONGEST = 4 * 1024 * 1024
_NONCE = 12


def lock(event_id: UUID, source: bytes) -> bytes:
    """The source as it is stored: nonce ‖ ciphertext, bound to its event."""
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(tokens.purpose_key(PURPOSE)).encrypt(
        nonce, zlib.compress(source, 9), event_id.bytes
    )


def unlock(event_id: UUID, locked: bytes) -> bytes | None:
    """The source, also under a retired key; None where no key of this installation opens it."""
    for key in tokens.purpose_keys(PURPOSE):
        try:
            packed = AESGCM(key).decrypt(locked[:_NONCE], locked[_NONCE:], event_id.bytes)
            return zlib.decompressobj().decompress(packed, LONGEST)
        except (InvalidTag, ValueError, zlib.error):
            continue
    return None


def is_changed(event_id: UUID, locked: bytes, sha256: str) -> bool:
    """Whether a stored source is not the mail of this hash (hexadecimal).

    The key proves each byte, so what no key opens was changed, or its key is gone.
    """
    source = unlock(event_id, locked)
    return source is None or hashlib.sha256(source).hexdigest() != sha256


def keep(event_id: UUID, workspace_id: UUID, contact_id: UUID, source: bytes) -> None:
    """Store it beside its event."""
    session().add(
        ConsentMail(
            event_id=event_id,
            workspace_id=workspace_id,
            contact_id=contact_id,
            locked=lock(event_id, source),
        )
    )
    session().flush()


def read(workspace_id: UUID, event_ids: Iterable[UUID]) -> dict[UUID, bytes]:
    """The sources of these events; those that are gone or cannot be opened are left out."""
    query = select(ConsentMail.event_id, ConsentMail.locked).where(
        ConsentMail.workspace_id == workspace_id, ConsentMail.event_id.in_(list(event_ids))
    )
    opened = {event_id: unlock(event_id, locked) for event_id, locked in session().execute(query)}
    return {event_id: source for event_id, source in opened.items() if source is not None}
