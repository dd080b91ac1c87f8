"""Kinds of blocks. Each is a folder in ``emails/blocks``; a new one is a new folder and nothing else.

``block.mjml`` is what it becomes: sections of MJML, in which ``[[ field ]]`` and ``[% if field %]`` name its fields.
``fields.json`` says what it is called, where it stands and what may be filled in; ``sample.json`` what it begins with;
``icon.svg`` how it is drawn in the list.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from app.content.mjml import EMAILS

FOLDER: Final = EMAILS / "blocks"
LONGEST: Final = {"line": 400, "text": 5_000, "rich": 60_000, "code": 60_000, "url": 2_000}
"""Characters that a field of each type may hold."""

_environment = Environment(
    block_start_string="[%",
    block_end_string="%]",
    variable_start_string="[[",
    variable_end_string="]]",
    comment_start_string="[#",
    comment_end_string="#]",
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701  values arrive escaped (``writing``), and what is written is checked like any source
    trim_blocks=False,
)


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that may be filled in.

    Attributes:
        type: line, text, rich, code, url, picture, choice, number, check, who (gets one of several items), items, or entries (of the feed at the field
            ``address``, as many as ``count``).
        has_tags: names of readers may be put in.
        choices: value and label of each.
        least: smallest number, or fewest items.
        most: largest number, or most items.
        fields: what one item holds.
    """

    name: str
    label: str
    type: str
    hint: str = ""
    is_required: bool = False
    has_tags: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    least: int = 0
    most: int = 0
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of block.

    Attributes:
        says: what it is for, in one sentence.
        group: heading in the menu that adds blocks.
        place: ``card``: on the letter's paper; ``page``: above or below it.
        summary: the field whose words stand in the list, with a dot for one within.
        bleeds: values with which it reaches the upper edge of the paper.
        only_in: the purpose of the letters that it is offered for; empty: all.
        is_for_some: it makes sense only where somebody says who sees it.
    """

    name: str
    title: str
    says: str
    group: str
    place: str
    summary: str
    bleeds: Mapping[str, str]
    only_in: str
    is_for_some: bool
    fields: tuple[Field, ...]
    sample: Mapping[str, Any]
    icon: Markup
    template: Template


@cache
def kinds() -> Mapping[str, Kind]:
    """All kinds by name, in the order of the menu."""
    found = [_read(path.parent) for path in FOLDER.glob("*/fields.json")]
    return {kind.name: kind for _, kind in sorted(found, key=lambda one: (one[0], one[1].name))}


def find_kind(name: str) -> Kind | None:
    """A kind by the name of its folder."""
    return kinds().get(name)


def _read(folder: Path) -> tuple[int, Kind]:
    told = json.loads((folder / "fields.json").read_text(encoding="utf-8"))
    kind = Kind(
        name=folder.name,
        title=told["title"],
        says=told["says"],
        group=told["group"],
        place=told["place"],
        summary=told["summary"],
        bleeds=told.get("bleeds", {}),
        only_in=told.get("only_in", ""),
        is_for_some=told.get("for_some", False),
        fields=tuple(map(_field, told["fields"])),
        sample=json.loads((folder / "sample.json").read_text(encoding="utf-8")),
        icon=Markup((folder / "icon.svg").read_text(encoding="utf-8")),  # noqa: S704  a file of ours
        template=_environment.from_string((folder / "block.mjml").read_text(encoding="utf-8").rstrip("\n")),
    )
    return told["order"], kind


def _field(told: Mapping[str, Any]) -> Field:
    return Field(
        name=told["name"],
        label=told["label"],
        type=told["type"],
        hint=told.get("hint", ""),
        is_required=told.get("required", False),
        has_tags=told.get("tags", False),
        choices=tuple(told.get("choices", {}).items()),
        least=told.get("least", 0),
        most=told.get("most", 0),
        fields=tuple(map(_field, told.get("fields", ()))),
    )
