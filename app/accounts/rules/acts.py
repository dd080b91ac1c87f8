"""Who acts, as the record of acts knows it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class By:
    """Who does something: ``user``, ``api_key``, ``command`` (somebody at the server's shell), ``visitor`` or ``system``."""

    kind: str
    id: UUID | None = None


COMMAND = By("command")
VISITOR = By("visitor")
SYSTEM = By("system")
"""Nobody: what was wished for before has become due."""


def user(user_id: UUID) -> By:
    """A user who is signed in."""
    return By("user", user_id)
