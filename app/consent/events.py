"""What consent tells other domains."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.consent.rules import Level


@dataclass(frozen=True, slots=True)
class Asked:
    """A person was asked; a confirmation is due."""

    workspace_id: UUID
    contact_id: UUID
    request_id: UUID


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A person said yes by their own act."""

    workspace_id: UUID
    contact_id: UUID
    request_id: UUID
    form_id: UUID | None


@dataclass(frozen=True, slots=True)
class TrackingChanged:
    """A person lets us see more or less of opens and clicks than before."""

    workspace_id: UUID
    contact_id: UUID
    level: Level


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A person took back one or more interests."""

    workspace_id: UUID
    contact_id: UUID
    interest_ids: tuple[UUID, ...]
    event_id: UUID


@dataclass(frozen=True, slots=True)
class Objected:
    """A person stopped everything on a channel."""

    workspace_id: UUID
    contact_id: UUID
    event_id: UUID


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A person's address must not be written to any more."""

    workspace_id: UUID
    contact_id: UUID
    reason: str


@dataclass(frozen=True, slots=True)
class Erased:
    """A person's consent data is gone but for the chain and a keyed hash."""

    workspace_id: UUID
    contact_id: UUID
