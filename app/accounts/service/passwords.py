"""Passwords: argon2id with parameters above OWASP's minimum, about 40 ms a check."""

from __future__ import annotations

from functools import lru_cache
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.accounts import queries
from app.accounts.models import User
from app.accounts.rules import acts, passwords
from app.accounts.service.audit import record
from app.accounts.service.sessions import Browser, OpenedSession, end_sessions, open_session
from app.kernel import clock, limits
from app.kernel.errors import BadInput, TooMany

_hasher = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1)
CHANGES, CHANGES_SECONDS = 10, 15 * 60


def hashed(password: str) -> str:
    """The hash to store."""
    return _hasher.hash(passwords.normalise(password))


def matches(user: User | None, password: str) -> bool:
    """Whether this is the user's password. Without a user the same work is done for nothing."""
    # Made whoever asks, so that the first answer of a process takes equally long for all; and not earlier, because
    # it costs 32 MB, which processes that never ask for a password need not have.
    nobody = _nobody()
    stored = user.password_hash if user else nobody
    try:
        _hasher.verify(stored, passwords.normalise(password))
    except (VerificationError, InvalidHashError):
        return False
    return user is not None


@lru_cache(maxsize=1)
def _nobody() -> str:
    """A hash of nobody's password, with today's parameters."""
    return _hasher.hash("nobody has this password")


def refresh(user: User, password: str) -> None:
    """Hash anew where the parameters have grown since."""
    if _hasher.check_needs_rehash(user.password_hash):
        user.password_hash = hashed(password)


def require_good(password: str, *, email: str, name: str, field: str = "password") -> None:
    """Refuse a password that is easy to guess.

    Raises:
        BadInput: says why, under ``field``.
    """
    fault = passwords.fault(password, email=email, name=name)
    if fault:
        raise BadInput(fields={field: fault})


def set_password(user: User, password: str, reason: str) -> None:
    """Store a new password and end every session of the user."""
    user.password_hash = hashed(password)
    user.password_changed_at = clock.now()
    end_sessions(user.id, reason)


def change_password(
    user_id: UUID, *, current: str, new: str, browser: Browser, workspace_id: UUID | None, keep: bool
) -> OpenedSession:
    """A user's own change: every session ends, this browser gets a new one.

    Raises:
        BadInput: the current password is wrong, or the new one is easy to guess.
        TooMany: the current one was wrong too often.
    """
    user = queries.get_user(user_id)
    if not limits.hit("password.change", str(user_id), CHANGES, CHANGES_SECONDS):
        raise TooMany(
            "Wait a quarter of an hour before you try your password again.",
            retry_after_seconds=CHANGES_SECONDS,
        )
    if not matches(user, current):
        raise BadInput(fields={"current": "That is not your password."})
    require_good(new, email=user.email, name=user.name, field="new")
    set_password(user, new, "password changed")
    record("password.changed", by=acts.user(user_id), workspace_id=workspace_id, of=f"user:{user_id}")
    return open_session(user_id, workspace_id, browser, keep=keep)
