"""A tree while somebody edits it: read from the inputs of a form, changed by its buttons, perhaps not whole yet.

An input is named after its part and its place: ``match-0`` is the outer group, ``field-0.1`` its second rule.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from app.kernel.segment_fields import SegmentField
from app.segments.operators import operators_of
from app.segments.rules import MAX_DEPTH, MAX_RULES

_NAME = re.compile(r"(match|field|op|value|times|days|of)-(0(?:\.[0-9]{1,3}){0,6})", re.ASCII)
_ACT = re.compile(r"(add|group|remove)-(0(?:\.[0-9]{1,3}){0,6})", re.ASCII)
_MOST: Final = 4 * MAX_RULES
Draft = dict[str, Any]


def empty() -> Draft:
    """A tree with one rule that is not chosen yet."""
    return {"match": "all", "rules": [{"field": "", "op": ""}]}


def read(form: Mapping[str, str]) -> Draft:
    """The tree that a form holds; what is none of its inputs is left alone."""
    places: dict[tuple[int, ...], dict[str, str]] = {}
    for name, value in form.items():
        found = _NAME.fullmatch(name)
        if found:
            places.setdefault(_place(found[2]), {})[found[1]] = value
    made: dict[tuple[int, ...], Draft] = {}
    for place in sorted(places)[:_MOST]:
        parts = places[place]
        node = {"match": parts["match"], "rules": []} if "match" in parts else _rule(parts)
        above = made.get(place[:-1])
        if above is not None and "rules" in above:
            above["rules"].append(node)
        if above is not None or len(place) == 1:
            made[place] = node
    root = made.get((0,))
    return root if root and "rules" in root else {"match": "all", "rules": []}


def _rule(parts: Mapping[str, str]) -> Draft:
    return {"field": parts.get("field", ""), "op": parts.get("op", "")} | {
        name: parts[name] for name in ("value", "times", "days", "of") if parts.get(name, "").strip()
    }


def _place(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def act(draft: Draft, wish: str) -> None:
    """Do what a button says: ``add-0`` puts a rule into a group, ``group-0`` a group, ``remove-0.1`` takes one out."""
    found = _ACT.fullmatch(wish)
    if not found:
        return
    verb, place = found[1], _place(found[2])
    above = _at(draft, place[:-1] if verb == "remove" else place)
    if above is None:
        return
    if verb == "remove" and place[-1] < len(above["rules"]):
        above["rules"].pop(place[-1])
    elif verb == "add":
        above["rules"].append({"field": "", "op": ""})
    elif verb == "group" and len(place) < MAX_DEPTH:
        above["rules"].append({"match": "any", "rules": [{"field": "", "op": ""}]})


def _at(draft: Draft, place: tuple[int, ...]) -> Draft | None:
    """The group at a place."""
    found: Draft = draft
    if not place:
        return None
    for number in place[1:]:
        if number >= len(found.get("rules", ())):
            return None
        found = found["rules"][number]
    return found if "rules" in found else None


def is_group(draft: Draft, place: str) -> bool:
    """Whether a group stands at a place, and not a rule."""
    return _at(draft, _place(place)) is not None


def settle(draft: Draft, fields: Mapping[str, SegmentField]) -> None:
    """Let each rule compare in a way that its field knows: after another field was chosen, its first one."""
    for part in draft["rules"]:
        if "rules" in part:
            settle(part, fields)
        elif part["field"] in fields:
            operators = operators_of(fields[part["field"]])
            if part["op"] not in {found.name for found in operators}:
                part["op"] = operators[0].name


def is_unwritten(draft: Draft) -> bool:
    """Whether nothing has been chosen yet."""
    return all(is_unwritten(part) if "rules" in part else not part["field"] for part in draft["rules"])
