"""The outbox: single messages, what is due, who sends."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, Select, func, select, text

from app.delivery import vault
from app.delivery.models import Mailing, Message, SenderRow, Transport
from app.delivery.rules import MAY_LEAVE, WORDS, Lane, MessageState, Sender, Word
from app.kernel import clock
from app.kernel.db import array_of, session
from app.kernel.errors import NotFound
from app.tracking.service import Recipient


@dataclass(frozen=True, slots=True)
class SentMessage:
    """One message as a person's page and the report show it; times are the database's, UTC."""

    mailing_no: int
    n: int
    name: str
    kind: str
    state: MessageState
    created_at: datetime
    due_at: datetime
    began_at: datetime | None
    done_at: datetime | None
    attempts: int
    reply: str
    title: str = ""
    """What its mailing is called, for one to many; what its data say it is called, for one of its own."""

    @property
    def word(self) -> Word:
        """Waiting, sent, skipped, failed or unknown."""
        return WORDS[self.state]

    @property
    def number(self) -> str:
        """What people quote and ``flask send explain`` takes."""
        return f"{self.mailing_no}-{self.n}"


@dataclass(frozen=True, slots=True)
class OutgoingServer:
    """The mail server that a workspace has set up, without its password."""

    host: str
    port: int
    security: str
    username: str
    has_password: bool


_OLDEST_DUE = text(
    "SELECT extract(epoch FROM :now - min(first.due_at)) FROM mailings g CROSS JOIN LATERAL ("  # noqa: S608  no input in it
    f" SELECT due_at FROM messages m WHERE m.mailing_no = g.no AND m.state = 'pending' AND m.due_at <= :now{MAY_LEAVE}"
    " ORDER BY m.due_at LIMIT 1) AS first"
    " WHERE g.state = 'running' AND (CAST(:lane AS text) IS NULL OR g.lane = :lane)"
)
_LANES_DUE = text(
    "SELECT DISTINCT g.lane FROM mailings g WHERE g.state = 'running' AND EXISTS ("  # noqa: S608  no input in it
    f" SELECT FROM messages m WHERE m.mailing_no = g.no AND m.state = 'pending' AND m.due_at <= :now{MAY_LEAVE})"
)


# Three counts instead of one, so that each reads its own partial index and none the ended messages.
_COUNT_OPEN = text(
    "SELECT state, count(*) FROM messages WHERE state = 'pending' GROUP BY state UNION ALL"
    " SELECT state, count(*) FROM messages WHERE state IN ('claimed', 'attempting') GROUP BY state UNION ALL"
    " SELECT state, count(*) FROM messages WHERE state = 'unknown' GROUP BY state"
)
OPEN = (MessageState.PENDING, MessageState.CLAIMED, MessageState.ATTEMPTING, MessageState.UNKNOWN)


def oldest_due_seconds(lane: str | None = None) -> float:
    """For how many seconds the oldest due message has been waiting; 0 when nothing is due."""
    age = session().execute(_OLDEST_DUE, {"now": clock.now(), "lane": lane}).scalar_one()
    return max(0.0, float(age or 0))


_OLDEST_UNKNOWN = text(
    "SELECT extract(epoch FROM :now - began_at) FROM messages WHERE state = 'unknown' ORDER BY began_at LIMIT 1"
)


def oldest_unknown_seconds() -> float:
    """How long ago the oldest message in doubt was handed over; 0 when none is."""
    age = session().execute(_OLDEST_UNKNOWN, {"now": clock.now()}).scalar_one_or_none()
    return max(0.0, float(age or 0))


@dataclass(frozen=True, slots=True)
class Beside:
    """What goes on beside a workspace's mailing.

    Attributes:
        system: messages of system mail that are due, of all workspaces: they share the workers.
        system_seconds: for how long the oldest of them that is due has waited.
        mailings: how many other mailings of the workspace run.
    """

    system: int
    system_seconds: float
    mailings: int


_BESIDE = text(
    "SELECT (SELECT count(*) FROM mailings g JOIN messages m ON m.mailing_no = g.no AND m.state = 'pending'"
    " AND m.due_at <= :now WHERE g.state = 'running' AND g.lane = 'system') AS system,"
    " (SELECT count(*) FROM mailings g WHERE g.state = 'running' AND g.lane = 'bulk'"
    " AND g.workspace_id = :workspace_id AND g.no <> :no) AS mailings"
)


def beside(workspace_id: UUID, mailing_no: int) -> Beside:
    """What goes on beside a mailing: two statements over what is open."""
    values = {"now": clock.now(), "workspace_id": workspace_id, "no": mailing_no}
    row = session().execute(_BESIDE, values).one()
    return Beside(row.system, oldest_due_seconds(Lane.SYSTEM), row.mailings)


def lanes_due() -> list[str]:
    """Lanes with at least one message that is due."""
    return list(session().execute(_LANES_DUE, {"now": clock.now()}).scalars())


def count_by_state(
    workspace_id: UUID | None = None, mailing_no: int | None = None
) -> dict[MessageState, int]:
    """Messages by state; every state is there. Over one mailing, one workspace, or the whole installation."""
    query = select(Message.state, func.count()).group_by(Message.state)
    if workspace_id is not None:
        query = query.where(Message.workspace_id == workspace_id)
    if mailing_no is not None:
        query = query.where(Message.mailing_no == mailing_no)
    counts = dict.fromkeys(MessageState, 0)
    counts.update({MessageState(state): count for state, count in session().execute(query)})
    return counts


def count_open() -> dict[MessageState, int]:
    """Messages that have not ended or are in doubt, by state."""
    counts = dict.fromkeys(OPEN, 0)
    counts.update({MessageState(state): count for state, count in session().execute(_COUNT_OPEN)})
    return counts


def count_by_word(counts: Mapping[MessageState, int]) -> dict[Word, int]:
    """The words of a report from the states; they sum to the same number."""
    words = dict.fromkeys(Word, 0)
    for state, count in counts.items():
        words[WORDS[state]] += count
    return words


def count_unknown(workspace_id: UUID) -> int:
    """Messages of which nobody can say whether they arrived."""
    query = select(func.count()).where(
        Message.workspace_id == workspace_id, Message.state == MessageState.UNKNOWN
    )
    return session().execute(query).scalar_one()


def messages_of(
    workspace_id: UUID, contact_id: UUID, *, before: datetime | None = None, limit: int = 50
) -> list[SentMessage]:
    """What was and will be sent to a person, newest wish first."""
    query = _messages().where(Message.workspace_id == workspace_id, Message.contact_id == contact_id)
    if before is not None:
        query = query.where(Message.created_at < before)
    query = query.order_by(Message.created_at.desc(), Message.mailing_no.desc(), Message.n.desc())
    return [_sent_message(row) for row in session().execute(query.limit(limit))]


def list_waiting(limit: int = 50) -> list[SentMessage]:
    """What is waiting over all workspaces, the next one first."""
    query = _messages().where(Message.state == MessageState.PENDING).order_by(Message.due_at)
    return [_sent_message(row) for row in session().execute(query.limit(limit))]


def get_message(mailing_no: int, n: int) -> tuple[Message, Mailing]:
    """One message with its mailing, whatever its workspace: for those who run the installation.

    Raises:
        NotFound: none has these numbers.
    """
    query = (
        select(Message, Mailing)
        .join(Mailing, Mailing.no == Message.mailing_no)
        .where(Message.mailing_no == mailing_no, Message.n == n)
    )
    found = session().execute(query).one_or_none()
    if found is None:
        raise NotFound("No message has this number.")
    return found[0], found[1]


_RECIPIENTS = text(
    "SELECT w.mailing_no, w.n, m.workspace_id, m.contact_id, m.began_at, m.done_at,"
    " CASE WHEN m.doubts = 0 THEN m.began_at END"
    " FROM unnest(CAST(CAST(:nos AS text) AS bigint[]), CAST(CAST(:ns AS text) AS bigint[])) AS w (mailing_no, n)"
    " CROSS JOIN LATERAL (SELECT * FROM messages WHERE mailing_no = w.mailing_no AND n = w.n OFFSET 0) AS m"
    " WHERE m.contact_id IS NOT NULL"
)


def recipients_of(numbers: Collection[tuple[int, int]]) -> dict[tuple[int, int], Recipient]:
    """Whom these messages (mailing, number) were for, and when they were handed over."""
    values = {"nos": array_of(no for no, _ in numbers), "ns": array_of(n for _, n in numbers)}
    return {(no, n): Recipient(*found) for no, n, *found in session().execute(_RECIPIENTS, values).all()}


def default_sender(workspace_id: UUID) -> Select[SenderRow]:
    """The query of a workspace's sender."""
    return select(SenderRow).where(SenderRow.workspace_id == workspace_id, SenderRow.is_default)


def sender_of(workspace_id: UUID) -> Sender | None:
    """Who the workspace's mails come from; None before anybody said so."""
    row = session().execute(default_sender(workspace_id)).scalar_one_or_none()
    return Sender(row.name, row.address, row.reply_to, row.transport_id) if row else None


def server_of(workspace_id: UUID) -> OutgoingServer | None:
    """The workspace's own mail server; None: it uses the installation's."""
    found = _transport_of(workspace_id)
    if found is None:
        return None
    return OutgoingServer(found.host, found.port, found.security, found.username, found.secret is not None)


def stored_password(workspace_id: UUID) -> str:
    """The password of the workspace's mail server, for those who connect to it; empty where there is none.

    Raises:
        Conflict: no key of this installation opens it.
    """
    found = _transport_of(workspace_id)
    return vault.unlock(found.secret) if found is not None and found.secret else ""


def _transport_of(workspace_id: UUID) -> Transport | None:
    query = (
        select(Transport)
        .join(SenderRow, SenderRow.transport_id == Transport.id)
        .where(SenderRow.workspace_id == workspace_id, SenderRow.is_default)
    )
    return session().execute(query).scalar_one_or_none()


def _messages() -> Select[Message, str, str, str]:
    called = func.coalesce(func.nullif(Mailing.title, ""), Message.data["called"].astext, "")
    return select(Message, Mailing.name, Mailing.kind, called).join(Mailing, Mailing.no == Message.mailing_no)


def _sent_message(row: Row[Message, str, str, str]) -> SentMessage:
    message, name, kind, title = row
    return SentMessage(
        message.mailing_no, message.n, name, kind, MessageState(message.state), message.created_at, message.due_at,
        message.began_at, message.done_at, message.attempts, message.reply_text or "", title,
    )  # fmt: skip
