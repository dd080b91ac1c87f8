"""The address a user signs in with."""

from __future__ import annotations

import re

import idna

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


def fold(raw: str) -> str:
    """The one spelling under which an account is known: lower case, the domain in its ASCII form.

    Raises:
        ValueError: not an address that every mail server reads alike.
    """
    local, at, domain = raw.strip().rpartition("@")
    if not at or len(local) > 64 or not _LOCAL.fullmatch(local):
        raise ValueError("not an address")
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        raise ValueError("not a domain") from None
    if "." not in ascii_domain or len(ascii_domain) > 253 or ascii_domain.rpartition(".")[2].isdigit():
        raise ValueError("not a domain")
    return f"{local}@{ascii_domain}".lower()
