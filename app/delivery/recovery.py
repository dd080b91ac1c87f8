"""What a dead sender's journal says, put into the tables before anybody may take what it held."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from app.delivery import journal, outbox, retries
from app.delivery.identity import message_id
from app.delivery.journal import Left, Record, Step
from app.delivery.outbox import End, Held
from app.delivery.pacing import slots
from app.delivery.rules import MessageState
from app.delivery.transports.base import Outcome, Verb
from app.kernel import clock
from app.kernel.db import release, transaction

log = logging.getLogger(__name__)

DOUBT = "the worker ended before the answer"
ANSWERED = "the answer was found in the journal of a worker that ended"
POISON = "three workers ended while they had it"
_SERVER_ERROR = 400


def replay() -> None:
    """Bring every dead sender's messages to where they stand.

    An answer that was noted counts; a body that had begun is doubt; what had only begun was not sent and goes back.
    """
    with journal.left_behind() as dead:
        for left in dead:
            with transaction():
                _apply(left)
            release()


def _apply(left: Left) -> None:
    # Its lines have ended with it.
    slots.release(left.owner)
    last = {(record.mailing_no, record.n): record for record in left.records}
    culprit = _being_made(left.records) if left.is_believed else None
    owned = outbox.held_by(left.owner)
    for _, group in groupby(owned, key=lambda held: held.mailing_no):
        _end_begun(left, list(group), last)
    if left.is_believed:
        _tell_sent(left.owner, last)
        _blame(owned, culprit)
    if owned:
        log.warning("a worker ended with %s messages in hand; its journal has put them right", len(owned))


def _being_made(records: Sequence[Record]) -> Record | None:
    """The message whose content was being made at the end."""
    made = [record for record in records if record.step in {Step.RENDERING, Step.RENDERED}]
    return made[-1] if made and made[-1].step is Step.RENDERING else None


def _end_begun(left: Left, begun: Sequence[Held], last: dict[tuple[int, int], Record]) -> None:
    now = clock.now()
    back, ends = [], []
    for held in begun:
        step = _step(held, last) if left.is_believed else Step.BODY
        code = last[held.mailing_no, held.n].code if step is Step.ANSWER else 0
        if step is Step.BODY:
            ends.append((held, End(MessageState.UNKNOWN, DOUBT, crashes=1)))
        elif code:
            ends.append((held, _answered(held, code, now)))
        else:
            back.append(held)
    outbox.give_back(back, left.owner)
    outbox.finish_all(ends)


def _answered(held: Held, code: int, now: datetime) -> End:
    """The journal keeps the answer's code; its words are lost."""
    verdict = retries.classify(code, "", "", Verb.DOT)
    state = {Outcome.SENT: MessageState.SENT, Outcome.PERMANENT: MessageState.FAILED}.get(verdict.outcome)
    if state is not None:
        name = message_id(held.mailing_no, held.n, held.from_domain or "")
        return End(state, f"{code} ({ANSWERED})", code=code, message_id=name)
    due_at = retries.next_attempt(verdict, held.attempts + 1, held.first_at or now, now, random.random)
    waiting = MessageState.PENDING if due_at else MessageState.EXPIRED
    return End(waiting, f"{code} ({ANSWERED})", code=code, due_at=due_at, counts=verdict.counts)


def _blame(owned: Sequence[Held], culprit: Record | None) -> None:
    """The message whose mail was being made: it was not the owner's yet, for what begins has been made."""
    if culprit is not None and not any(_is_of(culprit, held) for held in owned):
        outbox.blame(culprit.mailing_no, culprit.n, culprit.fence, POISON)


def _is_of(record: Record, held: Held) -> bool:
    return (record.mailing_no, record.n, record.fence) == (held.mailing_no, held.n, held.fence)


def _tell_sent(owner: str, last: dict[tuple[int, int], Record]) -> None:
    """An answer that says sent also wins where the lease ended before anybody read the journal."""
    sent = {
        number: record
        for number, record in last.items()
        if record.step is Step.ANSWER and 0 < record.code < _SERVER_ERROR
    }
    for held in outbox.freed_from(owner, list(sent)):
        record = sent[held.mailing_no, held.n]
        outbox.finish(held, End(MessageState.SENT, f"{record.code} ({ANSWERED})", code=record.code))


def _step(held: Held, last: dict[tuple[int, int], Record]) -> Step | None:
    """How far the message was, as claimed with this fence."""
    record = last.get((held.mailing_no, held.n))
    return record.step if record is not None and record.fence == held.fence else None
