"""What stands when two entries turn out to be one person: of two words the stricter one. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from app.consent.rules import Digest, Level, Reason, State

MERGED: Final = "merged"
"""Why nobody writes to an entry that was merged, while it is; no reason of a person's, and gone with the merge."""
_LEVELS: Final = {level.value: rank for rank, level in enumerate(Level)}
_DIGESTS: Final = {None: 0, Digest.WEEKLY.value: 1, Digest.MONTHLY.value: 2}


@dataclass(frozen=True, slots=True)
class Said:
    """One permission as it stands: columns of ``permissions``."""

    state: str
    level: str | None
    basis: str
    valid_until: datetime | None
    paused_until: datetime | None
    event_id: UUID


@dataclass(frozen=True, slots=True)
class Barred:
    """What stands against reaching somebody on a channel: columns of ``reach``."""

    suppressed_at: datetime | None = None
    suppressed_reason: str | None = None
    objected_at: datetime | None = None
    event_id: UUID | None = None
    paused_until: datetime | None = None
    digest: str | None = None
    digest_from: datetime | None = None

    @property
    def is_bounced(self) -> bool:
        """Whether it is the mailbox that does not exist, and nothing that the person or anybody said."""
        return self.suppressed_at is not None and self.suppressed_reason == Reason.BOUNCE


def stricter(own: Said | None, other: Said | None) -> Said | None:
    """The permission of both: a no of either is a no, and a yes stands where the other one has said nothing or yes.

    A question that waits for its answer has said nothing. Of two yeses the one that ends sooner stands, with the
    longer pause and the lower level.
    """
    if own is None or other is None:
        return own or other
    for one in (own, other):
        if one.state == State.NO:
            return one
    yeses = [one for one in (own, other) if one.state == State.YES]
    if not yeses:
        return own
    first = min(yeses, key=lambda one: (_LEVELS.get(one.level or "", 0), _ends(one.valid_until)))
    ends = min(yeses, key=lambda one: _ends(one.valid_until)).valid_until
    return replace(first, valid_until=ends, paused_until=_latest(one.paused_until for one in yeses))


def at_mailbox(kept: Said | None, gone: Said | None) -> Said | None:
    """The permission of both to write to one of their two mailboxes: a yes lets nobody write to another one than said it.

    Args:
        kept: said by the entry whose mailbox goes on.
        gone: said by the other one: its no, and what narrows a yes of both, counts as in ``stricter``; its question is over.

    Returns:
        None where nothing stands for that mailbox: nothing was said from it.
    """
    if gone is None or gone.state == State.NO or (kept is not None and kept.state == State.YES):
        return stricter(kept, gone)
    return kept


def barred(own: Barred, other: Barred, *, takes_mailbox: bool) -> Barred:
    """The vetoes and wishes of both: each that either has, and of two wishes the one for less.

    A mailbox that does not exist speaks against that mailbox only: it counts for the survivor where it is the one that
    they are reached at from now on.

    Args:
        own: of who goes on.
        other: of the entry that is merged.
        takes_mailbox: they are reached at the other one's mailbox from now on.
    """
    gone = own if takes_mailbox else other
    vetoes = [one for one in (own, other) if one.suppressed_at and not (one is gone and one.is_bounced)]
    # What the person or staff said is final, and stands before a bounce.
    veto = min(vetoes, key=lambda one: one.is_bounced, default=Barred())
    objection = own if own.objected_at else other
    wish = max((own, other), key=lambda one: _DIGESTS[one.digest])
    return Barred(
        veto.suppressed_at, veto.suppressed_reason, objection.objected_at,
        veto.event_id or (objection.event_id if objection.objected_at else None) or own.event_id,
        _latest((own.paused_until, other.paused_until)), wish.digest, wish.digest_from,
    )  # fmt: skip


def _ends(moment: datetime | None) -> float:
    return moment.timestamp() if moment else float("inf")


def _latest(moments: Iterable[datetime | None]) -> datetime | None:
    return max((moment for moment in moments if moment), default=None)
