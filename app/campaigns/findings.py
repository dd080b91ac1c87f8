"""What is found when a letter is made for everybody before it is sent: counted, kept and said in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from app.campaigns.rules import Check

MOST: Final = 60
"""Findings of one campaign that are told apart; what comes later is counted together."""
NAMED: Final = 10
"""People of each finding who are named."""
SHOWN: Final = 3
_WORDS: Final = 300


class Kind(StrEnum):
    """What can be found of a copy."""

    FAULT = "fault"
    """It cannot be made; ``about`` says why."""
    ADDRESS = "address"
    """Whoever it is for is not written to by our own rules; ``about`` says why."""
    BLANK = "blank"
    """A tag stands for nothing; ``about`` is its name."""
    LINK = "link"
    """A link lacks a value or leads nowhere; ``about`` is the address as it was written."""
    CLIPPED = "clipped"
    """It is larger than what Gmail shows."""


FAILING: Final = frozenset({Kind.FAULT, Kind.ADDRESS})
"""Whose message would end as failed."""
Found = tuple[Kind, str]


@dataclass(slots=True)
class Finding:
    """So many people of whom the same was found in the copies of a variant; ``label`` is empty without variants."""

    label: str
    kind: Kind
    about: str
    people: int = 0


@dataclass(slots=True)
class Tally:
    """All that was found so far; of each variant ``made``: for how many people it was tried, ``failing``: of whom it fails."""

    made: dict[str, int] = field(default_factory=dict)
    failing: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def add(self, label: str, found: Iterable[Found], people: int) -> list[int]:
        """Count copies of so many people of whom this was found; gives the places of the findings."""
        found = list(found)
        self.made[label] = self.made.get(label, 0) + people
        if any(kind in FAILING for kind, _ in found):
            self.failing[label] = self.failing.get(label, 0) + people
        # Each once: what is counted together is one finding of these people, however much of it there is.
        places = list(dict.fromkeys(self._place(label, kind, about[:_WORDS]) for kind, about in found))
        for place in places:
            self.findings[place].people += people
        return places

    def _place(self, label: str, kind: Kind, about: str) -> int:
        for place, one in enumerate(self.findings):
            if (one.label, one.kind, one.about) == (label, kind, about):
                return place
        if len(self.findings) >= MOST and about:
            return self._place(label, kind, "")
        self.findings.append(Finding(label, kind, about))
        return len(self.findings) - 1

    def plain(self) -> dict[str, Any]:
        """As JSON, for ``read``."""
        findings = [[one.label, one.kind.value, one.about, one.people] for one in self.findings]
        return {"made": self.made, "failing": self.failing, "findings": findings}


def read(told: Mapping[str, Any]) -> Tally:
    """A tally that was kept."""
    findings = [Finding(label, Kind(kind), about, people) for label, kind, about, people in told.get("findings", ())]
    return Tally(dict(told.get("made", {})), dict(told.get("failing", {})), findings)


def checks(tally: Tally) -> list[Check]:
    """What it means for the campaign: copies that fail warn with their number.

    They block where a letter is at fault and no copy of it can be sent, or where nobody could get anything.
    """
    found = [_check_failing(tally, label) for label in tally.made if tally.failing.get(label)]
    others = [one for one in tally.findings if one.kind not in FAILING]
    if others:
        number = "1 thing" if len(others) == 1 else f"{len(others)} things"
        titles = "; ".join(_begun(title_of(one, tally)) for one in others[:SHOWN])
        found.append(Check("warn", f"Tried with everybody: {number} to look at", f"{titles}.", "rehearsal"))
    if not found:
        people = max(tally.made.values(), default=0)
        found.append(Check("pass", f"Tried with everybody: each of the {people:,} copies can be made and says what it should"))
    return found


def _check_failing(tally: Tally, label: str) -> Check:
    failing, made = tally.failing[label], tally.made[label]
    whys = "; ".join(one.about for one in tally.findings if one.label == label and one.kind in FAILING and one.about)
    says = f"These messages would end as failed. {whys}"[:_WORDS]
    is_at_fault = any((one.label, one.kind) == (label, Kind.FAULT) for one in tally.findings)
    # A text that few read is not at fault for their addresses, and keeps nobody else's mail back.
    if failing >= made and (is_at_fault or sum(tally.failing.values()) >= sum(tally.made.values())):
        return Check("stop", _begun(f"{_of(label)}no copy of it could be sent"), says, "rehearsal")
    return Check("warn", _begun(f"{_of(label)}{failing:,} of {made:,} copies could not be sent"), says, "rehearsal")


def _begun(words: str) -> str:
    return words[:1].upper() + words[1:]


def _of(label: str) -> str:
    return f"{label}: " if label else ""


def title_of(one: Finding, tally: Tally) -> str:
    """A finding in words, with its number."""
    number = f"{one.people:,} of {tally.made.get(one.label, 0):,}"
    said = {
        Kind.FAULT: f"{number} copies cannot be made",
        Kind.ADDRESS: f"{number} are at an address, or of a name, that no mail may carry",
        Kind.BLANK: f"“{one.about}” is empty for {number}" if one.about else f"other tags are empty for {number}",
        Kind.LINK: f"a link lacks a value for {number}: {one.about or 'others'}",
        Kind.CLIPPED: f"{number} mails are larger than 102 KB",
    }
    return _begun(f"{_of(one.label)}{said[one.kind]}")


def says_of(one: Finding) -> str:
    """What it means, or why."""
    if one.kind in FAILING:
        return f"{one.about or 'For other reasons.'} Their messages would end as failed."
    return {
        Kind.BLANK: "The letter has no default for it, so a blank stands there.",
        Kind.LINK: "It leads where its author did not mean it to.",
    }.get(one.kind, "Gmail shows no more, and cuts the way to leave with it.")
