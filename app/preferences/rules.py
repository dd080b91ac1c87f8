"""Pure decisions: which confirmation goes out, and what a saved page means."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.consent.rules import State

BETWEEN_MAILS = timedelta(hours=24)
MONTH = timedelta(days=30)
MAILS_A_MONTH = 3
LOOK_BACK = timedelta(days=90)
"""How far back earlier questions are looked at to know which of them were mailed."""

PURGE_DAYS = 30
PRIVATE_LINKS_A_DAY = 3
FRESH_MAILS_A_DAY = 1
DAY_SECONDS = 24 * 3600


def is_mailed(asked_at: Sequence[datetime], index: int) -> bool:
    """Whether the question at ``index`` is mailed, given when one mailbox was asked (oldest first).

    At most one mail in 24 hours and three in 30 days. It follows from the order of the questions alone, so
    every worker and every attempt comes to the same answer, and nothing needs to be written down.
    """
    mailed: list[datetime] = []
    for position, moment in enumerate(asked_at[: index + 1]):
        recent = [sent for sent in mailed if moment - sent < MONTH]
        may = len(recent) < MAILS_A_MONTH and not (mailed and moment - mailed[-1] < BETWEEN_MAILS)
        if position == index:
            return may
        if may:
            mailed.append(moment)
    return False


@dataclass(frozen=True, slots=True)
class Change:
    """What saving the page asks for."""

    ask: tuple[UUID, ...]
    withdraw: tuple[UUID, ...]


def change_of(now: Mapping[UUID, State], offered: Sequence[UUID], ticked: Collection[UUID]) -> Change:
    """The difference between what is in force and what was ticked.

    Args:
        now: the state of each interest that was ever asked about.
        offered: the interests on the page; nothing else can be changed by it.
        ticked: what the person ticked.
    """
    live = {interest for interest, state in now.items() if state in {State.YES, State.ASKED}}
    ask = tuple(interest for interest in offered if interest in ticked and interest not in live)
    withdraw = tuple(interest for interest in offered if interest not in ticked and interest in live)
    return Change(ask, withdraw)
