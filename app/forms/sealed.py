"""The typed address on its way to the next page: encrypted, because no address may stand in a URL or a log.

Pure but for the key: AES-256-GCM over the address and the time, under a key of its own purpose.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.kernel import tokens
from app.kernel.errors import NotFound

PURPOSE = "inbox page"
GOOD_FOR_SECONDS = 3600
_NONCE_BYTES = 12
_TIME_BYTES = 5
_BLOCK = 64
"""Addresses are padded to this, so that the link's length tells nothing."""


def seal(address: str, now: datetime) -> str:
    """The address as opaque text for a URL."""
    plain = int(now.timestamp()).to_bytes(_TIME_BYTES, "big") + address.encode()
    padded = plain + b"\0" * (-len(plain) % _BLOCK)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return tokens.encode(nonce + AESGCM(tokens.purpose_key(PURPOSE)).encrypt(nonce, padded, None))


def unseal(sealed: str, now: datetime) -> str | None:
    """The address, for an hour; None for anything else."""
    try:
        raw = tokens.decode(sealed)
        plain = AESGCM(tokens.purpose_key(PURPOSE)).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], None)
    except (NotFound, InvalidTag, ValueError):
        return None
    age = now.timestamp() - int.from_bytes(plain[:_TIME_BYTES], "big")
    return plain[_TIME_BYTES:].rstrip(b"\0").decode() if 0 <= age <= GOOD_FOR_SECONDS else None
