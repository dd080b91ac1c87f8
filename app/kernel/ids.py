"""Identifiers, made before the insert."""

from __future__ import annotations

import secrets
import time
from uuid import UUID


def uuid7() -> UUID:
    """A UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, then 74 random bits.

    The machine's clock only orders ids roughly, so indexes grow at their end; nothing reads a time from an id.
    """
    milliseconds = time.time_ns() // 1_000_000
    noise = int.from_bytes(secrets.token_bytes(10), "big")  # once: asking the system is most of what an id costs
    return UUID(int=milliseconds << 80 | 0x7 << 76 | (noise & 0xFFF) << 64 | 0b10 << 62 | noise >> 18)


def uuid7_texts(count: int) -> list[str]:
    """So many at once, in growing order, as 32 hexadecimal digits: a tenth of what as many ``uuid7`` take."""
    first = (time.time_ns() // 1_000_000) << 80 | 0x7 << 76 | 0b10 << 62
    noise = secrets.token_bytes(6 * count)
    # The twelve bits behind the milliseconds and what follows count up, which RFC 9562 6.2 calls a counter.
    return [
        "%032x" % (first | (number >> 14 & 0xFFF) << 64 | (number & 0x3FFF) << 48 | int.from_bytes(noise[6 * number : 6 * number + 6], "big"))
        for number in range(count)
    ]


def public_id() -> str:
    """Eight characters for a URL that people read aloud (48 random bits, no vowel games)."""
    return secrets.token_urlsafe(6)
