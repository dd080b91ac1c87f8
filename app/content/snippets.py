"""Snippets: words of a workspace that stand in many letters, written once as ``{{ snippet.opening_hours }}``.

Pure. They are put into a letter when it is compiled, before anything else is done with it: links, sizes, checks and
frozen versions know only what came of them, so a version keeps the words of its day. In HTML a snippet is rich text;
in a text part, a subject, an attribute or a comment it is its plain words. It may name readers, and no other snippet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from app.content.blocks.rich import for_mail, outside_tags
from app.content.compiler import MERGE_WORD
from app.content.markup import COMMENT, FLAGS, RAW, TAG
from app.content.mjml import Guarded, tag_spans
from app.content.plaintext import to_text
from app.content.variables import Kind, Variable

ROOT: Final = "snippet"
LONGEST: Final = 10_000
"""Characters of one."""
GROWTH: Final = 256 * 1024
"""Characters that snippets may add to one letter."""

_NAMED = re.compile(rf"\b{ROOT}\s*\.\s*([a-z][a-z0-9_]*)")
_TAG = re.compile(rf"\{{\{{[-+]?[\s(]*{ROOT}\s*\.\s*([a-z][a-z0-9_]*)[\s)]*[-+]?\}}\}}")
_HEAD = re.compile(r"(<mj-(title|preview)\b[^<>]*>)(.*?)(</mj-\2\s*>)", re.DOTALL | re.IGNORECASE)
_BLANKS = re.compile(r"[ \t\r\n]+")
_ENDS = re.compile(r"[\r\n]")
_LINK = re.compile(r"""</?a\b(?:[^<>"]|"[^"]*")*>""")
# Where HTML would not be read as HTML: comments, what is no text, and the inside of a tag.
_PLAIN_PLACE = re.compile(rf"{COMMENT}|{RAW}|{TAG}", FLAGS)


@dataclass(frozen=True, slots=True)
class Words:
    """What a snippet says.

    Attributes:
        name: for the people who work here.
        body: clean rich text with merge tags; empty where nobody has asked for it yet.
        is_archived: it is not offered any more, and works where it stands.
    """

    name: str
    body: str = ""
    is_archived: bool = False

    @property
    def html(self) -> str:
        """As it stands in HTML, in one line."""
        return _in_one_line(for_mail(self.body))

    @property
    def text(self) -> str:
        """As it stands in a text part."""
        return to_text(self.html).strip()

    @property
    def line(self) -> str:
        """As it stands in a subject: one line, and no addresses of links."""
        guarded = Guarded(self.html)
        return _in_one_line(to_text(guarded.back(_LINK.sub("", guarded.text))))

    @property
    def attribute(self) -> str:
        """As it stands in an attribute, a title or a comment."""
        return outside_tags(self.line, escape)


def named_in(*sources: str) -> set[str]:
    """The keys that these sources name, known or not."""
    return {key for source in sources for key in _NAMED.findall(source)}


def variables(known: Mapping[str, Words]) -> list[Variable]:
    """What merge tags may name."""
    return [Variable(f"{ROOT}.{key}", Kind.SNIPPET, "", words.name) for key, words in known.items()]


def offered(known: Mapping[str, Words]) -> dict[str, Words]:
    """Those that a writer may choose from."""
    return {key: words for key, words in known.items() if not words.is_archived}


def of_needs(needs: Mapping[str, Any]) -> dict[str, Words]:
    """Those that a version was made with."""
    return {key: Words(key, body) for key, body in needs.get(f"{ROOT}s", {}).items()}


class Writing:
    """Puts snippets into the parts of one letter."""

    def __init__(self, known: Mapping[str, Words]) -> None:
        self._known = known
        self._made: dict[tuple[str, str], str] = {}

    def in_line(self, line: str) -> str:
        """A subject or a preview line with its snippets."""
        return self._put(line, "line") if ROOT in line else line

    def in_text(self, text: str) -> str:
        """A text part with its snippets."""
        return self._put(text, "text") if ROOT in text else text

    def in_head(self, source: str) -> str:
        """A source whose title and preview have theirs as plain words; no line moves."""
        if ROOT not in source:
            return source

        def plain(found: re.Match[str]) -> str:
            words = self._put(found[3], "attribute")
            lines = "\n" * (found[3].count("\n") - words.count("\n"))
            return f"{found[1]}{words}{lines}{found[4]}"

        return _HEAD.sub(plain, source)

    def in_page(self, html: str) -> str:
        """A compiled page with its snippets, each as it fits where it stands."""
        if ROOT not in html:
            return html
        guarded = Guarded(html)

        def tag(way: str) -> Callable[[re.Match[str]], str]:
            return lambda found: self._one(guarded.back(found[0]), way)

        pieces, end = [], 0
        for place in _PLAIN_PLACE.finditer(guarded.text):
            pieces.append(MERGE_WORD.sub(tag("html"), guarded.text[end : place.start()]))
            pieces.append(MERGE_WORD.sub(tag("attribute"), place[0]))
            end = place.end()
        return "".join([*pieces, MERGE_WORD.sub(tag("html"), guarded.text[end:])])

    def growth(self, *sources: str) -> int:
        """How many characters snippets would add to sources in which they stand, at most."""
        named = (key for source in sources for key in _NAMED.findall(source))
        return sum(self._heaviest(key) for key in named)

    def _heaviest(self, key: str) -> int:
        return max(len(self._as(key, way)) for way in ("html", "text", "attribute")) if key in self._known else 0

    def _put(self, source: str, way: str) -> str:
        pieces, end = [], 0
        for start, stop in tag_spans(source):
            pieces += [source[end:start], self._one(source[start:stop], way)]
            end = stop
        return "".join([*pieces, source[end:]])

    def _one(self, tag: str, way: str) -> str:
        found = _TAG.fullmatch(tag)
        return self._as(found[1], way) if found and found[1] in self._known else tag

    def _as(self, key: str, way: str) -> str:
        if (key, way) not in self._made:
            self._made[key, way] = getattr(self._known[key], way)
        return self._made[key, way]


def _in_one_line(text: str) -> str:
    return outside_tags(text, lambda words: _BLANKS.sub(" ", words), lambda tag: _ENDS.sub(" ", tag)).strip()
