"""Pure decisions about doubles: which reason holds between people, and whose value is offered first."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

UNDO_FOR: Final = timedelta(days=30)
MOST_IN_GROUP: Final = 20
"""So many people of one group are shown; the others come once these are merged or told apart."""


class Reason(StrEnum):
    """Why people may be one person, the strongest first."""

    MAILBOX = "mailbox"
    """The same mailbox in another spelling: dots, a part after a plus, capitals."""
    NUMBER = "number"
    """Another program calls them the same."""
    PHONE = "phone"
    """The same telephone number."""


WORDS: Final = {
    Reason.MAILBOX: "Same mailbox, written differently",
    Reason.NUMBER: "Same customer number",
    Reason.PHONE: "Same telephone number",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may be somebody else; ``keys`` holds what they share with others, by reason."""

    id: UUID
    name: str
    address: str
    created_at: datetime
    keys: dict[Reason, str | None]


def reasons(people: Collection[Candidate]) -> tuple[Reason, ...]:
    """What all of them share."""
    return tuple(
        reason for reason in Reason if len({one.keys[reason] for one in people}) == 1 and _shared(people, reason)
    )


def _shared(people: Collection[Candidate], reason: Reason) -> bool:
    return all(one.keys[reason] for one in people)


def remaining(people: Iterable[Candidate], different: Collection[tuple[UUID, UUID]]) -> list[Candidate]:
    """Those who may still be somebody among these, oldest first; ``different``: pairs in order of their ids."""
    found = list(people)
    known = set(different)
    return sorted(
        (
            one
            for one in found
            if any(pair(one.id, other.id) not in known for other in found if other.id != one.id)
        ),
        key=lambda one: (one.created_at, one.id),
    )


def pair(one: UUID, other: UUID) -> tuple[UUID, UUID]:
    """Two people in the order in which they are kept."""
    return (one, other) if one < other else (other, one)


def takes_first(own: object, other: object, *, is_newer: bool) -> bool:
    """Whether the other entry's value is offered first: where it is the only one, or the newer of two."""
    if not other or own == other:
        return False
    return not own or is_newer
