"""Passwords of mail servers and keys that sign: encrypted with a key that is not in the database."""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from app.kernel import tokens
from app.kernel.errors import Conflict

MAIL_SERVER = "transport secret"
SIGNING = "signing key"
_LOST = {
    MAIL_SERVER: "The mail server's password cannot be read: NOD_SECRET_KEY has changed. Enter the password again, "
    "or add the old key to NOD_SECRET_KEY_FALLBACKS.",
    SIGNING: "The keys that sign mails cannot be read: NOD_SECRET_KEY has changed. Make new keys for the sending "
    "domain, or add the old key to NOD_SECRET_KEY_FALLBACKS.",
}


def lock(secret: str, purpose: str = MAIL_SERVER) -> bytes:
    """The secret, encrypted and authenticated."""
    return _keys(purpose).encrypt(secret.encode())


def unlock(locked: bytes, purpose: str = MAIL_SERVER) -> str:
    """The secret, also of a retired key.

    Raises:
        Conflict: no key of this installation opens it.
    """
    try:
        return _keys(purpose).decrypt(locked).decode()
    except InvalidToken:
        raise Conflict(_LOST[purpose]) from None


def _keys(purpose: str) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in tokens.purpose_keys(purpose)])
