"""What to look at before a letter goes out: errors keep it from being sent, warnings do not."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urlsplit

from app.content.compiler import MERGE_WORD
from app.content.inboxes import Ground, colour_faults, css_faults, element_faults, ground_of, style_faults
from app.content.mjml import Guarded, Problem

GMAIL_CLIPS_OCTETS: Final = 102 * 1024
LONGEST_SUBJECT: Final = 70

_RUNS: Final = frozenset({"script", "iframe", "object", "embed", "applet", "form", "base"})
_SPACE = re.compile(r"(?:&nbsp;|&#160;|\s)+")
_RELATIVE = re.compile(r"(?!https?:|data:image/|cid:|nodtag|\s*$)", re.IGNORECASE)
_NO_LINK = re.compile(
    r"(?!https?://|mailto:|tel:|sms:|nodtag|#|(?:javascript|vbscript|data|file):|//)", re.IGNORECASE
)
"""What leads nowhere in a mail; those that could do harm the compiler's process has told already."""
_EXAMPLE_HOSTS: Final = (".example", "example.com", "example.org", "example.net")
_VOID: Final = frozenset({"mj-image", "img"})
_EMPTY: Final = frozenset({"br", "hr", "img", "meta", "link", "input", "col", "source", "wbr"})
"""Elements that never end."""
_STYLES: Final = frozenset({"style", "mj-style"})


def lint_source(source: str) -> list[Problem]:
    """Faults of an MJML source that a compiler does not see, each on the author's line."""
    guarded = Guarded(source)
    reader = _Reader()
    reader.feed(guarded.text)
    reader.close()
    return [
        guarded.problem({"line": line, "column": column, "severity": severity, "message": message})
        for line, column, severity, message in reader.found
    ]


def lint_subject(subject: str, preheader: str) -> list[Problem]:
    """Faults of the two lines that an inbox shows."""
    found = []
    if not subject.strip():
        found.append(Problem(1, 1, "error", "Write a subject.", "subject"))
    elif len(subject) > LONGEST_SUBJECT:
        found.append(
            Problem(1, 1, "warning", f"Inboxes cut a subject after {LONGEST_SUBJECT} characters.", "subject")
        )
    letters = [letter for letter in subject if letter.isalpha()]
    if len(letters) > 8 and all(letter.isupper() for letter in letters):
        found.append(Problem(1, 1, "warning", "A subject in capitals looks like spam.", "subject"))
    if not preheader.strip():
        message = "Without a preview line inboxes show the first words of the letter."
        found.append(Problem(1, 1, "warning", message, "preheader"))
    return found


def lint_size(html: str) -> list[Problem]:
    """Whether Gmail would show all of it."""
    octets = len(html.encode())
    if octets <= GMAIL_CLIPS_OCTETS:
        return []
    message = f"The mail is {octets // 1024} KB. Gmail cuts it at 102 KB, and the way to leave with it."
    return [Problem(1, 1, "warning", message)]


class _Reader(HTMLParser):
    """Looks at pictures, links and what must not be in a mail; merge tags are opaque words by now."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[tuple[int, int, str, str]] = []
        self._open: list[tuple[str, int, int]] = []
        self._words = False
        self._grounds: list[tuple[str, Ground]] = []
        self._depths: Counter[str] = Counter()
        self._styles = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at an element."""
        values = {name: value or "" for name, value in attrs}
        line, column = self.getpos()
        self._look(tag, values)
        self._look_as_inboxes_do(tag, values)
        self._styles += tag in _STYLES
        if tag in _VOID:
            self._look_at_picture(tag, values)
        elif tag == "mj-button" or (tag == "a" and "href" in values):
            self._look_at_address(tag, values)
            self._open.append((tag, line, column + 1))
            self._words = False

    def _look(self, tag: str, values: dict[str, str]) -> None:
        if tag in _RUNS or any(name.startswith("on") for name in values):
            self._say("error", f"<{tag}> with a script or a form never works in a mail. Delete it.")
        elif tag == "meta" and values.get("http-equiv", "").lower() == "refresh":
            self._say("error", "A mail cannot send its reader elsewhere. Delete this.")

    def _look_as_inboxes_do(self, tag: str, values: dict[str, str]) -> None:
        around = self._grounds[-1][1] if self._grounds else Ground()
        inside = ground_of(tag, values, around)
        for message in (
            *element_faults(tag, values), *style_faults(values.get("style", "")), *colour_faults(tag, values, around, inside)
        ):  # fmt: skip
            self._say("warning", message)
        if tag not in _EMPTY:
            self._grounds.append((tag, inside))
            self._depths[tag] += 1

    def _look_at_picture(self, tag: str, values: dict[str, str]) -> None:
        if "alt" not in values:
            message = (
                'This picture needs alt="…": what those read who do not see it. alt="" for mere decoration.'
            )
            self._say("warning", message)
        elif values["alt"].strip():
            self._words = True
        if _RELATIVE.match(values.get("src", "")):
            self._say("error", "The src of a picture must begin with https://.")
        elif not values.get("src"):
            self._say("warning", "This picture has no src.")
        elif tag == "mj-image" and values.get("href"):
            self._look_at_address(tag, values)

    def _look_at_address(self, tag: str, values: dict[str, str]) -> None:
        href = values.get("href", "").strip()
        if not href or href == "#":
            self._say("warning", f"This {_called(tag)} leads nowhere: it has no href.")
        elif _NO_LINK.match(href):
            self._say(
                "error", f"The address of this {_called(tag)} must begin with https://, mailto: or tel:."
            )
        elif MERGE_WORD.match(href) is None and _is_example(href):
            self._say("warning", f"This {_called(tag)} still leads to an example.")

    def handle_endtag(self, tag: str) -> None:
        """A link or a button ends: has it said anything?"""
        self._styles -= tag in _STYLES and self._styles > 0
        while self._depths[tag]:
            name, _ = self._grounds.pop()
            self._depths[name] -= 1
            if name == tag:
                break
        if self._open and self._open[-1][0] == tag:
            _, line, column = self._open.pop()
            if not self._words:
                message = f"This {_called(tag)} has no words. Readers who listen to it hear only its address."
                self.found.append((line, column, "warning", message))

    def handle_data(self, data: str) -> None:
        """Words of a link, or styles."""
        if self._styles:
            line, _ = self.getpos()
            self.found += [(line + data.count("\n", 0, at), 1, "warning", message) for at, message in css_faults(data)]
        if _SPACE.sub("", data):
            self._words = True

    def handle_entityref(self, name: str) -> None:
        """An entity is a word, unless it is a space."""
        self._words = self._words or name != "nbsp"

    def handle_charref(self, name: str) -> None:
        """So is a number."""
        self._words = self._words or name not in {"160", "xa0"}

    def _say(self, severity: str, message: str) -> None:
        line, column = self.getpos()
        self.found.append((line, column + 1, severity, message))


def _called(tag: str) -> str:
    return {"mj-button": "button", "mj-image": "picture"}.get(tag, "link")


def _is_example(href: str) -> bool:
    try:
        host = urlsplit(href).hostname or ""
    except ValueError:
        return False
    return host.endswith(_EXAMPLE_HOSTS)
