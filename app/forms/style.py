"""How a form looks and which addresses it takes. Pure; neither is a part of the words that people agree to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from app.accounts.rules import colour

FONTS = {
    "": ("The brand's", ""),
    "system": ("Plain", 'system-ui, "Segoe UI", Roboto, Arial, sans-serif'),
    "serif": ("Serif", 'Georgia, "Times New Roman", serif'),
    "round": ("Round", 'ui-rounded, "Hiragino Maru Gothic ProN", Quicksand, Verdana, sans-serif'),
    "mono": ("Typewriter", "ui-monospace, Menlo, Consolas, monospace"),
}
"""Families that every machine has: nothing is loaded from anywhere."""
CORNERS = {"": ("Soft", "6px"), "square": ("Square", "0"), "round": ("Round", "16px")}


class Take(StrEnum):
    """What happens with an address of some kind."""

    FLAG = "flag"
    """It is asked like any other, and the record says what it is."""
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Style:
    """Colours, font and corners.

    Args:
        accent: ``#rrggbb``, empty: the brand's. It is made lighter or darker until it can be read.
        font: a key of ``FONTS``.
        corners: a key of ``CORNERS``.
        plain: white around the form, without the band in the brand's colour.
    """

    accent: str = ""
    font: str = ""
    corners: str = ""
    plain: bool = False

    def __post_init__(self) -> None:
        if self.font not in FONTS or self.corners not in CORNERS:
            raise ValueError("no such font or corner")
        if self.accent:
            colour.parse_accent(self.accent)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {name: value for name, value in asdict(self).items() if value}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Style:
        """What ``to_json`` wrote."""
        return cls(**plain)

    @classmethod
    def from_query(cls, given: Mapping[str, str]) -> Style:
        """What stands in the address of a style sheet.

        Raises:
            ValueError: it was not made here.
        """
        return cls(given.get("accent", ""), given.get("font", ""), given.get("corners", ""), "plain" in given)

    @property
    def css(self) -> str:
        """The rules that set the variables of the public pages' style sheet; holds nothing that somebody typed."""
        found = {}
        if self.accent:
            palette = colour.palette(self.accent)
            found = {
                "brand": palette.brand, "on-brand": palette.on_brand,
                "brand-dark": palette.brand_dark, "on-brand-dark": palette.on_brand_dark,
            }  # fmt: skip
        if self.corners:
            found["corner"] = CORNERS[self.corners][1]
        if self.font:
            found["brand-font"] = found["font"] = FONTS[self.font][1]
        rules = (
            ":root{" + "".join(f"--{name}:{value};" for name, value in found.items()) + "}" if found else ""
        )
        return rules + ("body{background:var(--bg)}" if self.plain else "")

    @property
    def properties(self) -> dict[str, str]:
        """The same as custom properties of ``<nod-form>``."""
        found = {}
        if self.accent:
            palette = colour.palette(self.accent)
            found = {"--nod-accent": palette.brand, "--nod-on-accent": palette.on_brand}
        if self.corners:
            found["--nod-radius"] = CORNERS[self.corners][1]
        if self.font:
            found["--nod-family"] = FONTS[self.font][1]
        return found


@dataclass(frozen=True, slots=True)
class Policy:
    """Which addresses a form takes: those of throw-away services, and those of a role, such as ``info@``."""

    disposable: Take = Take.FLAG
    role: Take = Take.FLAG

    def to_json(self) -> dict[str, str]:
        """Plain data."""
        return {"disposable": self.disposable.value, "role": self.role.value}

    @classmethod
    def from_json(cls, plain: Mapping[str, str]) -> Policy:
        """What ``to_json`` wrote."""
        return cls(**{name: Take(value) for name, value in plain.items()})
