"""The text part of a mail, made from its HTML: paragraphs, headings, lists, and every link with its address."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

from app.content.compiler import MERGE_WORD
from app.content.mjml import Guarded

_BLOCKS: Final = frozenset(
    {
        "address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt", "figcaption",
        "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol",
        "p", "pre", "section", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
    }
)  # fmt: skip
_SILENT: Final = frozenset(["head", "noscript", "script", "style", "svg", "template", "title"])
_EMPTY: Final = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
_HIDDEN = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all|visibility\s*:\s*hidden", re.IGNORECASE)
_BLANKS = re.compile(r"\s+")
_SPACES = re.compile(r"[^\S\n]+")
_OPENERS = re.compile(r"\{(?=[{%#])")
_ONLY_TAGS = re.compile(r"(?:\{%(?:(?!%\}).)*%\}|\s)+", re.DOTALL)
_LINK = re.compile("\x02([^\x01\x02]*)\x01([^\x01\x02]*)\x02")
_MARKS = re.compile("[\x01\x02]")
_UNDERLINE: Final = {"h1": "=", "h2": "-"}
_LONGEST_LINE: Final = 60


def to_text(html: str) -> str:
    """Text of an HTML mail that may hold merge tags; tags stay, so the text is a template as the HTML is.

    What nobody sees is left out: comments, styles, the hidden preheader. Pictures speak by their alt text
    inside links only. A link alone in its paragraph stands on a line of its own, others follow their words.
    """
    guarded = Guarded(html)
    reader = _Reader()
    reader.feed(guarded.text)
    reader.close()
    paragraphs = [guarded.back(part) for part in reader.paragraphs()]
    text = before = ""
    for paragraph in paragraphs:
        text += _joint(before, paragraph) + paragraph
        before = paragraph
    return text.strip() + "\n"


def _joint(before: str, after: str) -> str:
    if not before or _ONLY_TAGS.fullmatch(after):
        return ""  # a control tag alone adds no empty lines of its own
    return "\n" if before.startswith("- ") and after.startswith("- ") else "\n\n"


class _Reader(HTMLParser):
    """Collects paragraphs; merge tags are opaque words by now."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._done: list[str] = []
        self._line: list[str] = []
        self._links: list[tuple[str, int]] = []
        self._silent: list[str] = []
        self._headings: list[str] = []

    def updatepos(self, i: int, j: int) -> int:  # noqa: ARG002
        """Lines are not counted: nobody asks where something stood."""
        return j

    def paragraphs(self) -> list[str]:
        """What was read so far."""
        self._end()
        return self._done

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        values = {name: value or "" for name, value in attrs}
        if self._silent or tag in _SILENT or _HIDDEN.search(values.get("style", "")) or "hidden" in values:
            if tag not in _EMPTY:
                self._silent.append(tag)
            return
        if tag in _BLOCKS:
            self._end()
            self._open_block(tag)
        elif tag == "br":
            self._line.append("\n")
        elif tag == "a":
            self._links.append((values.get("href", "").strip(), len(self._line)))
        elif tag == "img" and self._links:
            self._line.append(_written(values.get("alt", "")))

    def _open_block(self, tag: str) -> None:
        if tag == "li":
            self._line.append("- ")
        elif tag == "hr":
            self._done.append("---")
        elif tag in _UNDERLINE:
            self._headings.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close an element, and with a silent one what stands open inside it."""
        if self._silent:
            if tag in self._silent:
                while self._silent.pop() != tag:
                    pass
            return
        if tag == "a" and self._links:
            self._close_link(*self._links.pop())
        elif tag in _BLOCKS:
            self._end(_UNDERLINE.get(tag, ""))

    def _close_link(self, href: str, start: int) -> None:
        words = _MARKS.sub("", "".join(self._line[start:])).strip()
        del self._line[start:]
        if not href or href.startswith("#"):
            self._line.append(words)
        else:
            self._line.append(f"\x02{words}\x01{_written(href)}\x02")

    def handle_data(self, data: str) -> None:
        """Text, with its white space folded."""
        if not self._silent:
            self._line.append(_written(_BLANKS.sub(" ", _MARKS.sub("", data))))

    def _end(self, underline: str = "") -> None:
        for href, start in reversed(self._links):  # a link around blocks is closed with the first of them
            self._close_link(href, start)
        self._links = []
        text = "".join(self._line)
        self._line = []
        if not text or text.isspace():  # as between most of the tables that a mail is made of
            return
        text = _with_addresses(text)
        lines = [_SPACES.sub(" ", line).strip() for line in text.split("\n")]
        whole = "\n".join(lines).strip()
        if not whole or whole == "-":
            return
        if underline:
            whole += "\n" + underline * min(max(map(len, whole.split("\n"))), _LONGEST_LINE)
        self._done.append(whole)


def _with_addresses(text: str) -> str:
    text = text.replace("\x02\x02", "\x02\n\x02")  # two links without a space between them
    joint = ":\n" if _LINK.fullmatch(text.strip()) else ": "

    def link(found: re.Match[str]) -> str:
        words, href = found[1], found[2]
        runs_on = text[found.end() : found.end() + 1].isalnum() and not MERGE_WORD.match(text, found.end())
        after = " " if runs_on else ""
        return (href if not words or words == href else f"{words}{joint}{href}") + after

    return _LINK.sub(link, text)


def _written(text: str) -> str:
    """Text in which nothing reads as a merge tag that the author did not write as one."""
    return _OPENERS.sub("{{ '{' }}", text)
