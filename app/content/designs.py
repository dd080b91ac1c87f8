"""Starter designs: what a new letter begins with. Each is a folder in ``emails/newsletters``."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from app.content.merge import prepare
from app.content.mjml import EMAILS, tag_spans
from app.content.variables import NEWSLETTER, STARTER, names, samples
from app.kernel.errors import NotFound

_WORDS: Final = {
    "announcement": ("Announcement", "One piece of news with a large picture and one button."),
    "digest": ("Digest", "Several stories, each with a picture, a few words and a link."),
    "plain-letter": ("Plain letter", "Only words, as one person writes to another."),
    "event": ("Event", "When, where, how much, and one button to come."),
    "offer": ("Offer", "A price, the price before, and until when."),
    "product": ("Product", "One product with its story."),
    "re-permission": ("Ask again", "Asks whether people still want your letters."),
    "reorder-reminder": ("Order again", "Reminds of what is used up soon."),
    "survey": ("One question", "A question that is answered with one press."),
    "welcome-series": ("Welcome, part 1", "The first of several letters to somebody new."),
    "win-back": ("Come back", "For people who have been quiet for long."),
}
OFFERED_FIRST: Final = ("announcement", "digest", "plain-letter")
_PICTURE = re.compile(r"https://media\.ostkai\.example/([a-z-]+\.png)")
_HEAD_LINE = re.compile(r"[ \t]*<mj-(title|preview)>(.*?)</mj-\1>\n", re.DOTALL)
_NAME = re.compile(r"\{\{\s*([a-z_]+(?:\.[a-z_]+)*)")


@dataclass(frozen=True, slots=True)
class Design:
    """A design to begin with.

    Attributes:
        name: folder name.
        title: what people call it.
        says: what it is for, in one sentence.
        is_first: one of the three that are offered first.
    """

    name: str
    title: str
    says: str
    is_first: bool


@dataclass(frozen=True, slots=True)
class Filled:
    """A design with example words, ready to be written over."""

    subject: str
    preheader: str
    source: str


def list_designs() -> list[Design]:
    """All designs, the three that most letters begin with first."""
    folder = EMAILS / "newsletters"
    found = sorted(path.parent.name for path in folder.glob("*/mail.mjml"))
    ordered = [*OFFERED_FIRST, *(name for name in found if name not in OFFERED_FIRST)]
    return [Design(name, *_words(name), is_first=name in OFFERED_FIRST) for name in ordered]


def fill(name: str, picture_url: Callable[[str], str], language: str = "en") -> Filled:
    """A design with examples in place of what is not known about any reader.

    Args:
        name: of the design.
        picture_url: gives a file of ``emails/img`` an address of its own.
        language: of the letter; the example words stay English.

    Raises:
        NotFound: there is no such design.
    """
    if name not in {design.name for design in list_designs()}:
        raise NotFound("This design is not here.")
    source = _example(name)
    source = _PICTURE.sub(lambda found: picture_url(found[1]), source)
    held = {found[1]: html.unescape(" ".join(found[2].split())) for found in _HEAD_LINE.finditer(source)}
    source = _HEAD_LINE.sub("", source).replace('<mjml lang="en"', f'<mjml lang="{language}"', 1)
    return Filled(held.get("title", ""), held.get("preview", ""), source)


def picture_file(name: str) -> Path:
    """The file of a picture that designs show."""
    return EMAILS / "img" / name


@cache
def _example(name: str) -> str:
    """The source in which tags about readers stay, and all others are filled with samples."""
    source = (EMAILS / "newsletters" / name / "mail.mjml").read_text(encoding="utf-8")
    kept: list[str] = []
    pieces, end = [], 0
    for start, stop in tag_spans(source):
        tag = source[start:stop]
        pieces.append(source[end:start])
        if _is_about_readers(tag):
            pieces.append(f"nodkept{len(kept)}z")
            kept.append(tag)
        else:
            pieces.append(tag)
        end = stop
    opened = "".join([*pieces, source[end:]])
    filled = prepare(opened, "html", STARTER).render(samples(STARTER))
    return re.sub(r"nodkept(\d+)z", lambda found: kept[int(found[1])], filled)


def _is_about_readers(tag: str) -> bool:
    found = _NAME.match(tag)
    return found is not None and found[1] in names(NEWSLETTER)


def _words(name: str) -> tuple[str, str]:
    known: Any = _WORDS.get(name)
    return known or (name.replace("-", " ").capitalize(), "")
