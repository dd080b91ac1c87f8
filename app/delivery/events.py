"""What delivery tells other domains."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class FinishedMessage:
    """One message that has come to an end.

    Attributes:
        outcome: ``sent``, ``failed``, ``suppressed``, ``expired``, ``poison`` or ``unknown``.
        message_id: as on the wire; empty where nothing was built.
        mime_sha256: of the bytes that were handed over; empty where none were.
        reply: the server's last answer with addresses masked, or the reason in our words.
    """

    n: int
    workspace_id: UUID
    contact_id: UUID | None
    dedupe: UUID
    outcome: str
    message_id: str
    mime_sha256: bytes
    reply: str
    at: datetime


@dataclass(frozen=True, slots=True)
class MessagesFinished:
    """Messages of one mailing that ended in one commit; ``name`` says which kind of system mail."""

    mailing_no: int
    kind: str
    name: str
    rows: tuple[FinishedMessage, ...]


@dataclass(frozen=True, slots=True)
class MailingFinished:
    """A mailing has no message left that waits; ``state`` is ``done`` or ``cancelled``.

    It is told again when more was sent afterwards, because a person wanted so.
    """

    workspace_id: UUID
    mailing_no: int
    state: str
