"""Rich text: a few elements of HTML, whatever was pasted; merge tags in it stay as they were written."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Final

import nh3

from app.content.merge import LINK
from app.content.mjml import tag_spans

_ELEMENTS: Final = {"p", "br", "strong", "em", "s", "a", "ul", "ol", "li"}
_SAME: Final = {"b": "strong", "i": "em", "strike": "s", "del": "s", "div": "p"}
_OPENING = re.compile(r"<(/?)(b|i|strike|del|div)(?=[\s>/])", re.IGNORECASE)
_WORD = re.compile(r"nodrich(\d+)z")
_TAG = re.compile(r"(</?[a-z][^>]*>)")
_MAY_BE_EMPTY: Final = {f"<{name}>" for name in ("p", "strong", "em", "s", "li", "ul", "ol")}
_BLANK = re.compile(r"(?:\s|&nbsp;|\u00a0)*|<br>")
_PARAGRAPH = re.compile(r"</p>\s*<p>")


def clean(html: str) -> str:
    """The text with nothing but paragraphs, line breaks, bold, italic and struck words, links and lists."""
    words, tags = _without_tags(html)
    plain = _OPENING.sub(lambda found: f"<{found[1]}{_SAME[found[2].lower()]}", words)
    cleaned = nh3.clean(
        plain,
        tags=_ELEMENTS,
        clean_content_tags={"script", "style", "title"},
        attributes={"a": {"href"}},
        attribute_filter=lambda _element, _name, value: value if _is_address(value, tags) else None,
        link_rel=None,
    )
    return _WORD.sub(lambda found: tags[int(found[1])], _without_empty(cleaned)).strip()


def for_mail(html: str) -> str:
    """Clean text as inboxes show it alike: paragraphs that keep a line between them, without margins of their own."""
    flat = _PARAGRAPH.sub("<br><br>", html).replace("<p>", "").replace("</p>", "<br>").removesuffix("<br>")
    return outside_tags(flat, lambda words: words, unescape)


def outside_tags(source: str, words: Callable[[str], str], tag: Callable[[str], str] = str) -> str:
    """The source with each stretch between merge tags changed by one function, and each tag by another."""
    pieces, end = [], 0
    for start, stop in tag_spans(source):
        pieces += [words(source[end:start]), tag(source[start:stop])]
        end = stop
    return "".join([*pieces, words(source[end:])])


def _without_empty(html: str) -> str:
    """Clean HTML without elements that hold nothing, in one pass: thousands of them may stand in each other."""
    pieces: list[str] = []
    opened: list[int] = []  # places of elements that hold nothing so far, each in the one before
    for piece in _TAG.split(html):
        if piece in _MAY_BE_EMPTY:
            opened.append(len(pieces))
        elif opened and piece == pieces[opened[-1]].replace("<", "</"):
            del pieces[opened.pop() :]
            continue
        elif not _BLANK.fullmatch(piece):
            opened.clear()
        pieces.append(piece)
    return "".join(pieces)


def _without_tags(html: str) -> tuple[str, list[str]]:
    html = _WORD.sub("", html)
    pieces: list[str] = []
    tags: list[str] = []
    end = 0
    for start, stop in tag_spans(html):
        pieces += [html[end:start], f"nodrich{len(tags)}z"]
        tags.append(html[start:stop])
        end = stop
    return "".join([*pieces, html[end:]]), tags


def _is_address(value: str, tags: list[str]) -> bool:
    found = _WORD.match(value)
    return bool(LINK.fullmatch(value)) or (found is not None and int(found[1]) < len(tags))
