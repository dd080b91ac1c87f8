"""Pictures on their way in: what they are is read from their first octets, then they are drawn anew elsewhere.

Nothing is decoded in this process. `app.content.drawing` does that in one of its own, with limits, after the size that
the first octets tell was found small enough.
"""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app.content import gifs
from app.content.warm import Warm
from app.kernel.errors import BadInput

OCTETS: Final = 10_000_000
"""Of a file that is given."""
KEPT_OCTETS: Final = 1_500_000
"""Of a picture that is kept: a reader on a telephone has to fetch it."""
PIXELS: Final = 40_000_000
LETTER: Final = 600
"""Width of a letter in pixels."""
WIDEST: Final = 2 * LETTER
"""For sharp screens, which have two of their own pixels for each."""
WALL_SECONDS: Final = 20.0
MIME: Final = {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_SVG: Final = re.compile(rb"\s*(?:<\?xml|<!--|<!DOCTYPE svg|<svg)", re.IGNORECASE)
_PAGE: Final = re.compile(rb"\s*<(?:!doctype\s+html|html|head|body|script)", re.IGNORECASE)
_HEIF: Final = frozenset({b"heic", b"heix", b"mif1", b"msf1", b"hevc", b"avif", b"avis"})
_BROKEN: Final = "This picture is broken. Save it anew and try again."

# One at a time: 40 million pixels take up to 400 MB and two seconds while they are drawn.
_warm = Warm("drawing.py", most=1)


class WrongKind(BadInput):
    """Not one of the four kinds that inboxes show."""

    status = 415
    title = "This picture cannot be used"


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture: kind (png, jpeg, gif, webp), sides in pixels, and a key made from its bytes."""

    kind: str
    width: int
    height: int
    key: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture that may be kept: what it is, its bytes, and the key of the file that it was made from.

    ``origin`` is empty for what was cut out of a picture: the same file gives several of those.
    """

    seen: Seen
    data: bytes
    origin: str


@dataclass(frozen=True, slots=True)
class Cut:
    """What to make of a picture.

    Attributes:
        width: pixels that it has at most.
        ratio: its shape, as (16, 9); None: as it is.
        focus: which part stays, in percent from the left and from the top.
    """

    width: int = WIDEST
    ratio: tuple[int, int] | None = None
    focus: tuple[int, int] = (50, 50)

    def changes(self, width: int, height: int) -> bool:
        """Whether a picture of this size would become another one."""
        if width > self.width:
            return True
        if self.ratio is None:
            return False
        across, down = self.ratio
        return round(height * across / down) < width or round(width * down / across) < height


def look(data: bytes) -> Seen:
    """Kind and size of a picture, whatever its name says.

    Raises:
        WrongKind: none of the four kinds.
        BadInput: broken, or too large to be looked into.
    """
    if len(data) > OCTETS:
        raise refused("This picture has more than 10 MB. Save it as JPEG, or smaller.")
    kind, size = _measured(data)
    width, height = size
    if width < 1 or height < 1:
        raise refused(_BROKEN)
    if width * height > PIXELS:
        raise refused(f"This picture has {width:,} × {height:,} pixels, more than 40 million. Make it smaller.")
    return Seen(kind, width, height, key_of(data))


def key_of(data: bytes) -> str:
    """24 characters that only these bytes have, fit for an address."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()[:18]).decode()


def as_it_is(data: bytes) -> Prepared:
    """A picture of our own, which needs no look into it."""
    seen = look(data)
    return Prepared(seen, data, seen.key)


def prepare(data: bytes, cut: Cut = Cut()) -> Prepared:
    """Draw a picture anew: upright, no wider than needed, and nothing in it but what is seen.

    It becomes JPEG or PNG, which every inbox shows. A GIF that moves keeps its frames as they are. No transaction
    should be open meanwhile: a large photo takes seconds.

    Raises:
        WrongKind: none of the four kinds.
        BadInput: broken, or too large.
    """
    seen = look(data)
    asked = {
        "data": base64.b64encode(data).decode(), "kind": seen.kind, "octets": KEPT_OCTETS, "width": cut.width,
        "ratio": list(cut.ratio) if cut.ratio else None, "focus": list(cut.focus),
    }  # fmt: skip
    told = _warm.run(asked, WALL_SECONDS)
    if told is None:
        raise refused("This picture takes too long or too much to be looked into. Save it anew and try again.")
    if "refused" in told:
        raise refused(told["refused"])
    if "moves" in told:
        return _moving(data, told["width"], told["height"], seen.key)
    made = base64.b64decode(told["data"])
    origin = seen.key if cut == Cut() else ""
    return Prepared(Seen(told["kind"], told["width"], told["height"], key_of(made)), made, origin)


def _moving(data: bytes, width: int, height: int, origin: str) -> Prepared:
    try:
        made = gifs.stripped(data)
    except ValueError:
        raise refused(_BROKEN) from None
    if len(made) > KEPT_OCTETS:
        raise refused(
            f"This moving picture has {len(made) / 1e6:.1f} MB. Make it smaller than 1.5 MB: fewer frames, fewer colours."
        )
    return Prepared(Seen("gif", width, height, key_of(made)), made, origin)


def refused(message: str) -> BadInput:
    """What to say beside the field."""
    return BadInput(message, fields={"picture": message})


def _measured(data: bytes) -> tuple[str, tuple[int, int]]:
    for kind, opening, measure in _KINDS:
        if data.startswith(opening):
            try:
                return kind, measure(data)
            except (struct.error, IndexError, ValueError):
                raise refused(_BROKEN) from None
    message = _unknown(data)
    raise WrongKind(message, fields={"picture": message})


def _unknown(data: bytes) -> str:
    if not data:
        return "Choose a picture that has something in it."
    if _PAGE.match(data):
        return "This is a web page, not a picture. Only PNG, JPEG, GIF and WebP pictures can be used."
    if _SVG.match(data[:1024]):
        return "SVG can carry scripts, and most inboxes do not show it. Save it as PNG, twice as large as it is to be seen."
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF:
        return "Most inboxes do not show HEIC and AVIF. Save it as JPEG."
    return "Only PNG, JPEG, GIF and WebP pictures can be used."


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
