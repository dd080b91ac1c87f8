"""Where a browser may be sent, and from which network it came."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

HOME = "/"


def safe_next(target: str) -> str:
    """A path of this site, or the front page for anything else.

    Browsers read a backslash as a slash and skip tabs and line ends, so each of these could hide ``//evil``.
    """
    if not target.startswith("/") or target.startswith("//") or len(target) > 2000:
        return HOME
    if "\\" in target or any(ord(character) <= 0x20 or ord(character) == 0x7F for character in target):
        return HOME
    try:
        parts = urlsplit(target)
    except ValueError:
        return HOME
    return HOME if parts.scheme or parts.netloc else target


def network_of(ip: str) -> str:
    """What counts as one sender: an IPv4 address, or the /64 that a household or server has in IPv6."""
    try:
        address = ipaddress.ip_address(ip.split("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
