"""Who stands behind a signal: a person, a program, or we cannot tell; always with the reason.

Two looks. The first is at the request alone. The second is at all signals of one message together: it can only
turn a signal into a program's, never back, so the order in which hits arrive does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from app.tracking.rules.hits import HIDDEN, Hit, Kind
from app.tracking.rules.programs import Program, name


class Verdict(StrEnum):
    """Who made a signal. Only a person's counts for scores."""

    HUMAN = "human"
    MACHINE = "machine"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why we think so."""

    BROWSER = "browser"
    HEAD = "head"
    PREFETCH = "prefetch"
    APPLE_PROXY = "apple_proxy"
    GOOGLE_PROXY = "google_proxy"
    YAHOO_PROXY = "yahoo_proxy"
    OUTLOOK_PROXY = "outlook_proxy"
    MAIL_PROXY = "mail_proxy"
    SCANNER = "scanner"
    BOT = "bot"
    NO_PROGRAM = "no_program"
    STRANGE_PROGRAM = "strange_program"
    HIDDEN_LINK = "hidden_link"
    MANY_LINKS = "many_links"
    TOO_SOON = "too_soon"
    TOLD = "told"


SAYS: Final[Mapping[Reason, str]] = {
    Reason.BROWSER: "a browser or mail program, at a person's pace",
    Reason.HEAD: "asked for the headers only, as link checkers do",
    Reason.PREFETCH: "fetched ahead, before anybody asked for it",
    Reason.APPLE_PROXY: "Apple's Mail Privacy Protection loads every picture, read or not",
    Reason.GOOGLE_PROXY: "Gmail's image proxy, which hides whether anybody looked",
    Reason.YAHOO_PROXY: "Yahoo's image proxy, which hides whether anybody looked",
    Reason.OUTLOOK_PROXY: "Outlook's image proxy, which hides whether anybody looked",
    Reason.MAIL_PROXY: "a mail service's image proxy, which hides whether anybody looked",
    Reason.SCANNER: "a security scanner by its own words",
    Reason.BOT: "a robot or script by its own words",
    Reason.NO_PROGRAM: "the program did not say what it is",
    Reason.STRANGE_PROGRAM: "a program that we do not know",
    Reason.HIDDEN_LINK: "a link that no person sees was followed in the same sweep",
    Reason.MANY_LINKS: "three or more links within two seconds",
    Reason.TOO_SOON: "less than five seconds after delivery",
    Reason.TOLD: "told by a program of yours, or known to Nod itself",
}
_MACHINES: Final[Mapping[Program, Reason]] = {
    Program.APPLE_PROXY: Reason.APPLE_PROXY,
    Program.GOOGLE_PROXY: Reason.GOOGLE_PROXY,
    Program.YAHOO_PROXY: Reason.YAHOO_PROXY,
    Program.OUTLOOK_PROXY: Reason.OUTLOOK_PROXY,
    Program.MAIL_PROXY: Reason.MAIL_PROXY,
    Program.SCANNER: Reason.SCANNER,
    Program.BOT: Reason.BOT,
}

SWEEP_BEFORE: Final = timedelta(hours=1)
"""A scanner's sweep may have begun so long before it came to the hidden link."""
SWEEP_AFTER: Final = timedelta(minutes=2)
"""And goes on for so long; a person who opens the mail minutes after the scanner is kept."""
MANY: Final = 3
WITHIN: Final = timedelta(seconds=2)
SOON: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict with its reason."""

    verdict: Verdict
    reason: Reason


class Seen(NamedTuple):
    """One signal of a message, with what has been found so far."""

    event_id: str
    kind: Kind
    link: int
    at: datetime
    finding: Finding


_OF_MACHINES: Final = {reason: Finding(Verdict.MACHINE, reason) for reason in Reason}
_OF_PROGRAMS: Final[Mapping[Program, Finding]] = {
    Program.BROWSER: Finding(Verdict.HUMAN, Reason.BROWSER),
    Program.MISSING: Finding(Verdict.UNKNOWN, Reason.NO_PROGRAM),
    Program.STRANGE: Finding(Verdict.UNKNOWN, Reason.STRANGE_PROGRAM),
    **{program: _OF_MACHINES[reason] for program, reason in _MACHINES.items()},
}


def by_request(hit: Hit) -> Finding:
    """What the request alone tells."""
    if hit.link == HIDDEN:
        return _OF_MACHINES[Reason.HIDDEN_LINK]
    if hit.is_head:
        return _OF_MACHINES[Reason.HEAD]
    if hit.is_prefetch:
        return _OF_MACHINES[Reason.PREFETCH]
    return _OF_PROGRAMS[name(hit.program)]


def by_company(
    signals: Sequence[Seen], began_at: datetime | None = None, ended_at: datetime | None = None
) -> list[Finding]:
    """What all signals of one message tell about each other.

    Args:
        signals: all that are known of the message, in any order.
        began_at: when its hand-over to the mail server began.
        ended_at: when the server had taken it.

    Returns:
        The finding of each signal, in their order.
    """
    traps = [signal.at for signal in signals if signal.link == HIDDEN]
    swift = _swift(signals)
    found = [signal.finding for signal in signals]
    for place, signal in enumerate(signals):
        if signal.finding.verdict is not Verdict.MACHINE:
            if traps and any(-SWEEP_BEFORE <= signal.at - trap <= SWEEP_AFTER for trap in traps):
                found[place] = _OF_MACHINES[Reason.HIDDEN_LINK]
            elif place in swift:
                found[place] = _OF_MACHINES[Reason.MANY_LINKS]
            elif _is_too_soon(signal.at, began_at, ended_at):
                found[place] = _OF_MACHINES[Reason.TOO_SOON]
    return found


def _is_too_soon(at: datetime, began_at: datetime | None, ended_at: datetime | None) -> bool:
    # The end may be written down long after it was: a worker that died tells it when it is back. So the time
    # between begin and end proves nothing, only the seconds after each of the two.
    if began_at is not None and at - began_at < SOON:
        return True
    return ended_at is not None and timedelta(0) <= at - ended_at < SOON


def _swift(signals: Sequence[Seen]) -> set[int]:
    """The places of clicks that belong to MANY distinct links WITHIN two seconds."""
    clicks = [(signal.at, place, signal.link) for place, signal in enumerate(signals) if signal.kind is Kind.CLICK]
    found: set[int] = set()
    if len(clicks) < MANY:
        return found
    clicks.sort()
    first = 0
    for last, (at, _, _) in enumerate(clicks):
        while at - clicks[first][0] > WITHIN:
            first += 1
        if last - first + 1 >= MANY:
            window = clicks[first : last + 1]
            if len({link for _, _, link in window}) >= MANY:
                found.update(place for _, place, _ in window)
    return found
