"""Pure decisions about companies and households: their words, and what may be said of one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from app.contacts.addresses import AddressError, normalise
from app.contacts.rules import fold_name

MAX_NAME: Final = 120
MAX_ROLE: Final = 80
MAX_SIZE: Final = 40
MAX_ABOUT: Final = 2_000
MAX_DOMAINS: Final = 10
MAX_HOUSEHOLD: Final = 50
"""People of one household."""
_BETWEEN: Final = re.compile(r"[\s,;]+")

FREEMAIL: Final = frozenset(
    """aol.com fastmail.com gmail.com gmx.at gmx.ch gmx.de gmx.net googlemail.com hey.com hotmail.co.uk hotmail.com
    hotmail.de hotmail.fr icloud.com laposte.net libero.it live.com live.de mac.com mail.com mail.de mail.ru me.com msn.com
    orange.fr outlook.com outlook.de outlook.fr pm.me posteo.de proton.me protonmail.com qq.com t-online.de tuta.com
    tutanota.com web.de yahoo.co.uk yahoo.com yahoo.de yahoo.fr yandex.ru ymail.com zoho.com""".split()  # noqa: SIM905
)
"""Where anybody may have a mailbox: such a domain tells no company."""


class Kind(StrEnum):
    """What people belong to; one of each at most."""

    COMPANY = "company"
    HOUSEHOLD = "household"


@dataclass(frozen=True, slots=True)
class Details:
    """What is known of one; of a household only its name and what is written about it.

    Attributes:
        name: on one line; that of a company is its own in the workspace, whatever its case.
        website: an address on the web.
        domains: those of its people's addresses, A-labels in lower case.
        country: two letters.
        size: in words.
        about: lines of text.
    """

    name: str
    website: str = ""
    domains: tuple[str, ...] = ()
    country: str = ""
    size: str = ""
    about: str = ""


def clean_name(raw: str) -> str:
    """A name on one line, without spaces too many.

    Raises:
        ValueError: it is empty, too long, or cannot be printed.
    """
    name = " ".join(raw.split())
    if not name or len(name) > MAX_NAME:
        raise ValueError(f"Write a name of at most {MAX_NAME} characters.")
    if not name.isprintable():
        raise ValueError("Remove the characters that cannot be read.")
    return name


def fold(name: str) -> str:
    """What makes two names the same: ``ACME`` and ``Acme`` are one company."""
    return fold_name(name) or name


def split_domains(raw: str) -> tuple[str, ...]:
    """Domains as somebody wrote them: apart by spaces or commas, perhaps as addresses of pages or mailboxes."""
    return tuple(part for part in _BETWEEN.split(raw) if part)


def read_domains(parts: Sequence[str]) -> tuple[str, ...]:
    """The domains of a company's mail addresses.

    Raises:
        ValueError: one is no domain, anybody may have a mailbox there, or they are too many.
    """
    found = tuple(dict.fromkeys(_domain(part) for part in parts))
    if len(found) > MAX_DOMAINS:
        raise ValueError(f"Write at most {MAX_DOMAINS} domains.")
    return found


def _domain(raw: str) -> str:
    host = (urlsplit(raw).hostname or "") if "://" in raw else raw.rpartition("@")[2]
    try:
        domain = normalise(f"x@{host.removeprefix('www.')}").domain
    except AddressError:
        raise ValueError(f"“{raw}” is no domain. Write one like example.org.") from None
    if domain in FREEMAIL:
        raise ValueError(f"Anybody may have a mailbox at {domain}, so it tells no company. Leave it out.")
    return domain
