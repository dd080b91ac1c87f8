"""From the inputs of a block's form to its values. Whatever fits is kept; nothing here is judged."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.content.blocks.kinds import LONGEST, Field
from app.content.blocks.rich import clean
from app.kernel.errors import BadInput

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
ROOT = "v"
_BLANKS: Mapping[str, Any] = {"picture": {"src": "", "alt": ""}, "who": {}}
"""Names of inputs: ``v-text``; in items ``v-parts-0-title``, with ``v-parts-0`` saying that the item is there."""


def read(fields: Sequence[Field], form: Mapping[str, str], prefix: str = ROOT) -> dict[str, Any]:
    """The values that a form was posted with.

    Raises:
        BadInput: longer than can be kept, or a character that cannot be kept.
    """
    return {field.name: _value(field, form, f"{prefix}-{field.name}") for field in fields}


def blank(field: Field) -> dict[str, Any]:
    """An item of a list before anything is filled in."""
    return {part.name: _BLANKS.get(part.type, "") for part in field.fields}


def read_rule(form: Mapping[str, str], name: str) -> dict[str, str]:
    """Whom something is for, as three inputs say it (``writing.Block.only``); empty: everybody."""
    if not form.get(f"{name}-name"):
        return {}
    value = " ".join(_words(form, f"{name}-value", 200).split())
    return {"name": form[f"{name}-name"][:80], "test": form.get(f"{name}-test", "")[:10], "value": value}


def _value(field: Field, form: Mapping[str, str], name: str) -> Any:
    match field.type:
        case "items":
            numbers = range(field.most)
            return [read(field.fields, form, f"{name}-{n}") for n in numbers if f"{name}-{n}" in form]
        case "picture":
            return {
                "src": _words(form, f"{name}-src", LONGEST["url"]).strip(),
                "alt": " ".join(_words(form, f"{name}-alt", LONGEST["line"]).split()),
            }
        case "number":
            raw = form.get(name, "").strip()
            number = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 6 else field.least
            return min(max(number, field.least), field.most)
        case "check":
            return name in form
        case "entries":
            return {}
        case "who":
            return read_rule(form, name)
        case "choice":
            return form.get(name) if form.get(name) in dict(field.choices) else field.choices[0][0]
        case _:
            return _told(field.type, _words(form, name, LONGEST[field.type]))


def _told(kind: str, words: str) -> str:
    match kind:
        case "rich":
            return clean(words)
        case "url":
            return words.strip()
        case "line":
            return " ".join(words.split())
        case _:
            return words.replace("\r\n", "\n").replace("\r", "\n")


def _words(form: Mapping[str, str], name: str, longest: int) -> str:
    words = form.get(name, "")
    if len(words) > longest:
        raise BadInput(fields={name: f"Keep this to {longest:,} characters."})
    if _CONTROL.search(words) or any("\ud800" <= letter <= "\udfff" for letter in words):
        raise BadInput(fields={name: "This holds a character that cannot be kept. Delete it."})
    return words
