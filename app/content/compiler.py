"""The MJML compiler as a program of `app.content.limited`, in a process of its own.

It imports nothing but the standard library and mjml. It is asked ``{"source": ...}``, in which each merge tag is an
opaque word, and answers ``{"html": ..., "problems": [{"line", "column", "severity", "message"}]}``. Whatever goes wrong
inside becomes a problem with a line.
"""

from __future__ import annotations

import functools
import re
import traceback
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from types import FrameType
from typing import Any, Final, NoReturn

DEPTH: Final = 60
TAGS: Final = 20_000
OUTPUT_CHARACTERS: Final = 4 * 1024 * 1024
MEMORY_OCTETS: Final = 1024 * 1024 * 1024
CPU_SECONDS: Final = 10

MERGE_WORD: Final = re.compile(r"nodtag[0-9a-f]+z+")
"""What stands for a merge tag; `app.content.mjml` writes these words and puts the tags back."""

ENDING_TAGS: Final = frozenset(
    {
        "mj-accordion-text", "mj-accordion-title", "mj-breakpoint", "mj-button", "mj-carousel-image", "mj-navbar-link",
        "mj-preview", "mj-raw", "mj-social-element", "mj-style", "mj-table", "mj-text", "mj-title",
    }
)  # fmt: skip
"""Components whose content is HTML and is copied as it is."""

HINTS: Final = {
    "mj-hero": "Give mj-hero a background-width and a background-height in px.",
    "mj-group": "Look at the widths of this mj-group and its columns.",
}
_FIRST: Final = (
    "<mjml><mj-body>"
    + 8 * "<mj-section><mj-column><mj-text>.</mj-text><mj-button>.</mj-button><mj-image /></mj-column></mj-section>"
    + "</mj-body></mjml>"
)
"""A mail that has what most have, compiled before any other, so that nobody waits for what comes with the first."""
_UNQUOTED = re.compile(r"=\s*nodtag[0-9a-f]+z+")
_QUOTED = re.compile(r"""=\s*(?:"[^"]*"|'[^']*')""")
_BAD_LINK = re.compile(r"\s*(?:javascript|vbscript|data|file):|\s*//", re.IGNORECASE)

Problem = dict[str, Any]


class TooMuch(Exception):
    """A limit of the source was passed; the rest is not looked at."""


class Lint(HTMLParser):
    """Finds what the compiler drops or breaks without a word."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.problems: list[Problem] = []
        self._open: list[tuple[str, int]] = []
        self._content: list[str] = []
        self._tags = 0

    def read(self, source: str) -> list[Problem]:
        """Every fault found, in order."""
        try:
            self.feed(source)
            self.close()
        except TooMuch as error:
            self._say(str(error))
            return self.problems
        for tag, line in self._open:
            self._say(f"<{tag}> is never closed.", line=line)
        return self.problems

    def _say(self, message: str, *, line: int = 0, severity: str = "error") -> None:
        here, column = self.getpos()
        self.problems.append(
            {
                "line": line or here,
                "column": 1 if line else column + 1,
                "severity": severity,
                "message": message,
            }
        )

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a component, or look at HTML inside one."""
        self._count(tag, attrs)
        if self._content:
            if tag in ENDING_TAGS:
                self._content.append(tag)
            return
        if tag in ENDING_TAGS:
            self._content.append(tag)
        self._open.append((tag, self.getpos()[0]))
        if len(self._open) > DEPTH:
            raise TooMuch(f"Components are nested more than {DEPTH} deep.")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A component without content."""
        self._count(tag, attrs)

    def _count(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tags += 1
        if self._tags > TAGS:
            raise TooMuch(f"This mail has more than {TAGS} tags.")
        names = [name for name, _ in attrs]
        if any(MERGE_WORD.search(name) for name in names):
            self._say(
                f"A merge tag cannot stand among the attributes of <{tag}>. Put it inside the quotes of one."
            )
        elif len(set(names)) < len(names):
            self._say(f"An attribute of <{tag}> stands twice.", severity="warning")
        if _UNQUOTED.search(_QUOTED.sub("''", self.get_starttag_text() or "")):
            self._say(f"Put quotes around the merge tag in <{tag}>.")
        for name, value in attrs:
            if name in {"href", "src"} and value and _BAD_LINK.match(value):
                self._say(f"The {name} of <{tag}> must begin with https://, http://, mailto: or tel:.")

    def handle_endtag(self, tag: str) -> None:
        """Close a component."""
        if self._content:
            if tag not in self._content:
                return
            while self._content.pop() != tag:
                pass
            if self._content:
                return
        names = [name for name, _ in self._open]
        if tag not in names:
            self._say(f"</{tag}> closes nothing.")
            return
        while self._open:
            name, line = self._open.pop()
            if name == tag:
                return
            self._say(f"<{name}> is never closed.", line=line)

    def handle_data(self, data: str) -> None:
        """Text: welcome inside a component that holds text, lost between two components."""
        if self._content or not data.strip():
            return
        skipped = len(data) - len(data.lstrip())
        line, column = self.getpos()
        lead = data[:skipped]
        line += lead.count("\n")
        column = skipped - lead.rfind("\n") - 1 if "\n" in lead else column + skipped
        self.problems.append(
            {"line": line, "column": column + 1, "severity": "error", "message": _lost(data)},
        )

    def handle_entityref(self, name: str) -> None:
        """An entity is text."""
        self.handle_data(f"&{name};")

    def handle_charref(self, name: str) -> None:
        """A character reference is text."""
        self.handle_data(f"&#{name};")


def _lost(data: str) -> str:
    if MERGE_WORD.search(data):
        return "A merge tag between components is lost. Put it into <mj-raw>, or inside <mj-text>."
    return "Text between components is lost. Put it into <mj-text>."


def compile_source(source: str) -> tuple[str, list[Problem]]:
    """Lint, compile, and turn every fault into a problem; the HTML is empty where there is none."""
    problems = Lint().read(source)
    if any("more than" in problem["message"] for problem in problems):
        return "", problems
    import mjml
    import mjml.parser

    # Second lock: an include never reaches the file system, whatever its spelling.
    for reader in ("read_include_file", "include_source"):
        vars(mjml.parser)[reader] = _no_include
    try:
        result = mjml.mjml_to_html(source)
    except Exception as error:  # noqa: BLE001  (the compiler raises anything on odd input)
        return "", [*problems, _crash(source, error)]
    found = [
        {
            "line": fault.line or 1,
            "column": (fault.column or 0) + 1,
            "severity": fault.severity.value,
            "message": f"{fault.tag_name}: {fault.message}",
        }
        for fault in result.errors
    ]
    if len(result.html) > OUTPUT_CHARACTERS:
        return "", [*problems, *found, _problem(1, "The compiled mail is larger than 4 MB.")]
    return result.html, [*problems, *found]


def _no_include(*_: Any, **__: Any) -> NoReturn:
    raise PermissionError("mj-include is not allowed")


def _problem(line: int, message: str) -> Problem:
    return {"line": line, "column": 1, "severity": "error", "message": message}


def _crash(source: str, error: BaseException) -> Problem:
    """A problem at the line of the component in which the compiler crashed."""
    name, given = _crashed_component(error)
    line = _line_of(source, name, given)
    hint = HINTS.get(name, "Look at the sizes, borders and paddings of this component.")
    if not name:
        hint = (
            "Look at the fonts and attributes in the head." if "mj-head" in source else "Is it MJML at all?"
        )
    return _problem(line, f"The compiler cannot read {f'<{name}>' if name else 'this mail'}. {hint}")


def _crashed_component(error: BaseException) -> tuple[str, dict[str, Any]]:
    frames: list[FrameType] = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    for frame in reversed(frames):
        component = frame.f_locals.get("self")
        name = getattr(component, "component_name", None)
        if isinstance(name, str):
            return name, dict(
                getattr(component, "attrs", None) or getattr(component, "attributes", None) or {}
            )
    return "", {}


def _line_of(source: str, name: str, given: dict[str, Any]) -> int:
    best = (-1, 1)

    class Finder(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            nonlocal best
            if tag == name:
                same = sum(str(given.get(key)) == str(value) for key, value in attrs)
                different = sum(str(given.get(key)) != str(value) for key, value in attrs)
                score = same - 2 * different
                if best[0] == -1 or score > best[0]:
                    best = (score, self.getpos()[0])

    Finder().feed(source)
    return best[1]


def load() -> None:
    """Bring the engine, once for all that is compiled, with what it would find out anew in each child."""
    import mjml.helpers.skeleton
    from mjml.core.registry import core_components

    # A third of the time of a mail went into making the same tables for each attribute that is asked for, and into
    # reading the same frame.
    for component in core_components().values():
        for name in ("allowed_attrs", "default_attrs"):
            setattr(component, name, staticmethod(_always(getattr(component, name)())))
    frame = vars(mjml.helpers.skeleton)
    frame["Template"] = functools.cache(frame["Template"])
    compile_source(_FIRST)


def _always(table: Mapping[str, Any]) -> Callable[[], Mapping[str, Any]]:
    def told() -> Mapping[str, Any]:
        return table

    return told


def work(asked: dict[str, Any]) -> dict[str, Any]:
    """Compile one source."""
    html, problems = compile_source(asked["source"])
    return {"html": html, "problems": problems}
