"""What happened here, for other domains."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class WorkspaceCreated:
    """A brand has come into being; its defaults (interests, mailings) may be made."""

    workspace_id: UUID
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class SenderNamed:
    """Somebody at the server's shell has said who the mail of a new workspace comes from."""

    workspace_id: UUID
    name: str
    address: str
