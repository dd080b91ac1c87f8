"""Who signs the mails of a domain: keys are unlocked once a process, and looked after every few seconds."""

from __future__ import annotations

import time
from typing import Final, NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from sqlalchemy import select

from app.delivery import vault
from app.delivery.dkim import Signer
from app.delivery.dkim_records import selector_ed, selector_rsa
from app.delivery.models import DkimKeys
from app.delivery.rules import DkimState
from app.kernel.db import session

SECONDS: Final = 5.0
"""How long a process goes on with what it knows after keys were switched on, off or changed."""
MOST: Final = 10_000


class _Known(NamedTuple):
    until: float
    keys_id: UUID | None
    signer: Signer | None


_known: dict[tuple[UUID, str], _Known] = {}


def signer_for(workspace_id: UUID, domain: str) -> Signer | None:
    """Who signs a workspace's mails whose From has this domain; None: signing is not switched on.

    Inside a transaction; asks the database at most once in five seconds for each domain, and may be called for
    every mail. Give it the domain of From, also where the Message-ID has another one: DMARC compares with From.

    Raises:
        Conflict: no key of this installation opens the keys.
    """
    place = (workspace_id, domain)
    known = _known.get(place)
    now = time.monotonic()
    if known is not None and now < known.until:
        return known.signer
    keys_id = (
        session()
        .execute(
            select(DkimKeys.id).where(
                DkimKeys.workspace_id == workspace_id,
                DkimKeys.domain == domain,
                DkimKeys.state == DkimState.ACTIVE,
            )
        )
        .scalar_one_or_none()
    )
    same = known is not None and known.keys_id == keys_id
    signer = known.signer if known is not None and same else _load(keys_id)
    if len(_known) >= MOST:
        _known.clear()
    _known[place] = _Known(now + SECONDS, keys_id, signer)
    return signer


def forget() -> None:
    """Look anew at the next mail, in this process."""
    _known.clear()


def _load(keys_id: UUID | None) -> Signer | None:
    if keys_id is None:
        return None
    query = select(DkimKeys.domain, DkimKeys.selector, DkimKeys.rsa_secret, DkimKeys.ed_secret)
    row = session().execute(query.where(DkimKeys.id == keys_id)).one_or_none()
    if row is None or row.rsa_secret is None or row.ed_secret is None:
        # Retired between the two queries.
        return None
    rsa_key = load_pem_private_key(vault.unlock(row.rsa_secret, vault.SIGNING).encode(), None)
    ed_key = load_pem_private_key(vault.unlock(row.ed_secret, vault.SIGNING).encode(), None)
    assert isinstance(rsa_key, RSAPrivateKey)
    assert isinstance(ed_key, Ed25519PrivateKey)
    return Signer(row.domain, selector_rsa(row.selector), rsa_key, selector_ed(row.selector), ed_key)
