"""What delivery tells other domains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import overload
from uuid import UUID


@dataclass(frozen=True, slots=True)
class FinishedMessage:
    """One message that has come to an end.

    Attributes:
        outcome: ``sent``, ``failed``, ``suppressed``, ``expired``, ``poison`` or ``unknown``.
        message_id: as on the wire; empty where nothing was built.
        mime_sha256: of the bytes that were handed over; empty where none were.
        reply: the server's last answer with addresses masked, or the reason in our words.
        mime: the bytes that were handed over, of system mail; empty for a letter to many, and where a worker ended
            before it could tell.
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
    mime: bytes = field(default=b"", repr=False)


class Finished(Sequence[FinishedMessage]):
    """Messages that are only described for those who look: most commits of a newsletter interest nobody."""

    def __init__(self, describe: Callable[[], Sequence[FinishedMessage]]) -> None:
        self._describe = describe
        self._rows: Sequence[FinishedMessage] | None = None

    @property
    def _known(self) -> Sequence[FinishedMessage]:
        if self._rows is None:
            self._rows = self._describe()
        return self._rows

    @overload
    def __getitem__(self, index: int) -> FinishedMessage: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[FinishedMessage]: ...
    def __getitem__(self, index: int | slice) -> FinishedMessage | Sequence[FinishedMessage]:
        return self._known[index]

    def __len__(self) -> int:
        return len(self._known)


@dataclass(frozen=True, slots=True)
class MessagesFinished:
    """Messages of one mailing that ended in one commit; ``name`` says which kind of system mail."""

    mailing_no: int
    kind: str
    name: str
    rows: Sequence[FinishedMessage]


@dataclass(frozen=True, slots=True)
class MailingFinished:
    """A mailing has no message left that waits; ``state`` is ``done`` or ``cancelled``.

    It is told again when more was sent afterwards, because a person wanted so.
    """

    workspace_id: UUID
    mailing_no: int
    state: str
