"""What a picture is, read from its first bytes. Nothing is ever decoded here, so no picture can grow."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app.kernel.errors import BadInput

OCTETS: Final = 1_500_000
SIDE: Final = 6_000
PIXELS: Final = 16_000_000
MIME: Final = {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture: kind (png, jpeg, gif, webp), sides in pixels, and a key made from its bytes."""

    kind: str
    width: int
    height: int
    key: str


def look(data: bytes) -> Seen:
    """Kind and size of a picture, whatever its name says.

    Raises:
        BadInput: none of the four kinds, broken, or too large for a mail.
    """
    if len(data) > OCTETS:
        raise _refused(f"This picture has {len(data) / 1e6:.1f} MB. Make it smaller than 1.5 MB.")
    kind, size = _measured(data)
    width, height = size
    if not (0 < width <= SIDE and 0 < height <= SIDE and width * height <= PIXELS):
        raise _refused(
            f"This picture has {width:,} × {height:,} pixels. A mail needs at most 2,400 in width."
        )
    digest = hashlib.sha256(data).digest()[:18]
    return Seen(kind, width, height, base64.urlsafe_b64encode(digest).decode())


def _refused(message: str) -> BadInput:
    return BadInput(message, fields={"picture": message})


def _measured(data: bytes) -> tuple[str, tuple[int, int]]:
    for kind, opening, measure in _KINDS:
        if data.startswith(opening):
            try:
                return kind, measure(data)
            except (struct.error, IndexError, ValueError):
                raise _refused("This picture is broken. Save it anew and try again.") from None
    raise _refused("Only PNG, JPEG, GIF and WebP pictures can be used.")


def _png(data: bytes) -> tuple[int, int]:
    if data[12:16] != b"IHDR":
        raise ValueError
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def _gif(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack("<HH", data[6:10])
    return width, height


def _webp(data: bytes) -> tuple[int, int]:
    kind = data[8:16]
    if kind == b"WEBPVP8X":
        return (int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1)
    if kind == b"WEBPVP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"WEBPVP8 ":
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError


def _jpeg(data: bytes) -> tuple[int, int]:
    at = 2
    while True:
        if data[at] != 0xFF:
            raise ValueError
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        if marker in _FRAMES:
            height, width = struct.unpack(">HH", data[at + 4 : at + 8])
            return width, height
        (length,) = struct.unpack(">H", data[at + 1 : at + 3])
        at += 1 + max(length, 2)


_Measure = Callable[[bytes], tuple[int, int]]
_KINDS: Final[tuple[tuple[str, bytes, _Measure], ...]] = (
    ("png", b"\x89PNG\r\n\x1a\n", _png),
    ("gif", b"GIF87a", _gif),
    ("gif", b"GIF89a", _gif),
    ("jpeg", b"\xff\xd8\xff", _jpeg),
    ("webp", b"RIFF", _webp),
)
