"""Sessions live on the server and end there at once; the browser holds a random token and nothing else."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import CursorResult, delete, or_, update
from sqlalchemy.orm import Session

from app.accounts.models import KnownDevice, UserSession
from app.accounts.queries import LiveSession
from app.accounts.rules import lifetimes
from app.kernel import clock, ids
from app.kernel.db import session

TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Browser:
    """What is known of a browser: its network address, its name for itself, and the tokens in its cookies."""

    ip: str
    user_agent: str = ""
    session_token: str = ""
    device_token: str = ""


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A new session: the token is for the browser and is stored nowhere."""

    id: UUID
    token: str
    kept: bool


def hash_of_token(token: str) -> bytes:
    """What is stored of a session's token."""
    return hashlib.sha256(b"nod session " + token.encode()).digest()


def open_session(user_id: UUID, workspace_id: UUID | None, browser: Browser, *, keep: bool) -> OpenedSession:
    """Sign a browser in under a new token; the token it came with, if any, works no more.

    Args:
        user_id: who.
        workspace_id: where; None while there is no workspace.
        browser: from where.
        keep: stay signed in over idle time, within the absolute limit.
    """
    now = clock.now()
    if browser.session_token:
        _end(UserSession.token_hash == hash_of_token(browser.session_token), "signed in anew")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    row = UserSession(
        id=ids.uuid7(),
        token_hash=hash_of_token(token),
        user_id=user_id,
        workspace_id=workspace_id,
        kept=keep,
        ip=browser.ip[:45],
        user_agent=_printable(browser.user_agent),
        created_at=now,
        seen_at=now,
        expires_at=now + lifetimes.ABSOLUTE,
    )
    session().add(row)
    session().flush()
    return OpenedSession(row.id, token, keep)


def end_session(session_id: UUID, user_id: UUID, reason: str) -> bool:
    """End one session of this user; False where it had ended, or is somebody else's."""
    return _end((UserSession.id == session_id) & (UserSession.user_id == user_id), reason) == 1


def end_sessions(user_id: UUID, reason: str, *, except_id: UUID | None = None) -> int:
    """End every session of a user, but for one; says how many."""
    condition = UserSession.user_id == user_id
    if except_id is not None:
        condition = condition & (UserSession.id != except_id)
    return _end(condition, reason)


def touch_session(found: LiveSession) -> None:
    """Write down that a session is in use, at most once a minute."""
    now = clock.now()
    if found.seen_at > now - lifetimes.TOUCH:
        return
    statement = update(UserSession).where(
        UserSession.id == found.id, UserSession.seen_at < now - lifetimes.TOUCH
    )
    session().execute(statement.values(seen_at=now), execution_options={"synchronize_session": False})


def enter_workspace(session_id: UUID, workspace_id: UUID) -> None:
    """From now on this session works in that workspace; the caller has made sure that its user belongs there."""
    session().execute(
        update(UserSession).where(UserSession.id == session_id).values(workspace_id=workspace_id)
    )


def forget_old() -> None:
    """Drop sessions and devices that nobody needs any more, with their network addresses."""
    now = clock.now()
    ended = now - lifetimes.ENDED_SESSIONS_KEPT
    session().execute(
        delete(UserSession).where(or_(UserSession.expires_at < ended, UserSession.revoked_at < ended))
    )
    session().execute(delete(KnownDevice).where(KnownDevice.seen_at < now - lifetimes.DEVICES_KEPT))


def _end(condition: object, reason: str) -> int:
    current: Session = session()
    statement = update(UserSession).where(condition, UserSession.revoked_at.is_(None))  # type: ignore[arg-type]
    result = current.execute(statement.values(revoked_at=clock.now(), revoked_reason=reason))
    assert isinstance(result, CursorResult)
    return int(result.rowcount)


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:300]
