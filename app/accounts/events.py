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
