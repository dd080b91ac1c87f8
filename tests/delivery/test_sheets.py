"""A copy from a sheet is the mail that merging the whole letter gives, part for part, whoever reads it."""

from __future__ import annotations

import quopri
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.accounts import queries as accounts
from app.consent.queries import Ground
from app.consent.rules import Level
from app.contacts.queries import ReaderRow
from app.contacts.rules import clean_name
from app.content.letters import Draft, Written, write
from app.content.models import LetterVersion
from app.delivery import compose, outlets
from app.delivery.compose import Letter
from app.delivery.editions import Edition
from app.delivery.outbox import Head, Held
from app.delivery.quoting import Hole, Quoter, quote, quoted
from app.delivery.rules import Kind, Lane, Sender
from app.delivery.sheets import NeedsWhole
from app.delivery.writing import Writer, _filled
from app.kernel.errors import BadInput
from app.kernel.ids import uuid7
from app.tracking import service as tracking
from tests.delivery.nasty import NASTY
from tests.delivery.wire import check_canonical, check_wire, unfolded
from tests.support import letters, make
from tests.support.properties import ANY, examples

SOON = datetime(2026, 11, 22, 9, 14, tzinfo=UTC)
WRITABLE = [value for value in NASTY if not any("\ud800" <= sign <= "\udfff" for sign in value)]
octet_text = st.sampled_from(WRITABLE) | st.text(ANY, max_size=200)


# --- Quoted-printable -------------------------------------------------------------------------------------------


def decoded(octets: bytes) -> str:
    return quopri.decodestring(octets).decode().replace("\r\n", "\n")


def lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@given(octet_text)
@example("a" * 76)
@example("ä " * 20 + "x" * 76)
def test_a_value_for_a_hole_says_what_it_said_and_fits_between_two_soft_breaks(value: str) -> None:
    octets = quote(value)
    assert decoded(octets) == lines(value)
    last = octets.rpartition(b"\r\n")[2]
    assert len(last) <= 75, "a soft break comes behind it"
    check_canonical(octets)
    assert all(len(line) <= 76 for line in octets.split(b"\r\n"))


@pytest.mark.parametrize("ending", ["", "\n", "\nnext"])
def test_a_space_at_the_end_of_a_full_line_makes_it_no_longer(ending: str) -> None:
    for width in range(70, 80):
        text = "x" * width + " " + ending
        for octets in (quoted(text.encode()).replace(b"\n", b"\r\n"), quote(text)):
            assert decoded(octets) == text
            assert all(len(line) <= 76 for line in octets.split(b"\r\n")), octets


pieces_of_text = st.lists(octet_text.map(lambda text: ("text", text)) | octet_text.map(lambda text: ("hole", text))
                          | st.text("abcDEF012-_", min_size=1, max_size=60).map(lambda text: ("mark", text)))  # fmt: skip


@given(pieces_of_text)
@example([("hole", "a" * 60), ("hole", "b" * 60)])
@example([("text", "Dear "), ("hole", ""), ("text", "\n")])
@example([("text", "x" * 75), ("mark", "y" * 60), ("text", ".")])
@example([("hole", "x"), ("text", ".")])
@example([("hole", ""), ("text", ".\n"), ("hole", ".")])
def test_text_with_holes_reads_as_if_it_had_none(pieces: list[tuple[str, str]]) -> None:
    quoter = Quoter()
    for number, (kind, text) in enumerate(pieces):
        if kind == "text":
            quoter.text(text)
        else:
            quoter.hole(Hole(number, len(text) if kind == "mark" else None))
    octets = b"".join(
        piece if isinstance(piece, bytes) else _fill(*pieces[piece.name]) for piece in quoter.end()
    )
    assert decoded(octets) == lines_of(pieces)
    check_canonical(octets)
    for line in octets.split(b"\r\n"):
        assert len(line) <= 76, line


def _fill(kind: str, text: str) -> bytes:
    return text.encode() if kind == "mark" else quote(text)


def lines_of(pieces: Iterable[tuple[str, str]]) -> str:
    """Line ends count within a piece: what one ends with and the next begins with are two."""
    return "".join(lines(text) for _, text in pieces)


# --- Whole mails ------------------------------------------------------------------------------------------------

FIELDS = {"story": "text", "cups": "number", "day": "date", "brews": "multi_choice"}
GREETING = 'Hello {{ contact.first_name|default("there") }},'
CHOICE = (
    "{% if contact.fields.cups > 3 %}You drink {{ contact.fields.cups|number }} cups"
    "{% elif contact.first_name %}{{ contact.first_name|upper }}, drink more{% else %}Drink{% endif %}."
)
LINK = '<a href="https://ostkai.example/new?a=1&amp;b=2">look</a>'
OWN_LINK = '<a href="https://ostkai.example/for?name={{ contact.first_name|urlencode }}">yours</a>'
BREWS = "{% for brew in contact.fields.brews %}{{ loop.index }} {{ brew }}{% if not loop.last %},\n{% endif %}{% else %}{{ contact.first_name }}{% endfor %}"
ENDS = "\n\n{{ brand.postal_address }}\nLeave: {{ links.unsubscribe }}\n"


@dataclass(frozen=True)
class Words:
    """What an author wrote, and whether it is held against the whole letter for any reader."""

    inner: str
    subject: str = "Three new coffees"
    text: str = ""
    is_shared: bool = True


LETTERS = {
    "plain": Words(f"<mj-text>{GREETING} {LINK}</mj-text>"),
    "choices": Words(f"<mj-text>{GREETING}<br/>{CHOICE} {LINK}</mj-text>", "{{ contact.first_name|default('You') }}: " + CHOICE),
    "field": Words("<mj-text>Your story: {{ contact.fields.story }} and no more.</mj-text>", "On {{ contact.fields.day|date }}"),
    "loops": Words(f"<mj-text>{{{{ contact.fields.brews }}}}<ul>{{% for brew in contact.fields.brews %}}<li>{{{{ brew }}}}</li>{{% endfor %}}</ul>{BREWS}</mj-text>",
                   BREWS, text=f"{BREWS}\n\n{{% for b in contact.fields.brews %}}- {{{{ b|upper }}}}\n{{% endfor %}}\n{ENDS}"),
    "loops with links": Words(f'<mj-text>{{% for brew in contact.fields.brews %}}{{{{ brew }}}}: {LINK} <a href="https://ostkai.example/?b={{{{ brew|urlencode }}}}">it</a>'
                              ' <a href="{{ links.why }}">why</a>{% endfor %}</mj-text>'),
    "neighbours": Words("<mj-text>{{ contact.first_name }}{{ contact.last_name }}</mj-text>"),
    "own text": Words(f"<mj-text>{LINK}</mj-text>", text=f"{GREETING}\n\n{{{{ contact.fields.story }}}}\n\nhttps://ostkai.example/new?a=1&b=2{ENDS}"),
    "begins with a tag": Words(f"<mj-text>{LINK}</mj-text>", text="{{ contact.first_name }} hello" + ENDS),
    "ends with a tag": Words(f"<mj-text>{LINK}</mj-text>", text=f"x{ENDS}Bye {{{{ contact.first_name }}}}"),
    "story in a line": Words(f"<mj-text>{LINK}</mj-text>", text=f"It goes: {{{{ contact.fields.story }}}}.{ENDS}"),
    "way out in an if": Words('<mj-text>{% if contact.first_name %}<a href="{{ links.preferences }}">Choose</a>{% else %}'
                              '<a href="{{ links.why }}">Why?</a>{% endif %}</mj-text>'),
    "filtered way out": Words("<mj-text>{{ links.preferences|upper }}</mj-text>", is_shared=False),
    "filtered in an if": Words("<mj-text>{% if contact.first_name %}{{ links.why|truncate(60) }}{% endif %}</mj-text>", is_shared=False),
    "compared way out": Words('<mj-text>{% if "x" in links.unsubscribe %}x{% endif %}</mj-text>', is_shared=False),
    "way out in the subject": Words(f"<mj-text>{LINK}</mj-text>", "Leave at {{ links.unsubscribe }}", is_shared=False),
    "way out with a default": Words('<mj-text>{{ links.preferences|default("x") }} {{ links.web_view|urlencode }}</mj-text>'),
    "odd text": Words("<mj-text>a  b&nbsp;c\t.<br/>.dot<br/> = =3D &lt;p&gt; 😀</mj-text>", text="  .\n..\n\ttab  two \n=20\n.end " + ENDS),
    "runaway": Words("<mj-text>" + "{{ contact.fields.story }} " * 3_000 + "</mj-text>", is_shared=False),
    "own link": Words(f"<mj-text>{OWN_LINK}</mj-text>", is_shared=False),
}  # fmt: skip


SHARED = [name for name, words in LETTERS.items() if words.is_shared]


@cache
def written(name: str) -> Written:
    words = LETTERS[name]
    source = letters.source(words.inner)
    made = write(Draft(words.subject, "Plum", source, own_text=words.text, fields=FIELDS))
    assert made.is_usable, made.problems
    return made


class Desk:
    """A mailing whose mails can be made."""

    def __init__(self, edition: Edition, held: Held) -> None:
        self.edition = edition
        self.held = held
        self.writer = Writer()


@pytest.fixture
def desk(session: object, request: pytest.FixtureRequest) -> Desk:
    place, made = make.place(), written(request.param)
    version = LetterVersion(
        id=uuid7(), workspace_id=place.id, letter_id=uuid7(), number=1, language=made.language, subject=made.subject,
        preheader=made.preheader, html=made.html, text=made.text, links=list(made.links), needs=dict(made.needs),
    )  # fmt: skip
    no = 77
    tracking.register(no, place.id, version.links)
    head = Head(no, place.id, Kind.BULK, "letter", Lane.BULK, None, version.id)
    sender = Sender("Ostkai “Käffee”", "news@ostkai.example", "jonna@ostkai.example")
    edition = Edition(head, accounts.brand(place.id), sender, outlets.route_of(None), None, version)
    held = Held(
        head=head, n=1, fence=1, contact_id=uuid7(), user_id=None, permission_id=uuid7(), reach_id=uuid7(),
        dedupe=uuid7(), domain_group="example.org", data={}, created_at=SOON, attempts=0, host_faults=0,
        render_faults=0, crash_count=0, first_at=None, from_domain=None,
    )  # fmt: skip
    return Desk(edition, held)


def _is_name(raw: str) -> bool:
    try:
        clean_name(raw)
    except ValueError:
        return False
    return True


names = octet_text.filter(_is_name).map(clean_name)
stories = st.none() | octet_text.filter(lambda text: "\x00" not in text)
cups = st.none() | st.sampled_from(["", "2", "3.5", "12", "1e3", "many"])
brews = st.none() | st.lists(st.sampled_from(["V60", "Moka", "Moka, V60", "", "\n\n\n", ".", "<&>", "é" * 80]), max_size=3)
days = st.none() | st.sampled_from(["2026-11-22", "", "soon"])
numbers = st.integers(1, tracking.NOBODY - 1)


@st.composite
def readers(draw: st.DrawFn) -> ReaderRow:
    fields: dict[str, Any] = {"story": draw(stories), "cups": draw(cups), "day": draw(days), "brews": draw(brews)}
    told = {key: value for key, value in fields.items() if value is not None}
    return ReaderRow(draw(names), draw(names), told, draw(st.sampled_from(ADDRESSES)))


ADDRESSES = ["mara@example.org", "jörg@xn--bcher-kva.example", "o'brien+news@example.org", "x" * 64 + "@example.org"]


def both(desk: Desk, reader: ReaderRow, ground: Ground, n: int) -> tuple[Letter | str, Letter | str]:
    """From the sheet and as a whole; the names of the fields where it cannot be written."""
    held = desk.held
    held.n = n

    def whole() -> Letter:
        return compose.write(held, compose.draft_letter(desk.edition, held, reader, ground))

    def quick() -> Letter:
        domain = desk.edition.sender.domain
        found = desk.writer._sheet(desk.edition, held, ground, domain)
        assert found is not None
        try:
            return _filled(found, desk.edition, held, reader, ground, domain)
        except NeedsWhole:
            return whole()

    return _or_fault(quick), _or_fault(whole)


def _or_fault(make_one: Callable[[], Letter]) -> Letter | str:
    try:
        return make_one()
    except BadInput as fault:
        return f"{sorted(fault.fields)}"


def parts(letter: Letter) -> list[bytes]:
    mail = message_from_bytes(letter.data)
    assert not mail.defects
    text, page = mail.get_payload()
    assert (text.get_content_type(), page.get_content_type()) == ("text/plain", "text/html")
    return [part.get_payload(decode=True) for part in (text, page)]


def check_same(quick: Letter | str, whole: Letter | str) -> None:
    if isinstance(quick, str) or isinstance(whole, str):
        assert isinstance(quick, str)
        assert isinstance(whole, str)
        return
    for letter in (quick, whole):
        check_wire(letter.data)
    assert unfolded(quick.data) == unfolded(whole.data)
    assert parts(quick) == parts(whole)
    if quick.is_sound:
        check_canonical(quick.data.partition(b"\r\n\r\n")[2])
    for name in ("route", "envelope_from", "to", "message_id", "domain", "from_domain", "needs_smtputf8"):
        assert getattr(quick, name) == getattr(whole, name)


@pytest.mark.parametrize("desk", SHARED, indirect=True)
@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(readers(), st.sampled_from(Level), numbers, names.filter(str.strip))
@example(ReaderRow("", "", {}, ADDRESSES[0]), Level.INDIVIDUAL, 1, "News")
@example(ReaderRow("", "", {"story": "\r.\r"}, ADDRESSES[0]), Level.NONE, 1, "News")
@example(ReaderRow("", "", {"brews": ["V60", "Moka"]}, ADDRESSES[0]), Level.INDIVIDUAL, 1, "News")
@example(ReaderRow("a" * 76, "b" * 76, {"story": "x" * 76}, ADDRESSES[1]), Level.AGGREGATE, 2, "Ä" * 60)
@example(ReaderRow(".", "..", {"story": "\n.\n\n\n\n.. \n"}, ADDRESSES[2]), Level.NONE, 3, "=")
def test_a_copy_from_the_sheet_is_the_letter_merged_as_a_whole(
    desk: Desk, reader: ReaderRow, level: Level, n: int, topic: str
) -> None:
    ground = Ground(uuid7(), topic, SOON, level)
    check_same(*both(desk, reader, ground, n))


@pytest.mark.parametrize("desk", ["loops"], indirect=True)
def test_readers_who_chose_otherwise_get_copies_of_their_own_from_one_sheet(desk: Desk) -> None:
    """What a blank gave is remembered by what was chosen: one text may be made of other words."""
    ground = Ground(uuid7(), "News", SOON, Level.NONE)
    chosen = [["V60", "Moka"], ["V60, Moka"], ["Moka", "V60"], [], None, "V60, Moka", [1], [True], ["V60", "Moka"]]
    pages = []
    for n, told in enumerate(chosen, start=1):
        quick, whole = both(desk, ReaderRow("", "", {} if told is None else {"brews": told}, ADDRESSES[0]), ground, n)
        check_same(quick, whole)
        assert isinstance(quick, Letter)
        pages.append(parts(quick)[1])
    assert len(set(pages[:4])) == 4
    assert pages[3] == pages[4]
    printed = desk.writer._sheet(desk.edition, desk.held, ground, desk.edition.sender.domain)
    assert printed is not None
    kept = {key for filler in printed.sheet._fillers for key in filler._known}
    assert (("V60", "Moka"), "") in kept, "merged once for all who chose these"


@pytest.mark.parametrize("desk", ["runaway"], indirect=True)
def test_a_copy_that_would_grow_over_two_megabytes_is_stopped_on_both_ways(desk: Desk) -> None:
    reader = ReaderRow("Mara", "", {"story": "x" * 1_000}, ADDRESSES[0])
    quick, whole = both(desk, reader, Ground(uuid7(), "News", SOON, Level.NONE), 1)
    assert isinstance(whole, str)
    assert isinstance(quick, str)


WHOLE = ["own link", "filtered way out", "filtered in an if", "compared way out", "way out in the subject"]


@pytest.mark.parametrize("desk", WHOLE, indirect=True)
def test_a_letter_whose_addresses_cannot_be_put_in_afterwards_has_no_sheet(desk: Desk) -> None:
    ground = Ground(uuid7(), "News", SOON, Level.NONE)
    assert desk.writer._sheet(desk.edition, desk.held, ground, "ostkai.example") is None
