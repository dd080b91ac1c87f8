"""Pure: which presses of the confirm button look like a program's and are asked for once more.

A false alarm costs one more tap, so the lists may be wide; a miss would be a yes that nobody said.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

QUICK: Final = timedelta(seconds=2)
"""Nobody reads what they confirm and presses within this."""

# Networks from which mail filters look at links, as their makers publish them.
SCANNERS: Final = (
    "64.235.144.0/20", "209.222.80.0/21",  # Barracuda
    "67.231.144.0/20", "148.163.128.0/19", "205.220.160.0/19", "185.132.180.0/22",  # Proofpoint
    "91.220.42.0/24", "146.101.78.0/24", "195.130.217.0/24", "205.139.110.0/23", "207.211.30.0/23",  # Mimecast
    "40.92.0.0/15", "40.107.0.0/16", "52.100.0.0/14", "104.47.0.0/17", "2a01:111:f400::/48",  # Microsoft
    "67.219.240.0/20", "85.158.136.0/21", "95.131.104.0/21", "117.120.16.0/21", "193.109.254.0/23",
    "194.106.220.0/23", "195.245.230.0/23", "216.82.240.0/20",  # MessageLabs
    "68.232.128.0/19",  # IronPort
    "150.70.0.0/16",  # Trend Micro
)  # fmt: skip


def reason(
    *, decoy: bool, opened_at: datetime | None, now: datetime, ip: str, more_networks: Sequence[str] = ()
) -> str:
    """Why a press is not believed yet: ``decoy``, ``quick`` or ``network``; empty where nothing speaks against it.

    Args:
        decoy: a link that no person sees was followed before.
        opened_at: when the page with the button was shown; None where the post does not say.
        now: when the post came.
        ip: where from.
        more_networks: those that the operator knows beside ours, as CIDR.
    """
    if decoy:
        return "decoy"
    if opened_at is not None and now - opened_at < QUICK:
        return "quick"
    return "network" if is_scanner(ip, tuple(more_networks)) else ""


def is_scanner(ip: str, more_networks: tuple[str, ...] = ()) -> bool:
    """Whether an address belongs to a filter's network; what is no address does not."""
    try:
        address = ip_address(ip)
    except ValueError:
        return False
    return any(address in network for network in _networks(SCANNERS + more_networks))


@lru_cache(maxsize=4)
def _networks(written: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(one, strict=False) for one in written)
