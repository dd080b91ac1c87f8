"""Passwords of mail servers: encrypted with a key that is not in the database."""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from app.kernel import tokens
from app.kernel.errors import Conflict

PURPOSE = "transport secret"


def lock(secret: str) -> bytes:
    """The secret, encrypted and authenticated."""
    return _keys().encrypt(secret.encode())


def unlock(locked: bytes) -> str:
    """The secret, also of a retired key.

    Raises:
        Conflict: no key of this installation opens it.
    """
    try:
        return _keys().decrypt(locked).decode()
    except InvalidToken:
        raise Conflict(
            "The mail server's password cannot be read: NOD_SECRET_KEY has changed. Enter the password again, "
            "or add the old key to NOD_SECRET_KEY_FALLBACKS."
        ) from None


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in tokens.purpose_keys(PURPOSE)])
