"""What inboxes show otherwise than a browser does, and what eyes cannot read: warnings about an author's own HTML and colours. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from app.content.colours import DEFAULT, READABLE, contrast

LARGE: Final = 3.0
"""Contrast that large letters need (WCAG 2.2, 1.4.3)."""
LARGE_PIXELS: Final = 24
# Each looks no farther than a declaration is long: sources come from strangers.
_DECLARATION: Final = re.compile(r"(?<![a-z-])([a-z-]{1,40})\s{0,9}:\s{0,9}([^;{}]{1,2000})", re.IGNORECASE)
_MEDIA: Final = re.compile(r"@media\b[^{}]{0,300}\{(?:[^{}]{0,300}\{[^{}]{0,3000}\})*[^{}]{0,300}\}", re.IGNORECASE)
_HEX: Final = re.compile(r"#(?:[0-9a-f]{6}|[0-9a-f]{3})\b", re.IGNORECASE)
_PIXELS: Final = re.compile(r"(\d{1,3})(?:\.\d+)?px")
_NAMED: Final = {"black": "#000000", "white": "#ffffff"}
_UNSEEN: Final = frozenset({"svg", "video", "audio", "canvas"})
_UNSEEN_FILES: Final = (".svg", ".webp", ".avif")
_OWN_INK: Final = frozenset({"span", "p", "strong", "b", "em", "i", "font", "li", "h1", "h2", "h3", "h4", "small"})
"""What keeps its own colour in a dark inbox; of others our head changes it with the ground."""
_IN_CONTAINER: Final = frozenset({"mj-text", "mj-table", "mj-navbar", "mj-social"})
"""Components whose ground is that of the box around them."""
_CLASSES: Final = ("mj-class", "css-class", "class", "background-url", "bgcolor")
"""Attributes by which something has colours that do not stand there."""
_OWN_COLOURS: Final = frozenset({"mj-button", "mj-social-element"})
"""Components that have colours of their own where they name none."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What is known, by the author's own words, of the colours at a place: ``#rrggbb``, or empty."""

    ink: str = ""
    paper: str = ""


def css_faults(css: str) -> Iterator[tuple[int, str]]:
    """Offset and words of each declaration that Outlook would drop; what stands in a media query is for others."""
    plain = _MEDIA.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), css)
    for found in _DECLARATION.finditer(plain):
        if words := _dropped(found[1].lower(), found[2].strip().lower()):
            yield found.start(), words


def style_faults(style: str) -> Iterator[str]:
    """Words of what Outlook would drop of a style attribute."""
    told = declared(style)
    has_colour = "background-color" in told or _HEX.search(told.get("background", "")) is not None
    for name, value in told.items():
        if words := _dropped(name, value):
            yield words
        elif name in {"background", "background-image"} and "url(" in value and not has_colour:
            yield "Outlook shows no picture behind this. Give it a background colour too, or use the background-url of a section."


def element_faults(tag: str, values: Mapping[str, str]) -> Iterator[str]:
    """Words of what is seldom seen of an element."""
    if tag in _UNSEEN:
        yield f"Most inboxes show nothing of <{tag}>. Use a picture that leads to it."
    if tag not in {"img", "mj-image"}:
        return
    source = values.get("src", "").strip().lower()
    if source.startswith("data:"):
        yield "Gmail and Outlook show no picture that stands in the mail itself. Bring it to your pictures, and name its address."
    elif _path(source).endswith(_UNSEEN_FILES):
        yield f"Not every inbox shows this kind of picture ({_path(source).rpartition('.')[2]}). Use PNG, JPEG or GIF."
    if tag == "img" and not values.get("width"):
        yield 'Outlook shows this picture as large as its file. Give it width="…" in pixels.'


def ground_of(tag: str, values: Mapping[str, str], around: Ground) -> Ground:
    """What is known inside of an element: its own words, else those of what it stands in; a class may mean anything."""
    own = declared(values.get("style", ""))
    behind = "container-background-color" if tag in _IN_CONTAINER else "background-color"
    is_mjml = tag.startswith("mj-")
    ink = values.get("color", "") if is_mjml else own.get("color", "")
    paper = values.get(behind, "") if is_mjml else own.get("background-color", own.get("background", ""))
    unknown = tag in _OWN_COLOURS or any(values.get(name) for name in _CLASSES)
    return Ground(
        _colour(ink) if ink or unknown else around.ink,
        _colour(paper) if paper or unknown else around.paper,
    )


def colour_faults(tag: str, values: Mapping[str, str], around: Ground, inside: Ground) -> Iterator[str]:
    """Words about letters that cannot be read, in a light inbox or in a dark one."""
    if inside == around or not inside.ink:
        return
    if inside.paper:
        wanted = LARGE if _pixels(values) >= LARGE_PIXELS else READABLE
        found = contrast(inside.ink, inside.paper)
        if found < wanted:
            yield f"Hard to read: {inside.ink} on {inside.paper} has a contrast of {found:.1f}, and {wanted:g} are needed."
    elif tag in _OWN_INK and inside.ink != around.ink and contrast(inside.ink, DEFAULT.surface_dark) < LARGE:
        yield f"In a dark inbox {inside.ink} stands on dark. Leave the colour out, or give it a background colour of its own."


def declared(style: str) -> dict[str, str]:
    """The declarations of a style attribute, in lower case."""
    return {name.lower(): value.strip().lower() for name, value in _DECLARATION.findall(style)}


def _dropped(name: str, value: str) -> str:
    if name == "display" and value.split("!")[0].strip() in {"flex", "inline-flex", "grid", "inline-grid"}:
        return f"Outlook knows no “display: {value}”: the parts stand below each other there. Use columns or a table."
    if name == "position" and value.split("!")[0].strip() in {"absolute", "fixed", "sticky"}:
        return f"Outlook and Gmail drop “position: {value}”: this stands elsewhere there."
    return ""


def _colour(words: str) -> str:
    """A colour as ``#rrggbb``; empty for anything that is not surely one."""
    words = words.strip().lower()
    if "url(" in words or "gradient" in words:
        return ""
    found = _HEX.search(words)
    if found is None:
        return _NAMED.get(words, "")
    digits = found[0][1:]
    return f"#{digits}" if len(digits) == 6 else "#" + "".join(2 * digit for digit in digits)


def _pixels(values: Mapping[str, str]) -> int:
    found = _PIXELS.fullmatch(values.get("font-size", "") or declared(values.get("style", "")).get("font-size", ""))
    return int(found[1]) if found else 0


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""
