"""What happened in the shop, as a plan: who came when, and what each of them did. Pure, the same for a seed."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from uuid import UUID

from app.contacts.rules import fold_name
from app.demo import names
from app.forms.rules import CUSTOM, Asked, Definition, Use

DAYS = 540
"""About eighteen months."""
ANSWER_DAYS = 7
STAFF_SHARE = 0.03
CONFIRM_SHARE = 0.86
TRACKING_SHARE = 0.4
GERMAN_SHARE = 0.15

INTERESTS = (
    ("Coffee letters", "New coffees, where they come from and how they taste.", "about twice a month", 0.85),
    ("Offers", "A few roasts at a better price, for a few days.", "about once a month", 0.5),
    ("Brewing notes", "One recipe at a time, tried on our own counter.", "every second week", 0.4),
    ("Tastings in Bristol", "Evenings at Ferry Yard, first come, first served.", "when there is one", 0.25),
)
"""Name, description, pace, and how many of those who come choose it."""
BREWS = ("Espresso", "Filter", "French press", "Moka pot", "Whatever is there")


NOTICE = (
    "Who we are: Oxbow Coffee. We keep your name, your address and what you chose, to send you the letters you asked "
    "for and nothing else.\n\nWe give them to nobody. What you open and follow we see only where you allowed it.\n\n"
    "We keep them until you leave, and the proof of your permission for as long as the law of your country may ask for "
    "it. You may see, correct and erase all of it on the page of your choices, and complain to your authority."
)
"""The shop's privacy notice: its address exists in no network, so its words are entered."""
_WORDS = {
    "en": {
        "title": "Letters from {brand}",
        "intro": "Four kinds of mail. Pick what you care about.",
        "consent": "Yes, {brand} may email me about what I ticked above.",
        "consent_hint": "You can stop with one click in every mail.",
        "tracking": "{brand} may see which mails I open and which links I follow.",
        "tracking_hint": "Without it we only count totals, never people. The mails are the same.",
        "notice": "We keep your address until you leave, and proof of your permission for as long as the law "
        "of your country may ask for it, ten years at most.",
    },
    "de": {
        "title": "Post von {brand}",
        "intro": "Vier Arten von E-Mails. Wählen Sie, was Sie interessiert.",
        "consent": "Ja, {brand} darf mir E-Mails zu den oben gewählten Themen schicken.",
        "consent_hint": "Ein Klick in jeder E-Mail genügt, um das zu beenden.",
        "tracking": "{brand} darf sehen, welche E-Mails ich öffne und welchen Links ich folge.",
        "tracking_hint": "Ohne Haken zählen wir nur Summen, nie einzelne Personen. Die E-Mails bleiben gleich.",
        "notice": "Ihre Adresse bewahren wir auf, bis Sie gehen, den Nachweis so lange, wie das Recht Ihres "
        "Landes ihn verlangen kann, höchstens zehn Jahre.",
    },
}


def words_of(brand: str, language: str, interests: tuple[UUID, ...]) -> Definition:
    """The words of the shop's form, in English or German."""
    filled = {name: words.format(brand=brand) for name, words in _WORDS[language].items()}
    asked = (Asked("first_name", Use.OPTIONAL), Asked(CUSTOM + "brews_with", Use.OPTIONAL))
    return Definition(**filled, asked=asked, interests=interests)


class Deed(StrEnum):
    """What a person does, or what happens to them."""

    ADDED = "added"
    SIGN_UP = "sign_up"
    CONFIRM = "confirm"
    WITHDRAW = "withdraw"
    STOP = "stop"
    NO_TRACKING = "no_tracking"
    BOUNCE = "bounce"
    COMPLAIN = "complain"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, and what they choose on the form: places in INTERESTS."""

    first_name: str
    last_name: str
    address: str
    language: str
    town: str
    brews: str
    ip: str
    agent: str
    interests: tuple[int, ...]
    tracking: bool


@dataclass(frozen=True, slots=True, order=True)
class Act:
    """One deed of one person (their place in the plan)."""

    at: datetime
    person: int
    deed: Deed = field(compare=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everybody, and all that happened, oldest first."""

    people: tuple[Person, ...]
    acts: tuple[Act, ...]


def plan(people: int, now: datetime, *, seed: int, first_number: int = 0) -> Plan:
    """Make up a history that ends now.

    Args:
        people: how many.
        now: nothing happens later.
        seed: the same seed and the same now give the same history.
        first_number: addresses carry a number from here on, so that a second plan takes none twice.
    """
    chance = Random(seed)  # noqa: S311  a story, no secret
    everyone = tuple(_person(chance, first_number + number) for number in range(people))
    began = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 1)
    acts = [
        act
        for number in range(people)
        for act in _life(chance, number, began + _arrival(chance), now)
        if act.at < now - timedelta(minutes=1)
    ]
    return Plan(everyone, tuple(sorted(acts)))


def _person(chance: Random, number: int) -> Person:
    first, last = chance.choice(names.FIRST), chance.choice(names.LAST)
    chosen = tuple(place for place, found in enumerate(INTERESTS) if chance.random() < found[3])
    return Person(
        first_name=first,
        last_name=last,
        address=f"{_ascii(first)}.{_ascii(last)}{number + 1}@{chance.choice(names.DOMAINS)}",
        language="de" if chance.random() < GERMAN_SHARE else "en",
        town=chance.choice(names.TOWNS),
        brews=chance.choice(BREWS),
        ip=f"{chance.choice(names.NETWORKS)}.{chance.randrange(1, 255)}",
        agent=chance.choice(names.AGENTS),
        interests=chosen or (0,),
        tracking=chance.random() < TRACKING_SHARE,
    )


def _ascii(name: str) -> str:
    folded = unicodedata.normalize("NFKD", fold_name(name))
    return "".join(letter for letter in folded if letter.isascii() and letter.isalnum())


def _arrival(chance: Random) -> timedelta:
    """When somebody comes: more as the shop grows, mostly by day and in the evening."""
    while True:
        share = chance.random()
        if chance.random() < 0.35 + 0.65 * share:
            hour = min(max(chance.gauss(16, 4), 6), 23.5)
            return timedelta(days=int(share * DAYS), hours=hour, seconds=chance.randrange(3600) / 7)


def _life(chance: Random, number: int, at: datetime, now: datetime) -> list[Act]:
    if chance.random() < STAFF_SHARE:
        return _entered_by_hand(chance, number, at)
    acts = [Act(at, number, Deed.SIGN_UP)]
    if chance.random() > CONFIRM_SHARE:
        return acts
    said_yes = at + timedelta(
        seconds=int(chance.choice((45, 90, 150, 400, 3_000, 70_000)) * chance.uniform(0.6, 1.8))
    )
    acts.append(Act(said_yes, number, Deed.CONFIRM))
    deed = _later(chance)
    left = (now - said_yes).total_seconds()
    if deed is not None and left > 0:
        acts.append(Act(said_yes + timedelta(seconds=left * chance.uniform(0.05, 1)), number, deed))
    return acts


def _entered_by_hand(chance: Random, number: int, at: datetime) -> list[Act]:
    acts = [Act(at, number, Deed.ADDED)]
    if chance.random() < 0.25:
        acts.append(Act(at + timedelta(days=chance.randrange(3, 40)), number, Deed.NEVER))
    return acts


def _later(chance: Random) -> Deed | None:
    """What most never do: leave something, leave everything, bounce, complain."""
    shares = (
        (0.08, Deed.WITHDRAW),
        (0.06, Deed.STOP),
        (0.03, Deed.NO_TRACKING),
        (0.03, Deed.BOUNCE),
        (0.006, Deed.COMPLAIN),
    )
    drawn = chance.random()
    for share, deed in shares:
        if drawn < share:
            return deed
        drawn -= share
    return None
