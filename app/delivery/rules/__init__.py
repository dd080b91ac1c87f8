"""Pure decisions and words of sending, and what a system mail promises to those who send it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

from app.delivery.retries import cool_down


class Lane(StrEnum):
    """Which workers send it; each lane is a queue of that name."""

    SYSTEM = "system"
    BULK = "bulk"


class Kind(StrEnum):
    """What a mailing is: one of many to people who agreed, or single mails that somebody waits for."""

    BULK = "bulk"
    SYSTEM = "system"


class MailingState(StrEnum):
    """Where a mailing stands; a system mailing is always running."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    FREEZING = "freezing"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"


class DkimState(StrEnum):
    """Where a domain's pair of keys stands: without its records in the DNS it must not sign."""

    MADE = "made"
    PUBLISHED = "published"
    ACTIVE = "active"
    RETIRED = "retired"


class MessageState(StrEnum):
    """Where one message stands."""

    PENDING = "pending"
    CLAIMED = "claimed"
    """As workers of earlier versions left it; no longer written."""
    ATTEMPTING = "attempting"
    SENT = "sent"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    EXPIRED = "expired"
    POISON = "poison"
    UNKNOWN = "unknown"


class Word(StrEnum):
    """What reports call a state; over all messages of a mailing they sum to the audience at every moment."""

    WAITING = "waiting"
    SENT = "sent"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNKNOWN = "unknown"


WORDS: Mapping[MessageState, Word] = {
    MessageState.PENDING: Word.WAITING,
    MessageState.CLAIMED: Word.WAITING,
    MessageState.ATTEMPTING: Word.WAITING,
    MessageState.SENT: Word.SENT,
    MessageState.BOUNCED: Word.SENT,
    MessageState.COMPLAINED: Word.SENT,
    MessageState.SUPPRESSED: Word.SKIPPED,
    MessageState.CANCELLED: Word.SKIPPED,
    MessageState.FAILED: Word.FAILED,
    MessageState.EXPIRED: Word.FAILED,
    MessageState.POISON: Word.FAILED,
    MessageState.UNKNOWN: Word.UNKNOWN,
}

STATES: Mapping[Word, tuple[MessageState, ...]] = {
    word: tuple(state for state, found in WORDS.items() if found is word) for word in Word
}
"""The states behind each word."""


class Leaving(StrEnum):
    """How a person went after a mail."""

    LEFT = "left"
    """They said no to its topic, or to everything."""
    COMPLAINED = "complained"


LEFT_WITHIN = timedelta(days=7)
"""Whoever leaves so soon after a mail left because of it, as far as anybody can say."""


MAY_LEAVE: Final = " AND (m.closes_at IS NULL OR m.closes_at > :now)"
"""That the hours of a message ``m`` are not over, in SQL."""


class Again(StrEnum):
    """Which of a mailing's messages go once more because a person wished it: those who have not got it, or those in doubt.

    The third puts into doubt: the database was restored, and what waits in it may have gone out since the backup.
    """

    REST = "rest"
    UNKNOWN = "unknown"
    RESTORED = "restored"


AGAIN: Mapping[Again, tuple[MessageState, ...]] = {
    Again.REST: (*STATES[Word.FAILED], MessageState.CANCELLED),
    Again.UNKNOWN: STATES[Word.UNKNOWN],
    Again.RESTORED: (MessageState.PENDING,),
}
"""Their states; who said no stays left out."""
LATE = timedelta(hours=2)
"""A mailing that could not begin for so long after its time waits for a person instead of surprising everybody."""
TOO_LATE = "Its time was more than two hours ago, so it waits for you."
RESTORED_DOUBT = "it may have gone out between the backup and its restore"
LETTER = "letter"
"""The name of every mailing to many."""

CRASHES_UNTIL_ASIDE = 2
"""So many workers ended over it: its mail is made in a process of its own from now on."""
CRASHES_UNTIL_POISON = 3
RENDER_FAULTS_UNTIL_FAILED = 2
RENDER_PAUSE = timedelta(minutes=1)
UNKNOWN_PAUSE = timedelta(minutes=15)
"""A system mail in doubt is tried once more so long after its last attempt began."""
HOST_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (5, 10, 20, 40))
"""While a mail server restarts, somebody waits before an inbox: so first some short pauses."""


def host_pause(faults: int) -> timedelta:
    """How long a message rests after so many faults of the host in a row: seconds, then 1, 2, 4 ... 30 minutes."""
    if faults <= len(HOST_PAUSES):
        return HOST_PAUSES[max(faults, 1) - 1]
    return cool_down(faults - len(HOST_PAUSES))


def restored_words(backup_at: datetime, known_until: datetime | None) -> str:
    """What a person reads about a database that was restored.

    Args:
        backup_at: the last sign of life in the backup.
        known_until: the last one outside of it; None: nothing outside knew this database.
    """
    since = f"{backup_at.astimezone(UTC):%d %B %Y, %H:%M:%S} UTC"
    if known_until is None:
        lead = f"This database is a copy or a backup of {since}: neither the data folder nor Redis know it."
    else:
        lead = f"This database was restored from a backup of {since}; mails went out until {known_until.astimezone(UTC):%d %B, %H:%M:%S}."
    return f"{lead} Who was waiting may have got theirs since then, and who left since then is not known as gone."


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a mail comes from.

    Attributes:
        name: the display name.
        address: the mailbox in From.
        reply_to: mailbox for answers, or empty.
        transport_id: the way out; None: the installation's own mail server.
    """

    name: str
    address: str
    reply_to: str = ""
    transport_id: UUID | None = None

    @property
    def domain(self) -> str:
        """The domain behind the mailbox."""
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class SystemMessage:
    """One message whose content is wanted.

    Attributes:
        dedupe: what makes it unique within its kind of mail, such as a request's id.
        created_at: when it was asked for; the Date of the mail on every attempt.
    """

    workspace_id: UUID
    contact_id: UUID | None
    user_id: UUID | None
    dedupe: UUID
    data: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Content:
    """What a mail says, ready for encoding."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a mail says and to whom; the same for the same message, so that a second attempt is byte-equal.

    Attributes:
        to: the recipient's mailbox.
        template: the folder below ``emails/system``; empty where ``content`` says it all.
        language: of the text.
        values: for the template's tags.
        to_name: display name of the recipient, or empty.
        unsubscribe_url: where RFC 8058's one-click POST goes; None for mails to staff.
        extra_headers: further (name, value) pairs.
        content: instead of a template.
    """

    to: str
    template: str
    language: str
    values: Mapping[str, Any]
    to_name: str = ""
    unsubscribe_url: str | None = None
    extra_headers: tuple[tuple[str, str], ...] = field(default_factory=tuple)
    content: Content | None = None


@dataclass(frozen=True, slots=True)
class Skip:
    """There is nothing to send any more; the reason is shown to people."""

    reason: str


@dataclass(frozen=True, slots=True)
class Sums:
    """A mailing in the words of a report; the first five always sum to the last, which is 0 before its freezing."""

    waiting: int
    sent: int
    skipped: int
    failed: int
    unknown: int
    audience: int

    def of(self, word: Word) -> int:
        """The number behind a word."""
        number: int = getattr(self, word.value)
        return number

    @property
    def is_whole(self) -> bool:
        """Whether they sum; anything else is a fault of ours."""
        return self.audience == self.waiting + self.sent + self.skipped + self.failed + self.unknown


@dataclass(frozen=True, slots=True)
class ReaderLinks:
    """Where a reader leaves, chooses, and learns why: addresses of one permission."""

    unsubscribe: str
    preferences: str
    why: str


class ReaderTokens(NamedTuple):
    """The words of these addresses that are the reader's own; ``why`` is empty where nobody asked for it."""

    unsubscribe: str
    preferences: str
    why: str


NO_SUCH_PERSON = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
_MAILBOX_FULL = "5.2.2"


class Refusal(StrEnum):
    """Why a mail did not arrive: whose fault it is says what to do about it."""

    HARD = "hard"
    FULL = "full"
    BLOCKED = "blocked"
    CONTENT = "content"
    SOFT = "soft"
    OTHER = "other"
    OURS = "ours"


REFUSALS: Mapping[Refusal, tuple[str, str]] = {
    Refusal.HARD: ("No such mailbox", "hard bounces: never written to again"),
    Refusal.FULL: ("Mailbox full", "soft bounces: the next mail may arrive"),
    Refusal.SOFT: ("Not taken in three days", "soft bounces: the receiver asked for patience, or was away"),
    Refusal.BLOCKED: ("Blocked", "our reputation or a policy: no fault of these people"),
    Refusal.CONTENT: ("The mail itself", "too large, or not as the receiver wants it"),
    Refusal.OTHER: ("Refused otherwise", "for a reason of the receiver’s own"),
    Refusal.OURS: ("Not written", "it could not be made for these people"),
}
"""Words and explanation, in the order in which reports show them."""


def refusal_of(state: MessageState, code: int | None, status: str | None) -> Refusal | None:
    """The class of a message's end; None where it is none, or arrived."""
    if state is MessageState.EXPIRED:
        return Refusal.SOFT
    if state is MessageState.POISON:
        return Refusal.OURS
    if state not in {MessageState.FAILED, MessageState.BOUNCED}:
        return None
    if code is None and not status:
        return Refusal.OURS if state is MessageState.FAILED else Refusal.OTHER
    return _refusal_of_status(status or "")


def _refusal_of_status(status: str) -> Refusal:
    if status in NO_SUCH_PERSON:
        return Refusal.HARD
    if status == _MAILBOX_FULL or status.startswith("4."):
        return Refusal.FULL if status.endswith(".2.2") else Refusal.SOFT
    if status.startswith("5.7."):
        return Refusal.BLOCKED
    return Refusal.CONTENT if status.startswith("5.6.") or status == "5.3.4" else Refusal.OTHER


_BY_STATE = {
    MessageState.BOUNCED: "came back",
    MessageState.COMPLAINED: "reported as spam",
    MessageState.CANCELLED: "called off",
    MessageState.EXPIRED: "not taken within three days",
    MessageState.POISON: "set aside: workers ended while sending it",
    MessageState.UNKNOWN: "no answer after the last byte",
}


def reason_of(state: MessageState, code: int | None, status: str | None, reply: str) -> str:
    """Why a message ended as it did, in a few words that group with others; empty where its word says it all.

    Args:
        state: of the message.
        code: the server's last reply code, if any.
        status: its enhanced status, if any.
        reply: for skipped messages and for those that a restore put into doubt the reason itself.
    """
    if state is MessageState.SUPPRESSED:
        return reply or "no permission"
    if state is MessageState.UNKNOWN and reply == RESTORED_DOUBT:
        return reply
    if state is not MessageState.FAILED:
        return _BY_STATE.get(state, "")
    if status in NO_SUCH_PERSON:
        return "unknown address"
    if status == _MAILBOX_FULL:
        return "mailbox full"
    return "could not be written" if code is None else "refused"


@dataclass(frozen=True, slots=True)
class SystemMail:
    """A kind of mail of one domain, named in its manifest.

    Attributes:
        name: unique over the house; also the name of its standing mailing.
        prepare: reads what the mail says, inside a transaction that writes nothing.
        title: what a person's timeline calls it.
    """

    name: str
    prepare: Callable[[SystemMessage], Prepared | Skip]
    title: str = ""
