"""A look at an address before it is asked: a throw-away service, a role, a domain that takes no mail."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import dns.exception
import dns.rdatatype
import dns.resolver
from disposable_email_domains import blocklist

from app.contacts.addresses import Address

SECONDS: Final = 2.0
"""A person waits: no answer within this is no objection."""
REMEMBERED_SECONDS: Final = 600.0
AWAY_SECONDS: Final = 30.0
MOST_DOMAINS: Final = 10_000
ROLES: Final = frozenset(
    ["abuse", "admin", "administrator", "billing", "contact", "hello", "help", "hostmaster", "info", "mail", "mailer-daemon", "marketing", "news", "newsletter", "no-reply", "noreply", "office", "orders", "postmaster", "root", "sales", "security", "service", "shop", "support", "team", "webmaster"]
)  # fmt: skip
RESERVED: Final = re.compile(r"(?:^|\.)(?:example|test|invalid|localhost|example\.(?:com|net|org))$")
"""Names that RFC 2606 keeps for examples and tests: whoever uses them means no mail."""
Resolver = Callable[[str], bool | None]
"""Whether a domain takes mail; None: nobody knows."""


class Unknown(Exception):
    """Nobody has asked about this domain lately."""

    def __init__(self, domain: str) -> None:
        super().__init__(domain)
        self.domain = domain


def flags_of(address: Address) -> tuple[str, ...]:
    """``disposable`` and ``role``, as far as they are true."""
    parts = address.domain.split(".")
    is_disposable = any(".".join(parts[place:]) in blocklist for place in range(len(parts) - 1))
    is_role = address.folded.partition("@")[0] in ROLES
    return tuple(name for name, found in (("disposable", is_disposable), ("role", is_role)) if found)


def takes_mail(domain: str) -> bool:
    """What is known of a domain: False only where the DNS said so.

    Raises:
        Unknown: it has to be looked up first.
    """
    if RESERVED.search(domain) or time.monotonic() < _away_until:
        return True
    known = _known.get(domain)
    if known is None or known[0] < time.monotonic():
        raise Unknown(domain)
    return known[1]


def look_up(domain: str) -> None:
    """Ask the DNS: no such domain, a null MX (RFC 7505), or neither MX nor address mean that no mail is taken.

    An answer is remembered for ten minutes. A name server that does not answer is left alone for half a
    minute, so that its silence costs one person two seconds and not everybody.
    """
    global _away_until
    found = _resolver(domain)
    if found is None:
        _away_until = time.monotonic() + AWAY_SECONDS
        return
    _known[domain] = (time.monotonic() + REMEMBERED_SECONDS, found)
    while len(_known) > MOST_DOMAINS:
        _known.popitem(last=False)


def use(resolver: Resolver | None) -> None:
    """Ask somebody else from now on and forget what was known; None: the name servers of this machine."""
    global _resolver, _away_until
    _resolver, _away_until = resolver or ask, 0.0
    _known.clear()


def ask(domain: str) -> bool | None:
    """Ask the name servers of this machine, within two seconds in all."""
    until = time.monotonic() + SECONDS
    for kind in (dns.rdatatype.MX, dns.rdatatype.A, dns.rdatatype.AAAA):
        try:
            answer = dns.resolver.resolve(
                f"{domain}.", kind, lifetime=max(until - time.monotonic(), 0.01), search=False
            )
        except dns.resolver.NXDOMAIN:
            return False
        except dns.resolver.NoAnswer:
            continue
        except (dns.exception.DNSException, OSError):
            return None
        if kind is dns.rdatatype.MX:
            return any(str(record.exchange) != "." for record in answer)
        return True
    return False


_known: OrderedDict[str, tuple[float, bool]] = OrderedDict()
_resolver: Resolver = ask
_away_until = 0.0
