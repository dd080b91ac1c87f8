"""A brand's accent as colours that can be read: at least 4.5:1, in light and in dark.

The accent is used as text on the page and as a fill under text, so both have to pass. Hue and strength
stay, lightness gives way. Conversions are those of OKLab (Björn Ottosson, 2020); contrast is WCAG 2's.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

MINIMUM = 4.5
DEFAULT_ACCENT = "#157a4c"

_LIGHT_PAGE = "#f4f2ee"
"""The darkest surface under accent-coloured text on a light page."""
_DARK_PAGE = "#22262c"
"""The lightest surface under accent-coloured text on a dark page."""
_WHITE = "#ffffff"
_INK = "#10151a"
_HEX = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True, slots=True)
class Palette:
    """Four colours as ``#rrggbb``: the fill and the text on it, for a light page and for a dark one.

    Raises:
        ValueError: a pair below 4.5:1: such a palette cannot exist.
    """

    brand: str
    on_brand: str
    brand_dark: str
    on_brand_dark: str

    def __post_init__(self) -> None:
        pairs = (
            (self.brand, self.on_brand),
            (self.brand, _LIGHT_PAGE),
            (self.brand_dark, self.on_brand_dark),
            (self.brand_dark, _DARK_PAGE),
        )
        for one, other in pairs:
            if contrast(one, other) < MINIMUM:
                raise ValueError(f"{one} on {other} is below {MINIMUM}:1")

    @property
    def css(self) -> str:
        """The style sheet of the brand."""
        return (
            f":root{{--brand:{self.brand};--on-brand:{self.on_brand};"
            f"--brand-dark:{self.brand_dark};--on-brand-dark:{self.on_brand_dark}}}\n"
        )


def parse_accent(raw: str) -> str:
    """The accent as lower-case ``#rrggbb``.

    Raises:
        ValueError: another notation.
    """
    text = raw.strip().lower()
    if not _HEX.fullmatch(text):
        raise ValueError("not #rrggbb")
    return text


def palette(accent: str) -> Palette:
    """The readable colours nearest to an accent (``#rrggbb``).

    Raises:
        ValueError: another notation.
    """
    colour = parse_accent(accent)
    brand = _shift(colour, _LIGHT_PAGE, -0.005)
    brand_dark = _shift(colour, _DARK_PAGE, 0.005)
    return Palette(brand, _text_on(brand), brand_dark, _text_on(brand_dark))


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _text_on(fill: str) -> str:
    return max((_WHITE, _INK), key=lambda text: contrast(text, fill))


def _shift(colour: str, page: str, step: float) -> str:
    """The colour, lighter or darker by small steps until text in it can be read on the page and text on it too."""
    lightness, chroma, hue = _to_oklch(colour)
    found = colour
    while contrast(found, page) < MINIMUM or contrast(found, _text_on(found)) < MINIMUM:
        lightness += step
        found = _from_oklch(min(max(lightness, 0.0), 1.0), chroma, hue)
    return found


def _channels(colour: str) -> tuple[float, float, float]:
    """Linear red, green and blue, 0 to 1."""
    red, green, blue = (int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5))
    return _linear(red), _linear(green), _linear(blue)


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _luminance(colour: str) -> float:
    red, green, blue = _channels(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _to_oklch(colour: str) -> tuple[float, float, float]:
    red, green, blue = _channels(colour)
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return lightness, math.hypot(a, b), math.atan2(b, a)


def _from_oklch(lightness: float, chroma: float, hue: float) -> str:
    """The nearest colour of a screen: strength gives way where a screen cannot show it."""
    while True:
        red, green, blue = _linear_rgb(lightness, chroma, hue)
        if chroma < 0.001 or all(-0.0005 <= value <= 1.0005 for value in (red, green, blue)):
            return "#" + "".join(f"{_byte(value):02x}" for value in (red, green, blue))
        chroma -= 0.004


def _linear_rgb(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _byte(linear: float) -> int:
    value = min(max(linear, 0.0), 1.0)
    encoded = value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return round(encoded * 255)
