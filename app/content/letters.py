"""From a draft to a letter that can be sent: checked and compiled once, then only merged for each reader.

Pure: no database, no clock. The same draft gives the same version, the same version and values the same bytes.
"""

from __future__ import annotations

import hashlib
import html as htmlmod
import json
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Generic, Protocol, TypeVar

from app.content.addresses import Addresses, find_links, tie_addresses, tie_links
from app.content.colours import DEFAULT, Colours, paint
from app.content.data import ROOT, variables
from app.content.lint import lint_size, lint_source, lint_subject
from app.content.merge import MergeRefused, MergeStopped, Target, check, prepare
from app.content.mjml import Problem, compile_mjml, fingerprint_of, tag_spans
from app.content.plaintext import to_text
from app.content.skeleton import Parts, Skeleton, fold, tidy
from app.content.snippets import GROWTH, Words, Writing, named_in, offered
from app.content.snippets import variables as snippet_variables
from app.content.systemmail import Rendered
from app.content.variables import NEWSLETTER, TRANSACTIONAL, Kind, Several, Variable, samples
from app.kernel.errors import BadInput

__all__ = ["Draft", "Holes", "Incomplete", "Links", "Prepared", "Problem", "Rendered", "Tags", "Written", "declared", "prepared", "write"]

Links = Callable[[int, str], str]
"""What a link leads to: takes its index and the address that it has for this reader."""

_T = TypeVar("_T")
_RULES: Final = "letters 2"
"""Part of every fingerprint: changes when the same draft would give another version."""
_FIELD: Final = "contact.fields."
_FIELD_NAMED = re.compile(r"\bcontact\.fields\.([a-z][a-z0-9_]*)")
_KINDS: Final = {"number": Kind.NUMBER, "money": Kind.TEXT, "date": Kind.DATE, "multi_choice": Kind.CHOICES}
_SAMPLES: Final = {
    "number": "12",
    "date": "2026-11-22",
    "boolean": True,
    "money": "12.50 EUR",
    "country": "DE",
    "multi_choice": Several(["First choice", "Second choice"]),
}

_COLOURED = re.compile(r"""="[^"<>]*\$[a-z][^"<>]*\"""")
_HEAD_END = re.compile(r"</mj-head\s*>", re.IGNORECASE)
_ROOT = re.compile(r"<mjml\b(?:[^>\"']|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
_LANG = re.compile(r"\slang\s*=", re.IGNORECASE)
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)
_GAPS = re.compile(r"\n{3,}")
_PIXEL: Final = (
    '{% if nod.pixel %}<img src="{{ nod.pixel }}" alt="" width="1" height="1" '
    'style="display:block;width:1px;height:1px;border:0">{% endif %}'
)
_DECOY: Final = (
    '{% if nod.hidden %}<div style="display:none;max-height:0;overflow:hidden;mso-hide:all" aria-hidden="true">'
    '<a href="{{ nod.hidden }}" tabindex="-1">.</a></div>{% endif %}'
)
_OWN: Final = (
    Variable("nod.pixel", Kind.URL, "", "The picture that tells of an opening"),
    Variable("nod.hidden", Kind.URL, "", "The link that no person sees"),
)
_OURS: Final = "nod."
_OF_READER: Final = ("contact.", "permission.")
_PERSONAL: Final = frozenset({"links.unsubscribe", "links.preferences", "links.why"})
"""Addresses that are each reader's own."""
_WAY_OUT: Final = "https://nod.invalid/u/way-out"
_POSTAL: Final = "Nod Postal Street 12345"


class Incomplete(BadInput):
    """A letter that lacks, for one reader, what every letter must show; it must not leave."""

    title = "This letter is not complete"


@dataclass(frozen=True, slots=True)
class Draft:
    """All that a version is made of.

    Attributes:
        subject: with merge tags, one line; empty: that of ``mj-title``.
        preheader: the preview line; empty: that of ``mj-preview``.
        source: MJML.
        own_text: the text part; empty: made from the content.
        language: of its words, such as ``de``.
        fields: kinds of the workspace's own fields by key.
        colours: of the brand.
        data: samples of what is told with each mail, by name; None: it is no transactional letter.
        snippets: of the workspace by key, those that it names with their words.
    """

    subject: str
    preheader: str
    source: str
    own_text: str = ""
    language: str = "en"
    fields: Mapping[str, str] = field(default_factory=dict)
    colours: Colours = DEFAULT
    data: Mapping[str, str] | None = None
    snippets: Mapping[str, Words] = field(default_factory=dict)

    @property
    def used_fields(self) -> dict[str, str]:
        """Those of the fields that its tags name, or those of its snippets."""
        named = _FIELD_NAMED.findall("\n".join((*self._written, *self.used_snippets.values())))
        return {key: self.fields[key] for key in sorted(set(named)) if key in self.fields}

    @property
    def used_snippets(self) -> dict[str, str]:
        """What those snippets say that its tags name, by key."""
        return {key: self.snippets[key].body for key in sorted(named_in(*self._written)) if key in self.snippets}

    @property
    def _written(self) -> tuple[str, str, str, str]:
        return self.subject, self.preheader, self.source, self.own_text

    @property
    def names(self) -> tuple[Variable, ...]:
        """What its merge tags may name."""
        return (*declared(self.fields, self.data), *snippet_variables(self.snippets))

    @property
    def offered(self) -> tuple[Variable, ...]:
        """Those of the names that a writer is offered."""
        return (*declared(self.fields, self.data), *snippet_variables(offered(self.snippets)))

    @property
    def compiled_source(self) -> str:
        """What the compiler gets: with the two lines of the inbox and the brand's colours; no line moves."""
        words = Writing(self.snippets)
        lines = words.in_line(self.subject), words.in_line(self.preheader)
        source = words.in_head(_with_head(_with_language(self.source, self.language), *lines))
        return _COLOURED.sub(lambda found: paint(found[0], self.colours), source)

    @property
    def fingerprint(self) -> str:
        """Equal for drafts that give the same version; found without compiling."""
        source = self.compiled_source
        parts = [
            _RULES,
            self.subject,
            self.preheader,
            self.own_text,
            self.language,
            self.used_fields,
            fingerprint_of(source, self.colours, self.language),
            *([] if self.data is None else [list(self.data.items())]),
            *([self.used_snippets] if self.used_snippets else []),
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a draft: templates that only wait for values.

    Attributes:
        html: compiled, with merge tags; empty where it could not be compiled.
        text: the text part, with merge tags.
        links: addresses that it links to as the author wrote them, each once; not those of the reader's own pages.
        needs: ``{"fields": {key: kind}}``; of a transactional letter also ``data``, pairs of name and sample, and ``wanted``,
            the names of it without which the letter would show a hole; with snippets also ``snippets``, what each said.
        problems: all faults and warnings, by place and line.
    """

    subject: str
    preheader: str
    html: str
    text: str
    links: tuple[str, ...]
    needs: Mapping[str, Any]
    language: str
    problems: tuple[Problem, ...]

    @property
    def is_usable(self) -> bool:
        """Whether it may become a version."""
        return bool(self.html) and not any(problem.severity == "error" for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Tags:
    """The dotted names that decide what a letter's copies say; ``changed``: those that do not only stand there as they are."""

    names: frozenset[str]
    changed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Holes:
    """What one copy lacks: names that stand for nothing, and addresses, as they were written, that lack a value."""

    blanks: frozenset[str]
    links: frozenset[str]


class Subject(Protocol):
    """A subject line with what it needs to be merged."""

    @property
    def subject(self) -> str: ...
    @property
    def needs(self) -> Mapping[str, Any]: ...
    @property
    def language(self) -> str: ...


class Version(Subject, Protocol):
    """The templates of a version; the table's row and ``Written`` both are one."""

    @property
    def preheader(self) -> str: ...
    @property
    def html(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def links(self) -> Sequence[str]: ...


def declared(fields: Mapping[str, str], data: Mapping[str, str] | None = None) -> tuple[Variable, ...]:
    """What a letter may name: the list of its purpose and a workspace's own fields by key and kind."""
    listed = NEWSLETTER if data is None else (*TRANSACTIONAL, *variables(data))
    return (*listed, *(_own_field(key, kind) for key, kind in fields.items()))


def _own_field(key: str, kind: str) -> Variable:
    found = _KINDS.get(kind, Kind.TEXT)
    says = ": what was chosen, with commas, or one by one in a loop" if found is Kind.CHOICES else ""
    return Variable(_FIELD + key, found, _SAMPLES.get(kind, "…"), f"Your field “{key}”{says}")


def named_by(needs: Mapping[str, Any]) -> tuple[Variable, ...]:
    """What a version may name, from its ``needs``."""
    return declared(needs.get("fields", {}), samples_in(needs))


def samples_in(needs: Mapping[str, Any]) -> dict[str, str] | None:
    """The names that a version of a transactional letter is told, each with its example; None: it is none."""
    return dict(needs[ROOT]) if ROOT in needs else None


class _Once(Generic[_T]):
    """Something to work on once: two with the same key would give the same."""

    __slots__ = ("key", "value")

    def __init__(self, value: _T, *key: Hashable) -> None:
        self.value, self.key = value, key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Once) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def write(draft: Draft) -> Written:
    """Check and compile a draft; every fault is a problem with its place and line, nothing is raised.

    The page of an editor, its preview and the review ask for the same draft one after the other: the last ones are kept.
    """
    told = tuple((key, draft.snippets[key]) for key in draft.used_snippets)
    return _write_once(_Once(draft, draft.fingerprint, draft.source, told))


@lru_cache(maxsize=32)
def _write_once(once: _Once[Draft]) -> Written:
    return _write(once.value)


def prepared(written: Written) -> Prepared:
    """As ``Prepared(written)``, read once for all who ask one after the other.

    Raises:
        MergeRefused: a tag does not fit where it stands.
    """
    needs = json.dumps(written.needs, sort_keys=True)
    key = (written.html, written.text, written.subject, written.preheader, written.links, written.language, needs)
    return _prepare_once(_Once(written, *key))


@lru_cache(maxsize=32)
def _prepare_once(once: _Once[Written]) -> Prepared:
    return Prepared(once.value)


def _write(draft: Draft) -> Written:
    names = draft.names
    words = Writing(draft.snippets)
    if words.growth(draft.subject, draft.preheader, draft.source, draft.own_text) > GROWTH:
        return _too_large(draft)
    compiled = compile_mjml(draft.compiled_source, draft.colours, draft.language)
    subject = words.in_line(draft.subject or htmlmod.unescape(compiled.title))
    preheader = words.in_line(draft.preheader or htmlmod.unescape(compiled.preview))
    html = words.in_page(compiled.html)
    problems = [
        *_merge_faults(draft, names),
        *_snippet_faults(draft),
        *compiled.problems,
        *lint_source(draft.source),
        *lint_subject(subject, preheader),
        *lint_size(html),
    ]
    text = words.in_text(draft.own_text) or (to_text(html) if html else "")
    written = Written(
        subject=subject,
        preheader=preheader,
        html=html,
        text=text,
        links=tuple(find_links(html, names)),
        needs=_needs(draft, subject, preheader, html, text, names),
        language=draft.language,
        problems=(),
    )
    if html and not any(problem.severity == "error" for problem in problems):
        problems += _final_faults(written, own_text=bool(draft.own_text))
    found = tuple(sorted(set(problems), key=lambda one: (_PLACES.index(one.place), one)))
    return Written(**{name: getattr(written, name) for name in _NAMES} | {"problems": found})


def _needs(draft: Draft, subject: str, preheader: str, html: str, text: str, names: Sequence[Variable]) -> dict[str, Any]:
    needs: dict[str, Any] = {"fields": draft.used_fields}
    if draft.used_snippets:
        needs["snippets"] = draft.used_snippets
    if draft.data is not None:
        parts: tuple[tuple[str, Target], ...] = ((subject, "header"), (preheader, "header"), (html, "html"), (text, "text"))
        wanted: set[str] = set()
        for part, target in parts:
            try:
                wanted |= prepare(part, target, names).wanted
            except MergeRefused:
                continue  # told as a problem of its own, and no version comes of it
        needs |= {ROOT: [list(pair) for pair in draft.data.items()], "wanted": sorted(one for one in wanted if one.startswith(f"{ROOT}."))}
    return needs


def _too_large(draft: Draft) -> Written:
    message = f"With its snippets this letter grows by more than {GROWTH // 1024} KB. Use fewer, or shorter ones."
    problem = Problem(1, 1, "error", message)
    return Written(draft.subject, draft.preheader, "", "", (), {"fields": {}}, draft.language, (problem,))


def _snippet_faults(draft: Draft) -> list[Problem]:
    """Snippets that say what this letter cannot, such as the interest in a mail that belongs to none; and archived ones."""
    names = declared(draft.fields, draft.data)
    found = []
    for key in draft.used_snippets:
        words = draft.snippets[key]
        faults = {fault.message for fault in check(words.html, names, "html")}
        found += [_about_snippet(draft, key, "error", f"The snippet “{words.name}” does not fit here. {one}") for one in faults]
        if words.is_archived:
            found.append(_about_snippet(draft, key, "warning", f"The snippet “{words.name}” is archived."))
    return found


def _about_snippet(draft: Draft, key: str, severity: str, message: str) -> Problem:
    """A problem where the snippet is named first."""
    parts = (("source", draft.source), ("subject", draft.subject), ("preheader", draft.preheader), ("text", draft.own_text))
    for place, source in parts:
        if found := re.search(rf"\bsnippet\s*\.\s*{key}\b", source):
            line = source.count("\n", 0, found.start()) + 1
            return Problem(line, found.start() - source.rfind("\n", 0, found.start()), severity, message, place)
    return Problem(1, 1, severity, message)


_PLACES: Final = ("subject", "preheader", "source", "text")
_NAMES: Final = ("subject", "preheader", "html", "text", "links", "needs", "language")


def _merge_faults(draft: Draft, names: Iterable[Variable]) -> list[Problem]:
    names = tuple(names)
    places: tuple[tuple[str, str, Target], ...] = (
        ("subject", draft.subject, "header"),
        ("preheader", draft.preheader, "header"),
        ("source", draft.source, "html"),
        ("text", draft.own_text, "text"),
    )
    return [
        Problem(fault.line, fault.column, "error", fault.message, place)
        for place, source, target in places
        for fault in check(source, names, target)
    ]


def _final_faults(written: Written, *, own_text: bool) -> list[Problem]:
    """What only the compiled letter shows: tags that the compiler tore apart, and a missing way out."""
    try:
        read = prepared(written)
        shown = [read.merge(values) for values in _trials(written)]
    except MergeRefused as refused:
        first = refused.errors[0].message
        return [
            Problem(1, 1, "error", f"A merge tag does not fit where it stands in the compiled mail: {first}")
        ]
    except MergeStopped as stopped:
        return [Problem(1, 1, "error", stopped.detail)]
    # What is made from the letter says what the letter shows; words of one's own do not.
    seen = [to_text(one.html) if own_text else one.text for one in shown]
    problems = []
    is_plain = ROOT in written.needs
    footer = "footer-plain" if is_plain else "footer"
    way_out = () if is_plain else ((_WAY_OUT, "the link to unsubscribe", "links.unsubscribe"),)
    for wanted, called, tag in (*way_out, (_POSTAL, "your postal address", "brand.postal_address")):
        advice = f"Every reader must see {called}. Write {{{{ {tag} }}}}"
        if not all(wanted in one for one in seen):
            problems.append(
                Problem(1, 1, "error", f'{advice}, or <mj-include path="{footer}" /> at the end of the body.')
            )
        if own_text and not all(wanted in one.text for one in shown):
            problems.append(Problem(1, 1, "error", f"{advice} into the text part too.", "text"))
    return problems


def _trials(written: Written) -> list[dict[str, Any]]:
    """Values of a reader who told us everything, and of one who told us nothing."""
    full = samples(named_by(written.needs))
    full["links"] = {**full.get("links", {}), "unsubscribe": _WAY_OUT}
    full["brand"] = {**full["brand"], "postal_address": _POSTAL}
    return [full, {**full, "contact": {"email": full["contact"]["email"]}, "permission": {}}]


def public_subject(line: Subject, values: Mapping[str, Any]) -> str:
    """The subject alone, with these values; for lists, where merging whole letters would be waste."""
    return public_line(line.subject, line, values)


def public_line(words: str, of: Subject, values: Mapping[str, Any]) -> str:
    """A line of a letter, such as its preview line, as everybody may read it."""
    template = prepare(words, "header", named_by(of.needs))
    return template.render(values, of.language)


def header_lines(version: Version, values: Mapping[str, Any]) -> tuple[str, str]:
    """Subject and preview line alone, with these values; as written where their tags do not work."""
    names = named_by(version.needs)
    try:
        subject, preheader = (
            prepare(line, "header", names).render(values, version.language)
            for line in (version.subject, version.preheader)
        )
    except (MergeRefused, MergeStopped):
        return version.subject, version.preheader
    return subject, preheader


class Prepared:
    """A version whose templates are read: merging it costs no compiling and no parsing."""

    __slots__ = ("_addresses", "_html", "_language", "_needed", "_preheader", "_subject", "_text")

    def __init__(self, version: Version) -> None:
        public = named_by(version.needs)
        names = (*public, *_OWN, *_link_names(version.links))
        page = _with_ends(tie_links(version.html, version.links))
        text = tie_addresses(version.text, version.links)
        self._subject = prepare(version.subject, "header", names)
        self._preheader = prepare(version.preheader, "header", names)
        self._html = prepare(page, "html", names)
        self._text = prepare(text, "text", names)
        self._language = version.language
        self._addresses = Addresses(version.links, public)
        self._needed = sorted(
            name for name in self._html.needed | self._text.needed if name.startswith("links.")
        )

    def merge(
        self,
        values: Mapping[str, Any],
        links: Links | None = None,
        pixel_url: str | None = None,
        hidden_url: str | None = None,
    ) -> Rendered:
        """The letter with these values, whatever they lack.

        Raises:
            MergeStopped: it grew too large or ran too long.
        """
        values = {**values, "nod": self._own(values, links, pixel_url, hidden_url)}
        language = self._language
        return Rendered(
            subject=self._subject.render(values, language),
            preheader=self._preheader.render(values, language),
            html=self._html.render(values, language),
            text=_without_gaps(self._text.render(values, language)),
        )

    @property
    def tags(self) -> Tags:
        """What decides what its copies say."""
        read = (self._subject, self._preheader, self._html, self._text, *self._addresses.templates)
        return Tags(
            frozenset(name for one in read for name in one.names if not name.startswith(_OURS)),
            frozenset(name for one in read for name in one.changed if not name.startswith(_OURS)),
        )

    def holes(self, values: Mapping[str, Any]) -> Holes:
        """What one reader's copy lacks."""
        merged = {**values, "nod": self._own(values, None, None, None)}
        read = (self._subject, self._preheader, self._html, self._text)
        blanks = (name for one in read for name in one.blanks(merged, self._language) if name.startswith(_OF_READER))
        return Holes(frozenset(blanks), frozenset(self._addresses.lacking(values, self._language)))

    def skeleton(
        self,
        fixed: Mapping[str, Any],
        links: Links | None = None,
        pixel_url: str | None = None,
        hidden_url: str | None = None,
    ) -> Skeleton | None:
        """The letter with what all its readers share, as ``merge`` would write it for each of them.

        None: it must be merged reader by reader, because what may be missing for one of them hangs on a tag, a
        link leads elsewhere for each, or a personal address stands where it cannot be found again.
        """
        if not self._addresses.are_shared or self._hides_addresses:
            return None
        values = {**fixed, "nod": self._own(fixed, links, pixel_url, hidden_url)}
        page = fold(self._html, values, self._language)
        text = tidy(fold(self._text, values, self._language), _without_gaps)
        if text is None or not self._is_complete(fixed, page, text):
            return None
        return Skeleton(fold(self._subject, values, self._language), page, text, values)

    @property
    def _hides_addresses(self) -> bool:
        """Whether an address of one reader is changed by a filter, compared, or encoded in the subject."""
        changed = self._html.changed | self._text.changed | self._subject.names
        return any(name in _PERSONAL or name.startswith("nod.") for name in changed)

    def _own(
        self, values: Mapping[str, Any], links: Links | None, pixel_url: str | None, hidden_url: str | None
    ) -> Mapping[str, str]:
        addresses = self._addresses.of(values, self._language)
        own = {f"l{n}": links(n, url) if links else url for n, url in enumerate(addresses)}
        return (
            {**own, "pixel": pixel_url or "", "hidden": hidden_url or ""} if pixel_url or hidden_url else own
        )

    def _is_complete(self, values: Mapping[str, Any], page: Parts, text: Parts) -> bool:
        """Whether no reader's letter can lack what each must show; what ``refuse_incomplete`` asks of one of them."""
        plain = Rendered("", "", "".join(_plain(page)), "".join(_plain(text)))
        try:
            self.refuse_incomplete(plain, values)
        except Incomplete:
            return False
        return True

    def refuse_incomplete(
        self, rendered: Rendered, values: Mapping[str, Any], *, is_transactional: bool = False
    ) -> None:
        """Stop a letter that its reader could not leave; a transactional one shows who writes, and no way out.

        Raises:
            Incomplete: the unsubscribe link or the postal address is missing in a part, or a link has no address.
        """
        given, brand = values.get("links") or {}, values.get("brand") or {}
        way_out, postal = str(given.get("unsubscribe") or ""), str(brand.get("postal_address") or "")
        shown = [] if is_transactional else [(way_out, "link to unsubscribe")]
        for value, called in (*shown, (postal, "postal address")):
            if not value or htmlmod.escape(value) not in rendered.html or value not in rendered.text:
                raise Incomplete(f"This reader’s letter would lack the {called}, so it is not sent.")
        for name in self._needed:
            if not given.get(name.removeprefix("links.")):
                raise Incomplete(
                    f"This reader’s letter would lack the address for {name}, so it is not sent."
                )


def _without_gaps(text: str) -> str:
    return _GAPS.sub("\n\n", text).strip() + "\n"


def _plain(parts: Parts) -> Iterable[str]:
    return (part for part in parts if isinstance(part, str))


def _with_head(source: str, subject: str, preheader: str) -> str:
    """The source with the subject as its title and the preheader as its preview; no line moves."""
    for name, value in (("title", subject), ("preview", preheader)):
        if not value:
            continue
        held = f"<mj-{name}>{_escaped(value)}</mj-{name}>"
        own = re.compile(rf"<mj-{name}\b[^<>]*(?:/>|>.*?</mj-{name}\s*>)", re.DOTALL | re.IGNORECASE)
        if found := own.search(source):
            source = source[: found.start()] + held + "\n" * found[0].count("\n") + source[found.end() :]
        elif end := _HEAD_END.search(source):
            source = source[: end.start()] + held + source[end.start() :]
        elif root := _ROOT.search(source):
            source = f"{source[: root.end()]}<mj-head>{held}</mj-head>{source[root.end() :]}"
    return source


def _with_language(source: str, language: str) -> str:
    """The source with the letter's language, for those who listen to it; an author's own word counts."""
    root = _ROOT.search(source)
    if root is None or _LANG.search(root[0]):
        return source
    at = root.start() + len("<mjml")
    return f'{source[:at]} lang="{language}"{source[at:]}'


def _escaped(line: str) -> str:
    pieces, end = [], 0
    for start, stop in tag_spans(line):
        pieces += [htmlmod.escape(line[end:start], quote=False), line[start:stop]]
        end = stop
    return "".join([*pieces, htmlmod.escape(line[end:], quote=False)])


def _link_names(links: Sequence[str]) -> Iterable[Variable]:
    return (Variable(f"nod.l{index}", Kind.URL, url, "A link") for index, url in enumerate(links))


def _with_ends(page: str) -> str:
    ends = list(_BODY_END.finditer(page))
    at = ends[-1].start() if ends else len(page)
    return f"{page[:at]}{_DECOY}{_PIXEL}{page[at:]}"
