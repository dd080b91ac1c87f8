"""Entries of a feed in a block: what was fetched last stands in the block itself, so that all who look see the same. Pure.

A block with a field of the type ``entries`` has an ``address`` and a ``count`` too. The field's value is ``{}`` before anybody
has looked, then ``{"url", "feed", "at", "title", "rows", "more", "known", "fault"}``: where it was looked at, the feed's id,
when it was fetched (ISO), what it is called, the entries (``{"key", "title", "summary", "link", "picture"}``), how many new
ones beyond them did not fit, how many the feed held, and why the last look failed, or empty.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any, Final

from app.content.blocks.kinds import find_kind

if TYPE_CHECKING:
    from app.content.blocks.writing import Block

TYPE: Final = "entries"
NOT_LOOKED_AT: Final = "Nod has not looked at this feed yet. Press “Look at the feed now”."
NOTHING_NEW: Final = "The feed holds nothing new, so this block shows nothing."
_OPENS: Final = re.compile(r"\{(?=[{%#])")
_CLOSES: Final = re.compile(r"(?<=[}%#])\}")
_OUR_WORD: Final = re.compile("(nod)(tag|rich)", re.IGNORECASE)
_JOINER: Final = "\u2060"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a block wants to show: so many entries of the feed at an address, and what it shows now."""

    block_id: str
    address: str
    count: int
    shown: Mapping[str, Any]

    @property
    def rows(self) -> Sequence[Mapping[str, Any]]:
        """What it shows now; nothing where that is of another address."""
        return self.shown.get("rows", ()) if self.shown.get("url") == self.address else ()


def wishes(blocks: Sequence[Block]) -> list[Wish]:
    """What those of the blocks want that name a feed."""
    found = []
    for block in blocks:
        name, values = field_of(block.kind), block.values
        address = str(values.get("address") or "")
        if name and address:
            found.append(Wish(block.id, address, _count(values), values.get(name) or {}))
    return found


def fill(blocks: Sequence[Block], find: Callable[[Wish], Mapping[str, Any]]) -> list[Block]:
    """The blocks, with what ``find`` gives as the entries of each that names a feed."""
    found = {wish.block_id: find(wish) for wish in wishes(blocks)}
    return [
        replace(block, values={**block.values, field_of(block.kind): dict(found[block.id])}) if block.id in found else block
        for block in blocks
    ]


def kept(kind: str, values: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Values that a form was posted with, and the entries of before: no form holds them."""
    name = field_of(kind)
    return {**values, name: before.get(name) or {}} if name else dict(values)


def field_of(kind: str) -> str:
    """The name of a kind's field with entries; empty: it has none."""
    known = find_kind(kind)
    return next((field.name for field in known.fields if field.type == TYPE), "") if known else ""


def shown(value: Any, address: Any) -> list[dict[str, str]]:
    """The entries as a block's template gets them: ready to stand in MJML, and no merge tag in what strangers wrote."""
    told = value if isinstance(value, Mapping) else {}
    if told.get("url") != address:
        return []
    names = ("title", "summary", "link", "picture")
    return [{name: escape(_harmless(str(row.get(name) or ""))) for name in names} for row in told.get("rows", ())]


def wrong(value: Any, address: str) -> tuple[str, str] | None:
    """Severity and words of what is wrong with the entries of a block that names a feed."""
    told = value if isinstance(value, Mapping) else {}
    is_of_it = told.get("url") == address
    if not is_of_it or not (told.get("feed") or told.get("fault")):
        return "error", NOT_LOOKED_AT
    if fault := str(told.get("fault") or ""):
        return ("warning", f"{fault} The entries are those of the last look.") if told.get("feed") else ("error", fault)
    if not told.get("rows"):
        return "warning", NOTHING_NEW if told.get("known") else "The feed holds no entry, so this block shows nothing."
    return None


def _harmless(text: str) -> str:
    """Without beginnings and ends of merge tags, and without the words that stand for them while a letter is compiled."""
    text = _CLOSES.sub(_JOINER + "}", _OPENS.sub("{" + _JOINER, text))
    return _OUR_WORD.sub(rf"\1{_JOINER}\2", text)


def _count(values: Mapping[str, Any]) -> int:
    count = values.get("count")
    return min(max(count, 1), 10) if isinstance(count, int) else 1
