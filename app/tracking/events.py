"""What tracking tells other domains."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class RecordedSignal(NamedTuple):
    """One signal as it was first written.

    ``contact_id`` and ``n`` are None where nobody may be told, ``mailing_no`` and ``n`` where it is about no letter.
    """

    contact_id: UUID | None
    mailing_no: int | None
    n: int | None
    kind: str
    link: int
    at: datetime
    verdict: str


@dataclass(frozen=True, slots=True)
class SignalsRecorded:
    """Signals of one workspace that are new; each is told once."""

    workspace_id: UUID
    signals: tuple[RecordedSignal, ...]


@dataclass(frozen=True, slots=True)
class SignalsReclassified:
    """People of one workspace of whom earlier signals turned out to be a program's."""

    workspace_id: UUID
    contact_ids: tuple[UUID, ...]
