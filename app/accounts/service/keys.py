"""API keys: 256 random bits, shown once; the database holds a hash that opens nothing."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from app.accounts.models import ApiKey
from app.accounts.rules import lifetimes
from app.accounts.rules.acts import By
from app.accounts.rules.roles import SCOPES
from app.accounts.service.audit import record
from app.kernel import clock, ids
from app.kernel.db import session
from app.kernel.errors import BadInput, NotFound

MARK = "nod_"
_SHAPE = re.compile(rf"{MARK}[0-9a-f]{{8}}_[A-Za-z0-9_-]{{43}}")


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key; ``secret`` is the whole key and is stored nowhere."""

    id: UUID
    prefix: str
    secret: str


def hash_of_key(secret: str) -> bytes:
    """What is stored of a key. A plain hash does: 256 random bits cannot be guessed."""
    return hashlib.sha256(b"nod api key " + secret.encode()).digest()


def is_key(text: str) -> bool:
    """Whether a text looks like one of our keys."""
    return _SHAPE.fullmatch(text.strip()) is not None


def create_api_key(
    workspace_id: UUID, name: str, scopes: Iterable[str], *, by: By, expires_at: datetime | None = None
) -> IssuedKey:
    """Make a key for a program.

    Raises:
        BadInput: no scope, or one that keys cannot have.
    """
    wanted = sorted(set(scopes))
    if not wanted:
        raise BadInput(fields={"scopes": "Choose at least one right."})
    if not set(wanted) <= SCOPES:
        raise BadInput(fields={"scopes": f"Choose from: {', '.join(sorted(SCOPES))}."})
    prefix = MARK + secrets.token_hex(4)
    secret = f"{prefix}_{secrets.token_urlsafe(32)}"
    key = ApiKey(
        id=ids.uuid7(),
        workspace_id=workspace_id,
        prefix=prefix,
        secret_hash=hash_of_key(secret),
        scopes=wanted,
        name=name,
        created_at=clock.now(),
        expires_at=expires_at,
    )
    session().add(key)
    record(
        "api_key.created", by=by, workspace_id=workspace_id, of=f"api_key:{key.id}", detail={"scopes": wanted}
    )
    session().flush()
    return IssuedKey(key.id, prefix, secret)


def revoke_api_key(workspace_id: UUID, key_id: UUID, *, by: By) -> None:
    """End a key at once; a second time changes nothing.

    Raises:
        NotFound: not a key of this workspace.
    """
    statement = select(ApiKey).where(ApiKey.id == key_id, ApiKey.workspace_id == workspace_id)
    key = session().execute(statement).scalar_one_or_none()
    if key is None:
        raise NotFound
    if key.revoked_at is None:
        key.revoked_at = clock.now()
        record("api_key.revoked", by=by, workspace_id=workspace_id, of=f"api_key:{key_id}")


def touch_api_key(key: ApiKey) -> None:
    """Write down that a key is in use, at most once a minute."""
    now = clock.now()
    if key.last_used_at is not None and key.last_used_at > now - lifetimes.TOUCH:
        return
    stale = ApiKey.last_used_at.is_(None) | (ApiKey.last_used_at < now - lifetimes.TOUCH)
    statement = update(ApiKey).where(ApiKey.id == key.id, stale).values(last_used_at=now)
    session().execute(statement, execution_options={"synchronize_session": False})
