"""Who is asking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from flask import Request, g

from app.kernel.errors import NotSignedIn


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and within which workspace.

    Args:
        kind: ``user`` or ``api_key``.
        permissions: what this actor may do, e.g. ``people.read``.
        csrf_secret: binds form tokens to this session; empty where no cookie is involved.
    """

    kind: str
    id: UUID
    workspace_id: UUID
    name: str
    permissions: frozenset[str] = field(default_factory=frozenset)
    csrf_secret: bytes = b""

    def may(self, permission: str) -> bool:
        """Whether this actor holds the permission."""
        return permission in self.permissions


Authenticator = Callable[[Request], Actor | None]
_authenticators: dict[str, Authenticator] = {}


def set_authenticator(kind: str, authenticator: Authenticator) -> None:
    """Accounts tell here how a request is matched with a ``user`` or an ``api_key``."""
    _authenticators[kind] = authenticator


def authenticate(kind: str, request: Request) -> Actor | None:
    """The actor of this request, remembered for the request."""
    found = _authenticators[kind](request) if kind in _authenticators else None
    g.actor = found
    return found


def current_actor() -> Actor:
    """The actor of this request.

    Raises:
        NotSignedIn: nobody.
    """
    found: Actor | None = g.get("actor")
    if found is None:
        raise NotSignedIn
    return found
