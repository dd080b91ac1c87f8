"""MJML to HTML: our one way to the compiler, which bridges its faults and never raises.

Before the compiler: our own partials are written in by name, merge tags become opaque words, an author's
include is refused, a font that the compiler would choke on becomes a plain link. The compiler runs in a
process with limits (`app.content.compiler`). After it: what it indents is folded, tags come back, lines are those of
the author.
"""

from __future__ import annotations

import bisect
import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from app.content.colours import DEFAULT, Colours, paint
from app.content.compiler import MERGE_WORD
from app.content.folding import fold
from app.content.warm import Warm

EMAILS: Final = Path(__file__).resolve().parents[2] / "emails"
SOURCE_CHARACTERS: Final = 512 * 1024
WALL_SECONDS: Final = 10.0
CACHE_ENTRIES: Final = 128

_OWN_INCLUDE = re.compile(r'<mj-include path="([a-z][a-z-]{0,40})" />')
_ANY_INCLUDE = re.compile(r"mj-include", re.IGNORECASE)
_MJ_FONT = re.compile(r"<mj-font\b([^<>]*?)/?>(?:\s*</mj-font>)?", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([a-z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_OPENERS = re.compile(r"\{\{|\{%|\{#")
_CLOSERS: Final = {
    "{{": re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\}\}""", re.DOTALL),
    "{%": re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|%\}""", re.DOTALL),
    "{#": re.compile(r"#\}"),
}
_GOOGLE: Final = "fonts.googleapis.com"
_GOOGLE_FONTS: Final = ("open sans", "droid sans", "lato", "roboto", "ubuntu")
_HELD: Final = ("title", "preview")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """A fault in a mail: `line` and `column` of the author's source, counted from 1.

    Attributes:
        severity: ``error`` keeps a mail from being sent, ``warning`` does not.
        place: what the line is in: source, subject, preheader or text.
    """

    line: int
    column: int
    severity: str
    message: str
    place: str = "source"


@dataclass(frozen=True, slots=True)
class Compiled:
    """What became of a source.

    Attributes:
        html: HTML with merge tags in it; empty where the compiler could not read the source.
        problems: all faults, in the order of the lines.
        title: content of mj-title, the subject, with merge tags.
        preview: content of mj-preview, the preheader, with merge tags.
        fingerprint: same source, partials, colours and engine, same result: a key for storage.
    """

    html: str
    problems: tuple[Problem, ...]
    title: str
    preview: str
    fingerprint: str

    @property
    def is_usable(self) -> bool:
        """Whether it may be sent: HTML is there and nothing is wrong but warnings."""
        return bool(self.html) and not any(problem.severity == "error" for problem in self.problems)


def compile_mjml(source: str, colours: Colours = DEFAULT, language: str = "en") -> Compiled:
    """Compile a source; every fault is a problem with its line, nothing is raised.

    Args:
        source: MJML of at most 512 KB; ``<mj-include path="footer" />`` names one of our partials.
        colours: what the partials are painted with.
        language: of the partials; English where there is none in it.
    """
    fault = _refused(source)
    if fault is not None:
        return Compiled("", (fault,), "", "", "")
    whole = _whole(source, colours, language)
    fingerprint = _fingerprint(whole)
    known = _results.get(fingerprint)
    return known or _compile(whole, source, fingerprint)


def fingerprint_of(source: str, colours: Colours = DEFAULT, language: str = "en") -> str:
    """The fingerprint that ``compile_mjml`` would give, without compiling."""
    return _fingerprint(_whole(source, colours, language))


def _whole(source: str, colours: Colours, language: str) -> str:
    def part(found: re.Match[str]) -> str:
        known = _partials()
        return paint(known.get(f"{found[1]}.{language}", known.get(found[1], found[0])), colours)

    return _OWN_INCLUDE.sub(part, source)


def _fingerprint(whole: str) -> str:
    return hashlib.sha256(f"{_engine()}\0{whole}".encode("utf-8", "replace")).hexdigest()


def _refused(source: str) -> Problem | None:
    if len(source) > SOURCE_CHARACTERS:
        return Problem(1, 1, "error", "This mail is larger than 512 KB.")
    place = re.search("[\x00\ud800-\udfff]", source)
    if place is not None:
        return _at(source, place.start(), "This character cannot be used. Delete it.")
    rest = _OWN_INCLUDE.sub(
        lambda found: " " * len(found[0]) if found[1] in _partials() else found[0], source
    )
    place = _ANY_INCLUDE.search(rest)
    if place is None:
        return None
    names = ", ".join(sorted(name for name in _partials() if "." not in name))
    return _at(
        source, place.start(), f"Only these parts can be included, written exactly like this: {names}."
    )


def _at(source: str, offset: int, message: str) -> Problem:
    line = source.count("\n", 0, offset) + 1
    return Problem(line, offset - source.rfind("\n", 0, offset), "error", message)


@cache
def _partials() -> dict[str, str]:
    """Our partials by name, each on one line, so that the author's lines keep their numbers."""
    return {
        path.stem: " ".join(path.read_text(encoding="utf-8").split("\n"))
        for path in sorted((EMAILS / "partials").glob("*.mjml"))
    }


@cache
def _engine() -> str:
    return f"mjml {version('mjml')} nod 2"


def _compile(whole: str, source: str, fingerprint: str) -> Compiled:
    problems: list[Problem] = []
    guarded = Guarded(_fonts(whole, problems))
    answer = _run(guarded.text)
    if answer is None:
        message = "This mail takes too long or too much memory to compile. Make it simpler."
        return Compiled("", (Problem(1, 1, "error", message),), "", "", fingerprint)
    html = guarded.back(fold(answer["html"]))
    problems += [guarded.problem(found) for found in answer["problems"]]
    if _GOOGLE in html and _GOOGLE not in source:
        problems.append(_google(source))
    title, preview = (_held(whole, name) for name in _HELD)
    compiled = Compiled(html, tuple(sorted(set(problems))), title, preview, fingerprint)
    _results.put(fingerprint, compiled)
    return compiled


def _held(whole: str, name: str) -> str:
    found = re.search(rf"<mj-{name}>(.*?)</mj-{name}>", whole, re.DOTALL)
    return " ".join(found[1].split()) if found else ""


class Guarded:
    """A source in which each merge tag is a word that no compiler touches."""

    def __init__(self, source: str) -> None:
        self._tags: list[str] = []
        self._shifts: list[tuple[int, int]] = []
        pieces: list[str] = []
        lines = 1
        end = 0
        for start, stop in tag_spans(source):
            tag = source[start:stop]
            pieces += [source[end:start], self._word(tag)]
            lines += source.count("\n", end, start)
            if "\n" in tag:
                self._shifts.append((lines, tag.count("\n")))
            self._tags.append(tag)
            end = stop
        self.text = "".join([*pieces, source[end:]])

    def _word(self, tag: str) -> str:
        """As long as the tag where it can be, so that columns stay."""
        word = f"nodtag{len(self._tags):x}"
        return word + "z" * max(1, len(tag) - len(word))

    def back(self, text: str) -> str:
        """Put the tags back."""
        return MERGE_WORD.sub(self._tag, text)

    def _tag(self, found: re.Match[str]) -> str:
        number = int(found[0].removeprefix("nodtag").rstrip("z"), 16)
        return self._tags[number] if number < len(self._tags) else found[0]

    def problem(self, found: dict[str, Any]) -> Problem:
        """A problem of the compiler, in lines of the author."""
        line, message = int(found["line"]), str(found["message"])
        if MERGE_WORD.search(message) and "invalid value" in message:
            message = (
                f"{message.partition(':')[0]}: a merge tag cannot stand in a size, a colour or a choice."
            )
        before = bisect.bisect_left(self._shifts, (line, 0))
        line += sum(count for _, count in self._shifts[:before])
        return Problem(line, int(found["column"]), str(found["severity"]), self.back(message)[:300])


def tag_spans(source: str) -> Iterable[tuple[int, int]]:
    """Start and end of each merge tag, by Jinja's own reading of strings; stops at one that never closes."""
    end = 0
    while opener := _OPENERS.search(source, end):
        for token in _CLOSERS[opener[0]].finditer(source, opener.end()):
            if token[0][0] not in "\"'":
                end = token.end()
                break
        else:
            return
        yield opener.start(), end


def _fonts(source: str, problems: list[Problem]) -> str:
    """Write an mj-font that is named twice or like a built-in font as a plain link: the compiler asserts on both."""
    seen = set(_GOOGLE_FONTS)

    def font(found: re.Match[str]) -> str:
        attributes = {name.lower(): double or single for name, double, single in _ATTRIBUTE.findall(found[1])}
        name, href = attributes.get("name", "").strip(), attributes.get("href", "").strip()
        if not href.startswith("https://"):
            problems.append(_at(source, found.start(), "The href of mj-font must begin with https://."))
            return "\n" * found[0].count("\n")
        if name.lower() not in seen:
            seen.add(name.lower())
            return found[0]
        link = f'<mj-raw><link href="{href}" rel="stylesheet" type="text/css"></mj-raw>'
        return link + "\n" * found[0].count("\n")

    return _MJ_FONT.sub(font, source)


def _google(source: str) -> Problem:
    for number, line in enumerate(source.split("\n"), start=1):
        named = next((name for name in _GOOGLE_FONTS if name in line.lower() and "font-family" in line), None)
        if named is not None:
            message = (
                f"The font “{named.title()}” makes every reader call Google. Use another name, or mj-font."
            )
            return Problem(number, 1, "error", message)
    message = 'Without a font-family every reader would call Google. Set one: <mj-all font-family="..." />.'
    return Problem(1, 1, "error", message)


_warm = Warm("compiler.py")


def _run(text: str) -> dict[str, Any] | None:
    """Compile in a child; None when a limit stopped it."""
    return _warm.run({"source": text}, WALL_SECONDS)


class _Results:
    """The last results in this process, by fingerprint."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, Compiled] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, fingerprint: str) -> Compiled | None:
        with self._lock:
            if fingerprint in self._entries:
                self._entries.move_to_end(fingerprint)
            return self._entries.get(fingerprint)

    def put(self, fingerprint: str, compiled: Compiled) -> None:
        with self._lock:
            self._entries[fingerprint] = compiled
            while len(self._entries) > CACHE_ENTRIES:
                self._entries.popitem(last=False)


_results = _Results()
