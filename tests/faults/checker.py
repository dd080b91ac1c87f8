"""Judges a run by the mail server's log, the database, and the log of acts; it asks no code that sends.

I1  at most one message for each person of a mailing, and each came to an end
I2  the words of the report sum to the audience
I3  every copy has a committed begin of its own before it
I4  no MAIL FROM later than a second after the answer to that person's no, none after a permission's end
I5  no more second copies than the kills allow, all copies of one message under one Message-ID
I6  what was sent stays sent
"""

from __future__ import annotations

import bisect
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from app.delivery.editions import RETURN_PATH
from app.delivery.identity import read_return_path
from app.delivery.rules import WORDS, MessageState, Word
from app.kernel import tokens
from tests.faults.mailserver import End, Mail

if TYPE_CHECKING:
    from tests.faults.site import Site

NO_SECONDS = 1.0
_NUMBER = re.compile(r"<m\.(\d+)\.(\d+)@")
_STAYS = {"sent", "bounced", "complained"}
_ENDED = {state.value for state, word in WORDS.items() if word is not Word.WAITING}


@dataclass
class Outcome:
    """One run: how much, what was done to it, what became of it, and which promises were broken."""

    messages: int = 0
    kills: int = 0
    lost: int = 0
    duplicates: int = 0
    bound: int = 0
    unknown: int = 0
    broken: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    def demand(self, is_so: bool, words: str) -> None:
        """Note a broken promise unless it is so."""
        if not is_so:
            self.broken.append(words)

    def with_figure(self, name: str, value: float, digits: int = 2) -> None:
        self.figures[name] = round(value, digits)

    def add(self, other: Outcome) -> None:
        """Sum up."""
        for name in ("messages", "kills", "lost", "duplicates", "bound", "unknown"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.broken += other.broken
        self.figures |= other.figures

    def as_json(self) -> dict:
        return asdict(self)


@dataclass(frozen=True)
class Row:
    """A message, as committed."""

    no: int
    n: int
    contact_id: object
    dedupe: object
    state: str
    valid_until: float | None

    @property
    def key(self) -> tuple[int, int]:
        return self.no, self.n


@dataclass(frozen=True)
class Move:
    """A change of a message's state, at that wall clock."""

    old: str
    new: str
    txid: int
    wall: float


class Books:
    """What there is to judge from."""

    def __init__(self, site: Site, numbers: Sequence[int]) -> None:
        self.numbers = set(numbers)
        self.rows = [Row(*row) for row in site.query(_ROWS, list(numbers))]
        self.audiences = dict(site.query(_AUDIENCES, list(numbers)))
        self.moves: dict[tuple[int, int], list[Move]] = defaultdict(list)
        for no, n, *rest in site.query(_MOVES, list(numbers)):
            self.moves[no, n].append(Move(*rest))
        seen = site.seen
        self.copies: dict[tuple[int, int], list[End]] = defaultdict(list)
        for end in seen.copies:
            key = number_in(end.message_id)
            if key and key[0] in self.numbers:
                self.copies[key].append(end)
        keys = tokens.purpose_keys(RETURN_PATH)
        self.mails: dict[tuple[int, int], list[Mail]] = defaultdict(list)
        for mail in seen.mails:
            key = read_return_path(mail.sender, keys)
            if key and key[0] in self.numbers:
                self.mails[key].append(mail)
        self.acts = site.acts.read()


STORIES = 3
_ROWS = """
SELECT m.mailing_no, m.n, m.contact_id, m.dedupe_key, m.state, CAST(extract(epoch FROM p.valid_until) AS float8)
FROM messages m LEFT JOIN permissions p ON p.id = m.permission_id WHERE m.mailing_no = ANY(%s)
"""
_AUDIENCES = "SELECT no, audience FROM mailings WHERE no = ANY(%s) AND kind = 'bulk'"
_MOVES = """
SELECT no, n, old, new, txid, CAST(extract(epoch FROM at) AS float8) FROM fault_moves WHERE no = ANY(%s) ORDER BY at
"""


def check(
    site: Site,
    numbers: Sequence[int],
    *,
    kills: int = 0,
    bound: int = 0,
    doubt: int | None = None,
    is_shifted: bool = False,
) -> Outcome:
    """Judge mailings that have ended.

    Args:
        site: where to look.
        numbers: of the mailings.
        kills: what was done, for the report.
        bound: at most so many second copies.
        doubt: at most so many messages may be unknown; as many as second copies by default.
        is_shifted: whether processes were told another time, so that ends of permissions cannot be compared.
    """
    books = Books(site, numbers)
    outcome = Outcome(messages=len(books.rows), kills=kills, bound=bound)
    outcome.lost = sum(is_lost(row, books) for row in books.rows)
    outcome.duplicates = sum(len(copies) - 1 for copies in books.copies.values())
    outcome.unknown = sum(row.state == MessageState.UNKNOWN for row in books.rows)
    outcome.demand(outcome.lost == 0, f"{outcome.lost} lost")
    most = bound if doubt is None else doubt
    outcome.demand(outcome.unknown <= most, f"{outcome.unknown} unknown, more than {most}")
    for judge in (_one_each, _sums, _begun, _copies, _sent_stays):
        judge(books, outcome)
    _vetoes(books, outcome, is_shifted=is_shifted)
    return outcome


def is_lost(row: Row, books: Books) -> bool:
    """Whether somebody has no copy and nothing says so."""
    return not books.copies.get(row.key) and (row.state in _STAYS or row.state not in _ENDED)


def _one_each(books: Books, outcome: Outcome) -> None:
    twice = Counter((row.no, row.dedupe) for row in books.rows)
    people = Counter((row.no, row.contact_id) for row in books.rows if row.no in books.audiences)
    outcome.demand(
        max([*twice.values(), *people.values(), 1]) == 1, "I1: a person has two messages of one mailing"
    )
    open_rows = sum(row.state not in _ENDED for row in books.rows)
    outcome.demand(not open_rows, f"I1: {open_rows} messages came to no end")
    strangers = set(books.copies) - {row.key for row in books.rows}
    outcome.demand(not strangers, f"I1: {len(strangers)} copies belong to no message")


def _sums(books: Books, outcome: Outcome) -> None:
    for no, audience in books.audiences.items():
        count = sum(row.no == no for row in books.rows)
        outcome.demand(count == audience, f"I2: {count} messages for an audience of {audience}")


def _begun(books: Books, outcome: Outcome) -> None:
    bad = 0
    for key, copies in books.copies.items():
        begins = [move.wall for move in books.moves.get(key, ()) if move.new == MessageState.ATTEMPTING]
        for index, copy in enumerate(sorted(copies, key=lambda copy: copy.mail_wall)):
            bad += bisect.bisect(begins, copy.mail_wall) < index + 1
    outcome.demand(not bad, f"I3: {bad} copies without a begin of their own before them")


def _copies(books: Books, outcome: Outcome) -> None:
    outcome.demand(
        outcome.duplicates <= outcome.bound,
        f"I5: {outcome.duplicates} second copies, more than {outcome.bound}: {_stories(books)}",
    )
    names = [key for key, copies in books.copies.items() if len({copy.message_id for copy in copies}) > 1]
    outcome.demand(not names, f"I5: {len(names)} messages under several Message-IDs")
    wrong = sum(len({copy.recipient for copy in copies}) > 1 for copies in books.copies.values())
    outcome.demand(not wrong, f"I5: {wrong} messages went to several people")


def _stories(books: Books) -> str:
    """What happened to the first of those that came twice, in its order."""
    told = []
    for key, copies in books.copies.items():
        if len(copies) > 1:
            steps = [(move.wall, f"{move.old} to {move.new}") for move in books.moves.get(key, ())]
            steps += [(copy.wall, f"copy, {copy.reply!r} (MAIL {copy.mail_wall:.3f})") for copy in copies]
            told.append(f"{key}: " + ", ".join(f"{wall:.3f} {words}" for wall, words in sorted(steps)))
    return "; ".join(told[:STORIES])


def _sent_stays(books: Books, outcome: Outcome) -> None:
    back = sum(
        move.old in _STAYS and move.new not in _STAYS for moves in books.moves.values() for move in moves
    )
    outcome.demand(not back, f"I6: {back} times something sent became something else")


def _vetoes(books: Books, outcome: Outcome, *, is_shifted: bool) -> None:
    said_no: dict[object, float] = {}
    for act in books.acts:
        said_no.setdefault(act.contact_id, act.wall)
    late = 0
    for row in books.rows:
        until = [said_no[row.contact_id] + NO_SECONDS] if row.contact_id in said_no else []
        if row.valid_until is not None and not is_shifted:
            until.append(row.valid_until)
        late += sum(mail.wall > min(until) for mail in books.mails.get(row.key, ())) if until else 0
    outcome.demand(not late, f"I4: {late} MAIL FROM after a no or a permission's end")


def number_in(message_id: str) -> tuple[int, int] | None:
    """The message that a Message-ID names."""
    found = _NUMBER.match(message_id)
    return (int(found[1]), int(found[2])) if found else None
