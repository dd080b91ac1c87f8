"""The look of a brand in its mails: one accent is enough, the rest keeps text readable (WCAG 2, 4.5:1); and two fonts."""

from __future__ import annotations

import colorsys
import re
from dataclasses import dataclass, fields
from typing import Final

READABLE: Final = 4.5

FONTS: Final = {
    "serif": ("Palatino, as in books", "Palatino, 'Palatino Linotype', 'Book Antiqua', Georgia, serif"),
    "georgia": ("Georgia", "Georgia, 'Times New Roman', serif"),
    "sans": ("The reader’s own plain font", "-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"),
    "verdana": ("Verdana", "Verdana, Geneva, sans-serif"),
    "trebuchet": ("Trebuchet", "'Trebuchet MS', 'Segoe UI', Helvetica, sans-serif"),
    "mono": ("Typewriter", "'Courier New', Courier, monospace"),
}
"""What a font is called, and its stack: only fonts that readers have, so that no mail loads one."""
HEADING_FONT: Final = "serif"
TEXT_FONT: Final = "sans"

_HEX = re.compile(r"#[0-9a-f]{6}")
_NAME = re.compile(r"\$([a-z]+(?:-[a-z]+)*)")


@dataclass(frozen=True, slots=True)
class Colours:
    """Every colour that our partials and designs name, light and dark, as ``#rrggbb`` in lower case; and keys of ``FONTS``."""

    brand: str = "#843a22"
    on_brand: str = "#ffffff"
    page: str = "#f6f3ee"
    surface: str = "#ffffff"
    text: str = "#22262e"
    muted: str = "#5c6168"
    line: str = "#e3dfd8"
    edge: str = "#85888d"
    brand_dark: str = "#e9a583"
    on_brand_dark: str = "#2a1409"
    page_dark: str = "#15171b"
    surface_dark: str = "#1e2126"
    text_dark: str = "#ece9e4"
    muted_dark: str = "#a9adb4"
    line_dark: str = "#4a5059"
    heading_font: str = HEADING_FONT
    text_font: str = TEXT_FONT

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name.endswith("_font"):
                continue
            if not _HEX.fullmatch(getattr(self, field.name)):
                raise ValueError(f"{field.name} is not a colour like #843a22")

    @classmethod
    def of(cls, accent: str, heading_font: str = "", text_font: str = "") -> Colours:
        """The colours around one accent, which is darkened or lightened until it can be read; unknown fonts are ours.

        Raises:
            ValueError: for anything but ``#rrggbb``.
        """
        accent = accent.lower()
        if not _HEX.fullmatch(accent):
            raise ValueError("A colour is written like #843a22")
        plain = cls()
        bright = _until_readable(accent, plain.surface_dark, 0.02)
        return cls(
            brand=_until_readable(accent, plain.surface, -0.02),
            brand_dark=bright,
            on_brand_dark=_until_readable(bright, bright, -0.02),
            heading_font=heading_font if heading_font in FONTS else HEADING_FONT,
            text_font=text_font if text_font in FONTS else TEXT_FONT,
        )


DEFAULT: Final = Colours()


def paint(source: str, colours: Colours) -> str:
    """Write them in: ``$brand-dark`` becomes ``#e9a583``, ``$text-font`` a stack; other words after a dollar stay."""
    known = {field.name.replace("_", "-"): str(getattr(colours, field.name)) for field in fields(colours)}
    known |= {name: FONTS[known[name]][1] for name in ("heading-font", "text-font")}
    return _NAME.sub(lambda found: known.get(found[1], found[0]), source)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2, from 1 to 21."""
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _until_readable(colour: str, ground: str, step: float) -> str:
    hue, light, saturation = colorsys.rgb_to_hls(*(part / 255 for part in _parts(colour)))
    while contrast(colour, ground) < READABLE and 0 <= light <= 1:
        light += step
        rgb = colorsys.hls_to_rgb(hue, min(max(light, 0.0), 1.0), saturation)
        colour = "#" + "".join(f"{round(part * 255):02x}" for part in rgb)
    return colour


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(part / 255) for part in _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
