"""The merge language: what an author may write between ``{{ }}`` and ``{% %}``, and nothing else.

Jinja only parses. We walk its tree against an allow-list and run it ourselves: output of declared names,
dotted look-up in plain dicts, listed filters, comparison, ``if``, and ``for`` over declared lists, with ``loop.first``,
``loop.last`` and ``loop.index``. No Python object is ever reached, no call, no arithmetic, no attribute. What runs is
bounded in output, loops and time.
"""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

from jinja2 import Environment, TemplateSyntaxError, nodes

from app.content.filters import FILTERS, as_text
from app.content.variables import Kind, Several, Shape, Variable, shape
from app.kernel.errors import BadInput

SOURCE_CHARACTERS: Final = 512 * 1024
OUTPUT_OCTETS: Final = 2 * 1024 * 1024
LOOP_ROUNDS: Final = 1_000
LOOP_DEPTH: Final = 2
SECONDS: Final = 1.0

Target = Literal["html", "text", "header"]
"""``html`` escapes, also inside quoted attributes; ``header`` is one line; ``text`` is as it is."""

_Scope = Mapping[str, Any]
_Value = Callable[[_Scope, "_Run"], Any]
_Write = Callable[[_Scope, "_Run"], None]

_LINK_PLACE = re.compile(r"\b(?:href|src|action|background)\s*=\s*[\"']?\s*$", re.IGNORECASE)
LINK: Final = re.compile(r"(?:https?://|mailto:|tel:|sms:)[^\s\x00-\x1f]*", re.IGNORECASE)
"""What may stand as the address of a link."""
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_COMPARE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "lteq": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "gteq": lambda a, b: a >= b,
    "in": lambda a, b: a in b,
    "notin": lambda a, b: a not in b,
}
_WORDS: Final[dict[type[nodes.Node], str]] = {
    nodes.Call: "A merge tag cannot call anything.",
    nodes.Getitem: "Square brackets cannot be used in a merge tag. Write names with dots.",
    nodes.Include: "“include” cannot be used in a mail.",
    nodes.Import: "“import” cannot be used in a mail.",
    nodes.FromImport: "“import” cannot be used in a mail.",
    nodes.Extends: "“extends” cannot be used in a mail.",
    nodes.Assign: "“set” cannot be used in a mail.",
    nodes.AssignBlock: "“set” cannot be used in a mail.",
    nodes.Macro: "“macro” cannot be used in a mail.",
    nodes.BinExpr: "A merge tag cannot calculate.",
}
_NO_SHAPE: Final[Shape] = {}
_LOOP: Final = "loop"
_ROUND: Final[Shape] = {"first": Kind.TEXT, "last": Kind.TEXT, "index": Kind.NUMBER}
"""What is known of a round of a loop."""
_environment = Environment(keep_trailing_newline=True, autoescape=True)


@dataclass(frozen=True, slots=True, order=True)
class MergeError:
    """A fault in a template: line and column count from 1, the message is one or two sentences."""

    line: int
    column: int
    message: str


class MergeRefused(BadInput):
    """A template that cannot be used; `errors` says where and why, in the order of the lines."""

    title = "A merge tag does not work"

    def __init__(self, errors: list[MergeError]) -> None:
        first = errors[0]
        super().__init__(f"Line {first.line}, column {first.column}: {first.message}")
        self.errors = errors


class MergeStopped(BadInput):
    """A template that grew too large or ran too long for one person."""

    title = "This mail grew too large"


def check(source: str, declared: Iterable[Variable], target: Target = "html") -> list[MergeError]:
    """Every fault of a template, in the order of its lines; empty when it can be used."""
    try:
        prepare(source, target, declared)
    except MergeRefused as refused:
        return refused.errors
    return []


def prepare(source: str, target: Target, declared: Iterable[Variable]) -> Template:
    """Read a template once; the result renders as often as needed and is safe in threads.

    Raises:
        MergeRefused: with every fault.
    """
    if len(source) > SOURCE_CHARACTERS:
        raise MergeRefused([MergeError(1, 1, "This mail is larger than 512 KB.")])
    reader = _Reader(source, target)
    try:
        tree = _environment.parse(source)
        pieces = reader.pieces(tree.body, shape(declared))
    except TemplateSyntaxError as error:
        raise MergeRefused(
            [reader.at(error.lineno, "", error.message or "This tag cannot be read.")]
        ) from error
    except (RecursionError, ValueError, OverflowError) as error:
        raise MergeRefused(
            [MergeError(1, 1, "A tag is nested too deeply or holds a huge number.")]
        ) from error
    if reader.errors:
        raise MergeRefused(sorted(set(reader.errors)))
    wanted = frozenset(reader.needed | reader.wanted)
    return Template(pieces, target, frozenset(reader.needed), frozenset(reader.changed), wanted)


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A part of a template that is merged by itself: plain text, one tag, or one whole ``if`` or ``for``.

    Attributes:
        text: what stands there for everybody; None where something is merged.
        names: the dotted names that decide what it says.
        branches: of an ``if``, in their order; the first whose question is answered with yes is merged.
        loop: of a ``for``, what is merged again and again.
        has_default: its author has said what stands there where the value is missing.
    """

    write: _Write
    text: str | None
    names: frozenset[str]
    branches: tuple[Branch, ...] = ()
    loop: Loop | None = None
    has_default: bool = False

    def render(self, values: Mapping[str, Any], language: str) -> str:
        """As ``Template.render``, for this part; escaped for its target, blanks as they are."""
        run = _Run(language)
        self.write(values, run)
        return "".join(run.parts)


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """One way that an ``if`` may go.

    Attributes:
        test: its question; always yes for ``else``.
        names: the dotted names in the question.
    """

    test: _Value
    names: frozenset[str]
    pieces: tuple[Piece, ...]

    def holds(self, values: Mapping[str, Any], language: str) -> bool:
        """The answer."""
        return bool(self.test(values, _Run(language)))


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """What a ``for`` goes through.

    Attributes:
        rows: its list.
        name: of the list, dotted.
        target: what an entry is called in the loop.
        pieces: merged for each entry.
        otherwise: merged where there is none.
    """

    rows: _Value
    name: str
    target: str
    pieces: tuple[Piece, ...]
    otherwise: tuple[Piece, ...]

    def rounds(self, scope: _Scope, run: _Run) -> Iterator[_Scope]:
        """The values of each round.

        Raises:
            MergeStopped: over 1,000 rounds, or over one second.
        """
        rows = self.rows(scope, run)
        rows = rows.entries if isinstance(rows, Several) else rows if isinstance(rows, list | tuple) else ()
        if len(rows) > LOOP_ROUNDS:
            raise MergeStopped("A loop has more than 1,000 rounds. Loop over less.")
        for index, row in enumerate(rows, start=1):
            run.tick()
            told = {"first": index == 1, "last": index == len(rows), "index": index}
            yield {**scope, _LOOP: told, self.target: row}


class Template:
    """A checked template.

    Attributes:
        pieces: its parts in their order.
        needed: the names that it shows whatever happens, without a default and outside any ``if``.
        changed: the names whose values do not stand in it as they are, because of a filter or a comparison.
        wanted: as needed, with those that it shows through a filter other than ``default``.
    """

    __slots__ = ("_target", "changed", "needed", "pieces", "wanted")

    def __init__(
        self,
        pieces: Sequence[Piece],
        target: Target,
        needed: frozenset[str],
        changed: frozenset[str],
        wanted: frozenset[str],
    ) -> None:
        self.pieces = tuple(pieces)
        self._target = target
        self.needed = needed
        self.changed = changed
        self.wanted = wanted

    @property
    def names(self) -> frozenset[str]:
        """The dotted names that decide what it says."""
        return frozenset[str]().union(*(piece.names for piece in self.pieces))

    def missing(self, values: Mapping[str, Any]) -> list[str]:
        """Which of the needed names have no value at all; an empty text is a value."""
        return sorted(name for name in self.needed if _find(values, name.split(".")) is None)

    def blanks(self, values: Mapping[str, Any], language: str = "en") -> frozenset[str]:
        """The names that stand for nothing with these values, where this reader would see them; never one with a default."""
        return frozenset(_blanks(self.pieces, values, language))

    def render(self, values: Mapping[str, Any], language: str = "en") -> str:
        """Merge values, a tree of plain dicts, lists and plain values; what is missing is empty.

        Raises:
            MergeStopped: over 2 MiB, over 1,000 rounds of a loop, or over one second.
        """
        run = _Run(language)
        for piece in self.pieces:
            piece.write(values, run)
        text = "".join(run.parts)
        return one_line(text) if self._target == "header" else text


def _blanks(pieces: Iterable[Piece], values: Mapping[str, Any], language: str) -> Iterator[str]:
    for piece in pieces:
        if piece.branches:
            taken = next(branch for branch in piece.branches if branch.holds(values, language))
            yield from _blanks(taken.pieces, values, language)
        elif piece.loop:
            yield from _blanks_of_loop(piece.loop, values, language)
        elif piece.names and not piece.has_default and not piece.render(values, language).strip():
            yield from piece.names


def _blanks_of_loop(loop: Loop, values: Mapping[str, Any], language: str) -> Iterator[str]:
    """Of each round; an empty list is one itself, unless its author has said what stands there instead."""
    rounds = list(loop.rounds(values, _Run(language)))
    if not rounds and not loop.otherwise:
        yield loop.name
    for scope in rounds:
        yield from _blanks(loop.pieces, scope, language)
    if not rounds:
        yield from _blanks(loop.otherwise, values, language)


def one_line(text: str) -> str:
    """A header's text: blanks and control characters become single spaces."""
    return _BLANKS.sub(" ", text).strip()


class _Run:
    """One rendering and what it has used up."""

    __slots__ = ("_octets", "_until", "language", "parts")

    def __init__(self, language: str) -> None:
        self.parts: list[str] = []
        self.language = language
        self._octets = 0
        self._until = time.monotonic() + SECONDS

    def add(self, text: str) -> None:
        self.add_known(text, _octets(text))

    def add_known(self, text: str, octets: int) -> None:
        self._octets += octets
        if self._octets > OUTPUT_OCTETS:
            raise MergeStopped("The merged mail is larger than 2 MB. Show less, or loop over less.")
        self.parts.append(text)

    def tick(self) -> None:
        if time.monotonic() > self._until:
            raise MergeStopped("Merging took longer than a second. Loop over less.")


def _octets(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _write_nothing(_scope: _Scope, _run: _Run) -> None:
    return None


_NOTHING: Final = Piece(_write_nothing, None, frozenset())


def _always(_scope: _Scope, _run: _Run) -> Any:
    return True


def _no_value(_scope: _Scope, _run: _Run) -> Any:
    return None


class _Reader:
    """Turns a tree into functions, noting every fault on the way."""

    def __init__(self, source: str, target: Target) -> None:
        self._lines = source.split("\n")
        self._target = target
        self._before = ""
        self._ifs = 0
        self._targets: set[str] = set()
        self._names: set[str] = set()
        self.errors: list[MergeError] = []
        self.needed: set[str] = set()
        self.changed: set[str] = set()
        self.wanted: set[str] = set()

    def at(self, line: int | None, word: str, message: str) -> MergeError:
        """An error at the first place of the line that holds the word, else at its first tag."""
        line = line or 1
        text = self._lines[line - 1] if 0 < line <= len(self._lines) else ""
        tag = min((place for place in (text.find("{{"), text.find("{%")) if place >= 0), default=0)
        place = text.find(word, tag) if word else -1
        return MergeError(line, (place if place >= 0 else tag) + 1, message)

    def _refuse(self, node: nodes.Node, word: str, message: str) -> None:
        self.errors.append(self.at(node.lineno, word, message))

    def pieces(self, body: Sequence[nodes.Node], names: Shape, depth: int = 0) -> list[Piece]:
        """The parts of a template, each with the names that it depends on; ``depth``: of the loops around them."""
        found: list[Piece] = []
        for node in body:
            if isinstance(node, nodes.Output):
                found += self.pieces(node.nodes, names, depth)
            elif isinstance(node, nodes.If):
                found.append(self._choice(node, names, depth))
            elif isinstance(node, nodes.For):
                found.append(self._for(node, names, depth))
            else:
                self._names = set()
                write = self._statement(node, names)
                plain = node.data if isinstance(node, nodes.TemplateData) else None
                found.append(Piece(write, plain, frozenset(self._names), has_default=_has_default(node)))
        return found

    def _choice(self, node: nodes.If, names: Shape, depth: int) -> Piece:
        self._ifs += 1
        branches = []
        for branch in (node, *node.elif_):
            self._names = set()
            test = self._expression(branch.test, names)[1]
            asked = frozenset(self._names)
            branches.append(Branch(test, asked, tuple(self.pieces(branch.body, names, depth))))
        branches.append(Branch(_always, frozenset(), tuple(self.pieces(node.else_, names, depth))))
        self._ifs -= 1
        said = [name for branch in branches for piece in branch.pieces for name in piece.names]
        asked = frozenset(said).union(*(branch.names for branch in branches))

        def write(scope: _Scope, run: _Run) -> None:
            for branch in branches:
                if branch.test(scope, run):
                    for piece in branch.pieces:
                        piece.write(scope, run)
                    return

        return Piece(write, None, asked, tuple(branches))

    def _statement(self, node: nodes.Node, names: Shape) -> _Write:
        if isinstance(node, nodes.TemplateData):
            return self._data(node.data)
        if isinstance(node, nodes.Expr):
            return self._output(node, names)
        self._refuse(node, "", _words(node))
        return _write_nothing

    def _data(self, text: str) -> _Write:
        self._before = text[-200:]
        octets = _octets(text)
        return lambda _scope, run: run.add_known(text, octets)

    def _output(self, node: nodes.Expr, names: Shape) -> _Write:
        place = self._before
        self._before = "x"
        if _is_snippet(node, names):
            if self._target == "html" and _LINK_PLACE.search(place):
                self._refuse(node, _word(node), f"“{_dotted(node)}” is no link, so a link cannot begin with it.")
            return _write_nothing
        self._need(node)
        kind, value = self._expression(node, names)
        if not isinstance(kind, Kind):
            several = (
                "a list: use it with “for”" if isinstance(kind, list) else "a group: choose one of its parts"
            )
            self._refuse(node, _word(node), f"“{_dotted(node)}” is {several}.")
            return _write_nothing
        if self._target != "html":
            return lambda scope, run: run.add(as_text(value(scope, run)))
        if kind is Kind.URL:
            return lambda scope, run: run.add(html.escape(_link(value(scope, run))))
        if _LINK_PLACE.search(place):
            self._refuse(node, _word(node), f"“{_dotted(node)}” is no link, so a link cannot begin with it.")
        return lambda scope, run: run.add(html.escape(as_text(value(scope, run))))

    def _need(self, node: nodes.Node) -> None:
        if self._ifs or _word(node) in self._targets:
            return
        if isinstance(node, nodes.Getattr):
            self.needed.add(_dotted(node))
        elif isinstance(node, nodes.Filter) and not _has_default(node):
            self.wanted.add(_dotted(node))

    def _for(self, node: nodes.For, names: Shape, depth: int) -> Piece:
        self._names = set()
        kind, rows = self._expression(node.iter, names)
        asked = frozenset(self._names)
        entry = Kind.TEXT if kind is Kind.CHOICES else kind[0] if isinstance(kind, list) else None
        if entry is None:
            with_filter = isinstance(node.iter, nodes.Filter)
            fault = "cannot have a filter in a loop" if with_filter else "is not a list"
            self._refuse(node, _word(node.iter), f"“{_dotted(node.iter)}” {fault}.")
            return _NOTHING
        if node.test is not None or node.recursive or not isinstance(node.target, nodes.Name):
            self._refuse(node, "for", "Write a loop as “for item in list”, nothing more.")
            return _NOTHING
        if depth >= LOOP_DEPTH:
            self._refuse(node, "for", "Loops can stand two deep, not deeper.")
            return _NOTHING
        target = node.target.name
        if target in names:
            self._refuse(node, target, f"“{target}” is already a name. Choose another one for the loop.")
        self._need(node.iter)
        self._targets |= {_LOOP, target}
        body = self.pieces(node.body, {**names, _LOOP: _ROUND, target: entry}, depth + 1)
        otherwise = self.pieces(node.else_, names, depth)
        loop = Loop(rows, _dotted(node.iter), target, tuple(body), tuple(otherwise))

        def write(scope: _Scope, run: _Run) -> None:
            is_empty = True
            for inner in loop.rounds(scope, run):
                is_empty = False
                for piece in loop.pieces:
                    piece.write(inner, run)
            for piece in loop.otherwise if is_empty else ():
                piece.write(scope, run)

        return Piece(write, None, asked.union(*(piece.names for piece in (*body, *otherwise))), loop=loop)

    def _expression(self, node: nodes.Node, names: Shape) -> tuple[Any, _Value]:
        """The kind of an expression (Kind, Shape or list) and the function that finds its value."""
        if isinstance(node, nodes.Const):
            constant = node.value
            return Kind.TEXT, lambda _scope, _run: constant
        if isinstance(node, nodes.Name | nodes.Getattr):
            return self._look_up(node, names)
        if isinstance(node, nodes.Filter):
            self.changed.update(_names_in(node) if node.name != "default" else ())
            return self._filter(node, names)
        if isinstance(node, nodes.Compare):
            self.changed.update(_names_in(node))
            return Kind.TEXT, self._compare(node, names)
        if isinstance(node, nodes.And | nodes.Or | nodes.Not):
            return Kind.TEXT, self._logic(node, names)
        self._refuse(node, "", _words(node))
        return Kind.TEXT, _no_value

    def _look_up(self, node: nodes.Name | nodes.Getattr, names: Shape) -> tuple[Any, _Value]:
        dotted = _dotted(node)
        path = dotted.split(".") if dotted else []
        if not path:
            self._refuse(node, "", "Write names with dots, such as “contact.email”.")
            return Kind.TEXT, _no_value
        kind: Any = names
        for name in path:
            if name.startswith("_") or not isinstance(kind, dict) or name not in kind:
                self._refuse(node, _word(node), _unknown(dotted))
                return Kind.TEXT, _no_value
            kind = kind[name]
        if kind is Kind.SNIPPET:
            self._refuse(node, _word(node), f"A snippet stands by itself, without filters and conditions: {{{{ {dotted} }}}}.")
            return Kind.TEXT, _no_value

        self._names.add(dotted)

        def value(scope: _Scope, _run: _Run) -> Any:
            return _find(scope, path)

        return kind, value

    def _filter(self, node: nodes.Filter, names: Shape) -> tuple[Any, _Value]:
        known = FILTERS.get(node.name)
        if known is None or node.node is None:
            self._refuse(
                node, node.name, f"“{node.name[:40]}” is not a filter here. Known: {', '.join(FILTERS)}."
            )
            return Kind.TEXT, _no_value
        fits = known.least <= len(node.args) <= known.most and not (
            node.kwargs or node.dyn_args or node.dyn_kwargs
        )
        if not fits:
            self._refuse(node, node.name, f"“{node.name}” takes {_many(known.least, known.most)}.")
        kind, inner = self._expression(node.node, names)
        if not isinstance(kind, Kind):
            self._refuse(node, _word(node.node), f"“{_dotted(node.node)}” cannot have a filter.")
        arguments = [self._expression(argument, names)[1] for argument in node.args]
        run_filter = known.run

        def value(scope: _Scope, run: _Run) -> Any:
            given = [argument(scope, run) for argument in arguments]
            return run_filter(inner(scope, run), run.language, *given)

        return (kind if node.name == "default" and kind is Kind.URL else Kind.TEXT), value

    def _compare(self, node: nodes.Compare, names: Shape) -> _Value:
        first = self._expression(node.expr, names)[1]
        rest = [(_COMPARE[operand.op], self._expression(operand.expr, names)[1]) for operand in node.ops]

        def value(scope: _Scope, run: _Run) -> bool:
            left = first(scope, run)
            for compare, operand in rest:
                right = operand(scope, run)
                if not _holds(compare, left, right):
                    return False
                left = right
            return True

        return value

    def _logic(self, node: nodes.And | nodes.Or | nodes.Not, names: Shape) -> _Value:
        if isinstance(node, nodes.Not):
            inner = self._expression(node.node, names)[1]
            return lambda scope, run: not inner(scope, run)
        left = self._expression(node.left, names)[1]
        right = self._expression(node.right, names)[1]
        if isinstance(node, nodes.And):
            return lambda scope, run: left(scope, run) and right(scope, run)
        return lambda scope, run: left(scope, run) or right(scope, run)


def _is_snippet(node: nodes.Node, names: Shape) -> bool:
    """Whether it is the name of a snippet and nothing else."""
    if not isinstance(node, nodes.Getattr) or not isinstance(node.node, nodes.Name):
        return False
    group = names.get(node.node.name)
    return isinstance(group, dict) and group.get(node.attr) is Kind.SNIPPET


def _unknown(dotted: str) -> str:
    group, _, key = dotted[:80].partition(".")
    if group == "snippet":
        return f"There is no snippet “{key}” here. See the list of snippets for their names."
    return f"“{dotted[:80]}” is not known here."


def _find(values: Mapping[str, Any], path: list[str]) -> Any:
    found: Any = values
    for name in path:
        # The exact type first: asking for a Mapping costs ten times as much, and this runs for each tag.
        found = found.get(name) if type(found) is dict or isinstance(found, Mapping) else None
    return found


def _holds(compare: Callable[[Any, Any], Any], left: Any, right: Any) -> bool:
    if isinstance(left, int | float) is not isinstance(right, int | float):
        left, right = _as_number(left), _as_number(right)  # numbers of people are kept as exact text
    try:
        return bool(compare(left, right))
    except TypeError:
        return False


def _as_number(value: Any) -> Any:
    try:
        return Decimal(value) if isinstance(value, str) else value
    except InvalidOperation:
        return value


def _link(value: Any) -> str:
    text = as_text(value).strip()
    return text if LINK.fullmatch(text) else ""


def _words(node: nodes.Node) -> str:
    for kind, words in _WORDS.items():
        if isinstance(node, kind):
            return words
    return "This cannot be used in a merge tag."


def _dotted(node: nodes.Node) -> str:
    """``a.b.c`` of a chain of names, or nothing where something else is in it."""
    names: list[str] = []
    while isinstance(node, nodes.Getattr):
        names.append(node.attr)
        node = node.node
    if isinstance(node, nodes.Filter) and node.node is not None and not names:
        return _dotted(node.node)
    if not isinstance(node, nodes.Name):
        return ""
    return ".".join([node.name, *reversed(names)])


def _has_default(node: nodes.Node | None) -> bool:
    """Whether one of the filters stands in for a value that is missing."""
    while isinstance(node, nodes.Filter):
        if node.name == "default":
            return True
        node = node.node
    return False


def _names_in(node: nodes.Node) -> Iterable[str]:
    return (_dotted(found) for found in node.find_all(nodes.Getattr))


def _word(node: nodes.Node) -> str:
    return _dotted(node).partition(".")[0]


def _many(least: int, most: int) -> str:
    if most == 0:
        return "no value in brackets"
    return "one value in brackets" if least == most else "at most one value in brackets"
