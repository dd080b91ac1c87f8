"""Pure decisions about the list and a person's page: what a search means, what a page of a timeline holds."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.consent.history import Verdict
from app.consent.rules import Level, Word
from app.contacts.rules import fold_name
from app.kernel.module import TimelineEntry
from app.kernel.patterns import like

MAX_QUERY = 200
MAX_WORDS = 5
SHORT = 3
"""Trigrams find pieces of three characters; shorter ones are looked for at the beginning of words."""
ERASE_WORD = "erase"

LEVELS = {
    Level.NONE: "not at all",
    Level.DATE: "only the day of their last open, to keep the list clean",
    Level.AGGREGATE: "as part of a total only",
    Level.INDIVIDUAL: "for this person",
}


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a search as two lists of LIKE patterns, for names and for mailboxes."""

    names: tuple[str, ...]
    keys: tuple[str, ...]


def terms(query: str) -> tuple[Term, ...]:
    """What to look for: each of the first five words must be found in a name or in a mailbox."""
    visible = "".join(
        " " if unicodedata.category(letter)[0] == "C" else letter for letter in query[:MAX_QUERY]
    )
    return tuple(_term(word) for word in visible.split()[:MAX_WORDS])


def _term(word: str) -> Term:
    name, key = like(fold_name(word)), like(unicodedata.normalize("NFC", word.casefold()))
    if len(word) < SHORT:
        return Term((f"{name}%", f"% {name}%"), (f"{key}%",))
    return Term((f"%{name}%",), (f"%{key}%",))


def initials(name: str, address: str) -> str:
    """Two letters for the round sign beside a person; from the address where there is no name."""
    words = name.split() or address.partition("@")[0].split(".")
    letters = [next((letter for letter in word if letter.isalnum()), "") for word in (words[0], words[-1])]
    return "".join(letters if len(words) > 1 else letters[:1]).upper()


# --- Acts on many -----------------------------------------------------------------------------------------------


class ActKind(StrEnum):
    """What an act on many people does: a tag, a company, or a value of a field that they get or lose."""

    PUT_ON = "put_on"
    TAKE_OFF = "take_off"
    JOIN = "join"
    LEAVE = "leave"
    SET = "set"
    CLEAR = "clear"


ACT_NEEDS = {
    ActKind.PUT_ON: ("tag", "Write a tag."),
    ActKind.TAKE_OFF: ("tag", "Write a tag."),
    ActKind.JOIN: ("name", "Write a company."),
    ActKind.LEAVE: ("name", "Write a company."),
    ActKind.SET: ("field", "Choose a field."),
    ActKind.CLEAR: ("field", "Choose a field."),
}
"""Which part of a form names what an act is about, and what to say where it is missing."""
ACT_OF_ENTER = {"tag": ActKind.PUT_ON, "name": ActKind.JOIN, "field": ActKind.SET}
"""What Enter does where only this part is written."""


class ActState(StrEnum):
    """How far an act on many people is."""

    DOING = "doing"
    DONE = "done"
    UNDOING = "undoing"
    UNDONE = "undone"


UNDO_FOR = timedelta(days=7)
ACTS_KEPT = timedelta(days=30)


def may_undo(state: ActState, ended_at: datetime | None, now: datetime) -> bool:
    """Whether an act can be taken back: while it goes on, and for a week after."""
    if state is ActState.DOING:
        return True
    return state is ActState.DONE and ended_at is not None and now - ended_at < UNDO_FOR


def whom(query: str, word: str, interest: str, tag: str) -> str:
    """Everybody whom a search finds, in words; an address is none of them, since it is kept when its person is not."""
    by = [
        *(["by an address"] if "@" in query else [f"by “{query}”"] if query else []),
        *([f"with the permission {word}"] if word else []),
        *([f"asked about {interest}"] if interest else []),
        *([f"with the tag “{tag}”"] if tag else []),
    ]
    return f"everybody found {', '.join(by)}" if by else "everybody"


def people(count: int) -> str:
    """A number of people in words."""
    return "1 person" if count == 1 else f"{count:,} people"


# --- The answer -------------------------------------------------------------------------------------------------


def answer(verdicts: Sequence[Verdict]) -> tuple[Word, str]:
    """Whether we may write to somebody now, in one or two sentences, and the word for it."""
    words = {verdict.word for verdict in verdicts}
    word = next((found for found in (Word.NEVER, Word.YES, Word.ASKED) if found in words), Word.NO)
    deciding = [verdict for verdict in verdicts if verdict.word is word]
    if word is Word.YES and len(verdicts) > 1:
        latest = max(deciding, key=lambda verdict: verdict.at.timestamp() if verdict.at else 0)
        reason = latest.sentence.removeprefix("We may write, because ")
        return word, f"We may write about {names(deciding)}: {reason}"
    if word is Word.NO:
        deciding = [verdict for verdict in deciding if verdict.event_id] or deciding
    return word, deciding[
        0
    ].sentence if deciding else "Never asked. There is no event that would let us write."


def names(verdicts: Iterable[Verdict]) -> str:
    """Interests in a sentence: a, b and c."""
    return listed([verdict.interest_name for verdict in verdicts])


def listed(found: Sequence[str]) -> str:
    """Names in a sentence: a, b and c; empty for none."""
    *first, last = found or [""]
    return f"{', '.join(first)} and {last}" if first else last


# --- The timeline -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Slice:
    """A page of a timeline, newest first; older entries begin before ``earlier`` (None: there are none)."""

    entries: tuple[TimelineEntry, ...]
    earlier: datetime | None


def merge(sources: Iterable[Iterable[TimelineEntry]], limit: int) -> Slice | None:
    """The newest ``limit`` entries of sources that each gave up to ``limit`` + 1.

    Entries of one instant stay on one page: a page ends before an instant that does not fit as a whole. Within an
    instant those of higher rooms come first: a mail is newer than the question that caused it.

    Returns:
        None when one instant alone fills the page, so that more must be read.
    """
    all_of_them = [entry for source in reversed(list(sources)) for entry in source]
    everything = sorted(all_of_them, key=lambda entry: entry.at, reverse=True)
    if len(everything) <= limit:
        return Slice(tuple(everything), None)
    cut = everything[limit].at
    page = tuple(entry for entry in everything[:limit] if entry.at > cut)
    return Slice(page, page[-1].at) if page else None


@dataclass(frozen=True, slots=True)
class Day:
    """The entries of one day in the brand's time zone."""

    day: str
    entries: tuple[TimelineEntry, ...]


def days(entries: Sequence[TimelineEntry], now: datetime, zone: str) -> list[Day]:
    """Entries by day, newest first, with the words people use for the last two."""
    found: dict[date, list[TimelineEntry]] = {}
    for entry in entries:
        found.setdefault(entry.at.astimezone(ZoneInfo(zone)).date(), []).append(entry)
    today = now.astimezone(ZoneInfo(zone)).date()
    known = {today: "Today", today - timedelta(days=1): "Yesterday"}
    return [Day(known.get(on, f"{on:%-d %B %Y}"), tuple(of)) for on, of in found.items()]


# --- The question -----------------------------------------------------------------------------------------------

_QUESTIONS = {
    "en": ("Yes, {brand} may email me about {topics}.", "and"),
    "de": ("Ja, {brand} darf mir E-Mails schicken zu: {topics}.", "und"),
}


def question(brand: str, topics: Sequence[str], language: str) -> str:
    """The words that somebody says yes to who was entered by hand, so that no form showed them any."""
    sentence, conjunction = _QUESTIONS.get(language, _QUESTIONS["en"])
    *first, last = topics or [""]
    return sentence.format(brand=brand, topics=f"{', '.join(first)} {conjunction} {last}" if first else last)


def shown_value(value: object) -> str:
    """The stored value of a custom field as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
