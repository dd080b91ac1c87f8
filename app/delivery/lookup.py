"""Asking the DNS, with a person waiting: a few seconds, and no answer is told from none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

SECONDS: Final = 4.0
THREADS: Final = 16
Resolver = Callable[[str], list[str]]


class Silent(Exception):
    """No name server answered."""


def texts_of(names: Iterable[str]) -> dict[str, list[str] | None]:
    """The TXT records of each name with their strings joined, all asked for at once; None where nobody answered."""
    wanted = list(dict.fromkeys(names))
    with ThreadPoolExecutor(THREADS) as pool:
        return dict(zip(wanted, pool.map(_texts, wanted), strict=True))


def _texts(name: str) -> list[str] | None:
    try:
        return _resolver(name)
    except Silent:
        return None


def use(resolver: Resolver | None) -> None:
    """Ask somebody else from now on, None: the name servers of this machine."""
    global _resolver
    _resolver = ask if resolver is None else resolver


def ask(name: str) -> list[str]:
    """The TXT records of a name; empty where there are none.

    Raises:
        Silent: no name server of this machine answered within a few seconds.
    """
    # Imported here: every worker knows this module, and few ever ask.
    import dns.exception
    import dns.rdatatype
    import dns.resolver

    try:
        answer = dns.resolver.resolve(f"{name}.", dns.rdatatype.TXT, lifetime=SECONDS, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError) as fault:
        raise Silent(str(fault)) from fault
    return [b"".join(found.strings).decode("utf-8", "replace") for found in answer]


_resolver: Resolver = ask
