"""Starter designs: what a new letter begins with. Each is a folder in ``emails/newsletters``.

``design.json`` says what it is called and holds its blocks with example words; one without blocks has a ``mail.mjml`` and
is written as code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from app.content.blocks.writing import Block, write
from app.content.mjml import EMAILS
from app.kernel.errors import NotFound

FOLDER: Final = EMAILS / "newsletters"
OFFERED_FIRST: Final = ("blank", "announcement", "digest", "plain-letter")
_PICTURE = re.compile(r"https://media\.ostkai\.example/([a-z-]+\.png)")


@dataclass(frozen=True, slots=True)
class Design:
    """A design to begin with.

    Attributes:
        name: folder name.
        title: what people call it.
        says: what it is for, in one sentence.
        is_first: one of those that are offered first.
    """

    name: str
    title: str
    says: str
    is_first: bool


@dataclass(frozen=True, slots=True)
class Filled:
    """A design with example words, ready to be written over; ``blocks`` is None where it is written as code."""

    subject: str
    preheader: str
    source: str
    blocks: tuple[Block, ...] | None


def list_designs() -> list[Design]:
    """The designs of campaigns in the order in which they are offered."""
    return [
        Design(name, told["title"], told["says"], is_first=name in OFFERED_FIRST)
        for name, told in _all().items()
        if "purpose" not in told
    ]


def fill(name: str, picture_url: Callable[[str], str]) -> Filled:
    """What a letter with this design begins with; the example words are English.

    Args:
        name: of the design.
        picture_url: gives a file of ``emails/img`` an address of its own.

    Raises:
        NotFound: there is no such design.
    """
    told = _all().get(name)
    if told is None:
        raise NotFound("This design is not here.")
    if "blocks" not in told:
        source = (FOLDER / name / "mail.mjml").read_text(encoding="utf-8")
        return Filled(told["subject"], told["preheader"], source, None)
    own = json.loads(_PICTURE.sub(lambda found: picture_url(found[1]), json.dumps(told["blocks"])))
    blocks = tuple(
        Block(f"b{number}", one["kind"], one["values"], {}) for number, one in enumerate(own, start=1)
    )
    return Filled(told["subject"], told["preheader"], write(blocks).mjml, blocks)


def picture_file(name: str) -> Path:
    """The file of a picture that designs show."""
    return EMAILS / "img" / name


@cache
def _all() -> Mapping[str, dict[str, Any]]:
    found = [
        (path.parent.name, json.loads(path.read_text(encoding="utf-8")))
        for path in FOLDER.glob("*/design.json")
    ]
    return dict(sorted(found, key=lambda one: (one[1]["order"], one[0])))
