"""GIFs that move are kept frame by frame; what stands beside the frames is left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_EXTENSION: Final = 0x21
_IMAGE: Final = 0x2C
_END: Final = 0x3B
_CONTROL: Final = 0xF9
_APPLICATION: Final = 0xFF
_LOOPS: Final = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
"""The one thing that an application may say: how often it is repeated."""


def stripped(data: bytes) -> bytes:
    """The same frames without comments, texts, data of programs, and whatever follows the end.

    Raises:
        ValueError: no GIF, or one that does not end.
    """
    if data[:6] not in {b"GIF87a", b"GIF89a"}:
        raise ValueError("no GIF")
    try:
        return b"".join(_parts(data))
    except IndexError:
        raise ValueError("it does not end") from None


def _parts(data: bytes) -> Iterator[bytes]:
    at = 13 + _colours(data[10])
    yield data[:at]
    while data[at] != _END:
        end = _end_of(data, at)
        if data[at] == _IMAGE or _is_needed(data, at):
            yield data[at:end]
        at = end
    yield bytes([_END])


def _end_of(data: bytes, at: int) -> int:
    """Where the block that begins here ends."""
    if data[at] == _EXTENSION:
        return _after_pieces(data, at + 2)
    if data[at] == _IMAGE:
        # A descriptor of ten octets, colours of its own, the size of a code, the pixels.
        return _after_pieces(data, at + 10 + _colours(data[at + 9]) + 1)
    raise ValueError("an unknown block")


def _is_needed(data: bytes, at: int) -> bool:
    if data[at + 1] == _CONTROL:
        return True
    return data[at + 1] == _APPLICATION and data[at + 3 : at + 14] in _LOOPS


def _after_pieces(data: bytes, at: int) -> int:
    while data[at]:
        at += data[at] + 1
    return at + 1


def _colours(flags: int) -> int:
    """Octets of the colour table that these flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
