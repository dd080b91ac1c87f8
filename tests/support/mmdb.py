"""The smallest address database in MaxMind's format: one country for one IPv4 network."""

from __future__ import annotations

import ipaddress
from pathlib import Path


def write(path: Path, network: str, country: str) -> None:
    """One tree with as many nodes as the prefix is long: 24-bit records, IPv4."""
    net = ipaddress.ip_network(network)
    nodes = net.prefixlen
    bits = f"{int(net.network_address):032b}"[:nodes]
    tree = b""
    for depth, bit in enumerate(bits):
        # The empty record is the number of nodes; data begins sixteen octets behind the tree.
        onward = depth + 1 if depth + 1 < nodes else nodes + 16
        left, right = (onward, nodes) if bit == "0" else (nodes, onward)
        tree += left.to_bytes(3, "big") + right.to_bytes(3, "big")
    data = _map({"country": {"iso_code": country}})
    about = _map(
        {
            "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": 1, "database_type": "Test",
            "description": {"en": "Test"}, "ip_version": 4, "languages": [], "node_count": nodes, "record_size": 24,
        }
    )  # fmt: skip
    path.write_bytes(tree + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + about)


def _map(values: dict) -> bytes:
    return bytes([0xE0 | len(values)]) + b"".join(_text(key) + _value(value) for key, value in values.items())


def _value(value) -> bytes:
    if isinstance(value, dict):
        return _map(value)
    if isinstance(value, list):
        return bytes([0x00, 0x04])
    return _text(value) if isinstance(value, str) else bytes([0xC4]) + value.to_bytes(4, "big")


def _text(value: str) -> bytes:
    raw = value.encode()
    return bytes([0x40 | len(raw)]) + raw if len(raw) < 29 else bytes([0x5D, len(raw) - 29]) + raw
