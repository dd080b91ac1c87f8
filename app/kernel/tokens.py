"""Signed tokens: one purpose each, key id first, so that retired keys keep verifying.

Layout before URL-safe base64: key id (1 byte) ‖ payload ‖ MAC (HMAC-SHA-256, cut). A token proves that Nod
made it for this purpose; it holds no secret and no personal value.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

from app.kernel.errors import NotFound
from app.kernel.macs import hmac_sha256

MAC_BYTES = 16
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_keys: tuple[bytes, ...] = ()


class Expired(NotFound):
    """The token was ours once; ``payload`` says for what, so that a fresh one can be offered."""

    def __init__(self, payload: bytes) -> None:
        super().__init__("This link is too old.")
        self.payload = payload


def configure(secret_key: bytes, fallbacks: Sequence[bytes] = ()) -> None:
    """Set the keys: the first one signs, all verify."""
    global _keys
    _keys = (secret_key, *fallbacks)


def purpose_key(purpose: str) -> bytes:
    """The current 32-byte key of one purpose; for MACs that other code recomputes."""
    return _derive(_keys[0], purpose)


def purpose_keys(purpose: str) -> tuple[bytes, ...]:
    """The purpose's keys, current first, then the retired ones."""
    return tuple(_derive(key, purpose) for key in _keys)


def sign(purpose: str, payload: bytes, *, mac_bytes: int = MAC_BYTES) -> str:
    """A token over the payload (bytes, at most a few dozen) that never expires."""
    key_id, key = _signing(_keys[0], purpose)
    body = key_id + payload
    return encode(body + hmac_sha256(key, body)[:mac_bytes])


def verify(purpose: str, token: str, *, size: int | None = None, mac_bytes: int = MAC_BYTES) -> bytes:
    """The payload of a token made for this purpose.

    Raises:
        NotFound: altered, cut, of another purpose or of another installation: all the same answer.
    """
    raw = decode(token)
    body, mac = raw[:-mac_bytes], raw[-mac_bytes:]
    payload = body[1:]
    if len(raw) <= mac_bytes or (size is not None and len(payload) != size):
        raise NotFound
    for key in _keys:
        if _key_id(key) == body[:1] and hmac.compare_digest(_mac(key, purpose, body, mac_bytes), mac):
            return payload
    raise NotFound


def sign_until(purpose: str, payload: bytes, expires_at: datetime) -> str:
    """A token that says until when it works (whole seconds, 5 bytes, inside the MAC)."""
    return sign(purpose, int(expires_at.timestamp()).to_bytes(5, "big") + payload)


def verify_until(purpose: str, token: str, now: datetime, *, size: int | None = None) -> bytes:
    """The payload of an unexpired token.

    Raises:
        Expired: once ours, too old now.
        NotFound: anything else.
    """
    raw = verify(purpose, token, size=None if size is None else size + 5)
    if len(raw) < 5:
        raise NotFound
    expires_at = datetime.fromtimestamp(int.from_bytes(raw[:5], "big"), UTC)
    if expires_at < now:
        raise Expired(raw[5:])
    return raw[5:]


def mac(purpose: str, message: bytes, size: int = MAC_BYTES) -> bytes:
    """HMAC-SHA-256 under the purpose's current key, cut to ``size`` bytes."""
    return hmac_sha256(purpose_key(purpose), message)[:size]


def mac_matches(purpose: str, message: bytes, given: bytes) -> bool:
    """Whether any key of the purpose, current or retired, made this MAC."""
    return len(given) >= 8 and any(
        hmac.compare_digest(hmac_sha256(key, message)[: len(given)], given)
        for key in purpose_keys(purpose)
    )


# Derived once a process: a mail carries half a dozen tokens.
@lru_cache(maxsize=256)
def _derive(key: bytes, purpose: str) -> bytes:
    return hmac_sha256(key, b"nod token " + purpose.encode())


@lru_cache(maxsize=64)
def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"nod key id" + key).digest()[:1]


@lru_cache(maxsize=64)
def _signing(key: bytes, purpose: str) -> tuple[bytes, bytes]:
    return _key_id(key), _derive(key, purpose)


def _mac(key: bytes, purpose: str, body: bytes, size: int) -> bytes:
    return hmac_sha256(_derive(key, purpose), body)[:size]


def encode(raw: bytes) -> str:
    """URL-safe base64 without padding."""
    return binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE, b"=").decode()


def decode(token: str, *, longest: int = 512) -> bytes:
    """The bytes of a token of at most ``longest`` characters.

    Raises:
        NotFound: too long, not base64, or not its one canonical spelling.
    """
    if len(token) > longest or not token.isascii():
        raise NotFound
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise NotFound from None
    if encode(raw) != token:  # the last character has spare bits: one token, one spelling
        raise NotFound
    return raw
