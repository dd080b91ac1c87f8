"""From blocks to MJML, and what is wrong with them. Pure; a block is never refused, only told about."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Any, Final

from app.content.blocks import entries
from app.content.blocks.kinds import Field, Kind, find_kind
from app.content.blocks.rich import for_mail, outside_tags
from app.content.merge import LINK
from app.content.mjml import Problem

_VARIABLE: Final = re.compile(r"[a-z_]+(?:\.[a-z][a-z0-9_]*)+")
_TESTS: Final = {"has": "{name}", "lacks": "not {name}", "is": "{name} == {value}", "not": "{name} != {value}"}
_KEPT_BREAK: Final = "\x01"
"""Stands for a line break of the author's own HTML, which may hold text that keeps its spaces, while ours is indented."""
ONLY: Final = "only"
"""The field of a fault that is about who sees a block."""
TESTS: Final = (("has", "is known"), ("lacks", "is not known"), ("is", "is"), ("not", "is not"))
"""How a block may depend on what is known of a reader."""


@dataclass(frozen=True, slots=True)
class Block:
    """One part of a letter.

    Attributes:
        id: unique in its letter, and kept when it moves.
        kind: name of a folder in ``emails/blocks``.
        values: by the names of the kind's fields.
        only: ``{"name", "test", "value"}``: who sees it; empty: everybody.
    """

    id: str
    kind: str
    values: Mapping[str, Any]
    only: Mapping[str, str]

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Block:
        """From its JSON."""
        return cls(stored["id"], stored["kind"], stored.get("values", {}), stored.get("only", {}))

    @property
    def stored(self) -> dict[str, Any]:
        """As JSON."""
        return {"id": self.id, "kind": self.kind, "values": dict(self.values)} | (
            {"only": dict(self.only)} if self.only else {}
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in a block: the field it is in, or empty."""

    block: str
    field: str
    severity: str
    message: str


@dataclass(frozen=True, slots=True)
class Source:
    """MJML with the lines that each block became: ``{id: (first, last)}``, counted from 1."""

    mjml: str
    lines: Mapping[str, tuple[int, int]]

    def block_at(self, line: int) -> str:
        """The id of the block that a line belongs to, or empty."""
        return next((key for key, (first, last) in self.lines.items() if first <= line <= last), "")


def write(blocks: Sequence[Block], *, marked: bool = True) -> Source:
    """The MJML of these blocks.

    Args:
        blocks: in their order; those of kinds that are gone are left out.
        marked: with a comment before each, by which a preview finds it.
    """
    out = ['<mjml dir="ltr">', "  <mj-head>", '    <mj-include path="head" />', "  </mj-head>"]
    out.append('  <mj-body width="600px" background-color="$page" css-class="page">')
    lines: dict[str, tuple[int, int]] = {}
    known = [(block, kind) for block in blocks if (kind := find_kind(block.kind)) is not None]
    for place, run in groupby(known, key=lambda pair: pair[1].place):
        parts = list(run)
        if place == "card":
            out.append(f'    <mj-wrapper mj-class="{"art" if _bleeds(*parts[0]) else "card"}">')
        for number, (block, kind) in enumerate(parts):
            first = len(out) + 1
            out += _one(block, kind, is_first=number == 0, marked=marked)
            lines[block.id] = (first, len(out))
        if place == "card":
            out.append("    </mj-wrapper>")
    return Source("\n".join([*out, "  </mj-body>", "</mjml>", ""]), lines)


def find_faults(blocks: Sequence[Block]) -> list[Fault]:
    """What is missing or does not fit in these blocks."""
    found: list[Fault] = []
    for block in blocks:
        kind = find_kind(block.kind)
        if kind is None:
            found.append(Fault(block.id, "", "error", "This kind of block is no longer here. Remove it."))
            continue
        for field in kind.fields:
            found += [Fault(block.id, *told) for told in _wrong(field, block.values, "")]
        if block.only and _condition(block.only) is None:
            found.append(
                Fault(block.id, ONLY, "error", "Say who sees this block, or show it to everybody.")
            )
        elif kind.is_for_some and not block.only:
            found.append(Fault(block.id, ONLY, "warning", "Everybody sees this block. Say below whom it is for."))
    return found


def problems_of(faults: Sequence[Fault], source: Source) -> list[Problem]:
    """The same as problems of the source, on the lines of their blocks."""
    return [Problem(source.lines.get(one.block, (1, 1))[0], 1, one.severity, one.message) for one in faults]


def summary_of(block: Block) -> str:
    """A few words of a block, for the list."""
    kind = find_kind(block.kind)
    if kind is None or not kind.summary:
        return ""
    first, _, rest = kind.summary.partition(".")
    found = block.values.get(first, "")
    many = found if isinstance(found, list) else [found]
    words = [one.get(rest, "") if isinstance(one, Mapping) else one for one in many]
    text = re.sub(r"<[^>]*>", " ", ", ".join(str(word) for word in words if word))
    return " ".join(text.replace("&nbsp;", " ").split())[:80]


def is_address(value: str) -> bool:
    """Whether a link may lead there: a web, mail or telephone address, or a merge tag."""
    return bool(LINK.fullmatch(value)) or value.startswith("{{")


def _one(block: Block, kind: Kind, *, is_first: bool, marked: bool) -> list[str]:
    shown = {field.name: _shown(field, block.values.get(field.name)) for field in kind.fields}
    if name := entries.field_of(kind.name):
        shown[name] = entries.shown(block.values.get(name), block.values.get("address"))
    body = kind.template.render(shown | {"first": is_first})
    mark = f"<!-- block {block.id} -->" if marked else ""
    condition = _condition(block.only) if block.only and kind.place == "card" else None
    begin = f"{{% if {condition} %}}" if condition else ""
    inner = [f"<mj-raw>{mark}{begin}</mj-raw>"] if mark or begin else []
    inner += [line for line in body.split("\n") if line.strip()]
    inner += ["<mj-raw>{% endif %}</mj-raw>"] if condition else []
    indent = "      " if kind.place == "card" else "    "
    return "\n".join(indent + line for line in inner).replace(_KEPT_BREAK, "\n").split("\n")


def _bleeds(block: Block, kind: Kind) -> bool:
    picture = block.values.get("picture")
    has_picture = not isinstance(picture, Mapping) or bool(picture.get("src"))
    return bool(kind.bleeds) and has_picture and all(block.values.get(k) == v for k, v in kind.bleeds.items())


def _condition(only: Mapping[str, str]) -> str | None:
    """What the merge language asks about a reader; None where it does not say enough."""
    name, test, value = only.get("name", ""), only.get("test", ""), only.get("value", "")
    if not _VARIABLE.fullmatch(name) or test not in _TESTS:
        return None
    if test in {"is", "not"} and (not value or any(mark in value for mark in ("{{", "}}", "{%", "%}", "\n"))):
        return None
    return _TESTS[test].format(name=name, value=json.dumps(value, ensure_ascii=False))


def _shown(field: Field, value: Any) -> Any:
    """A value as the template of its kind gets it: ready to stand in MJML."""
    match field.type:
        case "line" | "text":
            return _escaped(str(value or "")).replace("\n", "<br>")
        case "rich":
            return for_mail(str(value or ""))
        case "code":
            return str(value or "").replace("\n", _KEPT_BREAK)
        case "url":
            return _address(value)
        case "picture":
            told = value if isinstance(value, Mapping) else {}
            return {"src": _address(told.get("src")), "alt": _escaped(str(told.get("alt") or ""))}
        case "choice":
            return value if value in dict(field.choices) else field.choices[0][0]
        case "number":
            return min(max(value, field.least), field.most) if isinstance(value, int) else field.least
        case "check":
            return bool(value)
        case "who":
            # Who says too little means nobody, until they have said it.
            return (_condition(value) or "false") if value else "true"
        case _:
            items = value if isinstance(value, list) else []
            return [{part.name: _shown(part, item.get(part.name)) for part in field.fields} for item in items]


def _escaped(words: str) -> str:
    return outside_tags(words, escape)


def _address(value: Any) -> str:
    """Also one that leads nowhere: looking over the source finds it, and keeps the letter from being sent."""
    return _escaped(str(value or "").strip())


def _wrong(field: Field, values: Mapping[str, Any], within: str) -> list[tuple[str, str, str]]:
    """Field, severity and message of each fault."""
    value, place = values.get(field.name), f"{within}{field.name}"
    if field.type == "items":
        items = value if isinstance(value, list) else []
        return [
            *(
                one
                for number, item in enumerate(items)
                for part in field.fields
                for one in _wrong(part, item, f"{place}-{number}-")
            ),
            *_never_reached(field, items, place),
        ]
    if field.type == "who":
        is_whole = not value or _condition(value) is not None
        return [] if is_whole else [(place, "error", "Say who gets this one, or leave it to everybody.")]
    if field.type == "url":
        return _wrong_address(field, str(value or ""), place)
    if field.type == entries.TYPE:
        fault = entries.wrong(value, str(values["address"])) if values.get("address") else None
        return [(place, *fault)] if fault else []
    if field.type == "picture":
        told = value if isinstance(value, Mapping) else {}
        if told.get("src") and not is_address(str(told["src"])):
            return [(place, "error", "The address of a picture begins with https://.")]
        if not told.get("src") and not within:
            return [(place, "warning", "No picture is chosen yet.")]
        return []
    if field.is_required and not str(value or "").strip():
        return [(place, "warning", f"“{field.label}” is empty.")]
    return []


def _never_reached(field: Field, items: Sequence[Mapping[str, Any]], place: str) -> list[tuple[str, str, str]]:
    """Items of which each reader gets the first that is for them: those below one for everybody."""
    who = next((part.name for part in field.fields if part.type == "who"), "")
    if not who:
        return []
    first = next((number for number, item in enumerate(items) if not item.get(who)), len(items))
    words = f"Nobody gets this one: {field.label.lower()} {first + 1} is for everybody and stands above it."
    return [(f"{place}-{number}-{who}", "warning", words) for number in range(first + 1, len(items))]


def _wrong_address(field: Field, value: str, place: str) -> list[tuple[str, str, str]]:
    if value and not is_address(value):
        return [
            (
                place,
                "error",
                f"“{field.label}” must be an address that begins with https://, mailto: or tel:.",
            )
        ]
    if not value and field.is_required:
        return [(place, "warning", f"“{field.label}” is empty.")]
    return []
