"""Signing in: known and unknown addresses cost the same work, and guessing is slow for strangers only."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.accounts import queries
from app.accounts.models import KnownDevice, User
from app.accounts.rules import acts, emails, links
from app.accounts.service import passwords
from app.accounts.service.audit import record
from app.accounts.service.sessions import Browser, OpenedSession, open_session
from app.kernel import clock, ids, limits, tokens
from app.kernel.db import session
from app.kernel.errors import NotFound, TooMany

# Windows are fixed, so two of them may meet: half of what any such span may hold (10 an account, 100 a network).
ACCOUNT_TRIES, ACCOUNT_SECONDS = 5, 15 * 60
NETWORK_TRIES, NETWORK_SECONDS = 50, 60 * 60
DEVICE_TRIES, DEVICE_SECONDS = 5, 15 * 60
_DEVICE = "known device"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is in now, and what the browser keeps."""

    user_id: UUID
    session: OpenedSession
    device_token: str


def sign_in(email: str, password: str, browser: Browser, *, keep: bool = False) -> SignedIn | None:
    """Check an address and a password; None where they do not match, whatever the reason.

    Raises:
        TooMany: nothing was checked, because too much was tried.
    """
    folded = _fold(email)
    user = queries.find_user(folded)
    device = _device_of(browser, user)
    if not _within_limits(folded, browser, device):
        raise TooMany(
            "Too many sign-ins were tried here. Wait a quarter of an hour, or use a browser you have signed in with before.",
            retry_after_seconds=ACCOUNT_SECONDS,
        )
    is_right = passwords.matches(user, password)
    if user is None or not is_right or user.disabled_at is not None:
        known = f"user:{user.id}" if user else ""
        record("sign_in.refused", by=acts.VISITOR, of=known)
        session().flush()
        return None
    passwords.refresh(user, password)
    workspace_id = queries.find_workspace_of(user.id)
    opened = open_session(user.id, workspace_id, browser, keep=keep)
    record("sign_in.done", by=acts.user(user.id), workspace_id=workspace_id, of=f"session:{opened.id}")
    return SignedIn(user.id, opened, remember_device(user.id, device))


def remember_device(user_id: UUID, device: KnownDevice | None = None) -> str:
    """The token for a cookie that says: this user has been in here with this browser. It opens nothing."""
    now = clock.now()
    if device is None:
        device = KnownDevice(id=ids.uuid7(), user_id=user_id, created_at=now, seen_at=now)
        session().add(device)
        session().flush()
    device.seen_at = now
    return tokens.sign(_DEVICE, user_id.bytes + device.id.bytes)


def _fold(email: str) -> str:
    try:
        return emails.fold(email)
    except ValueError:
        return email.strip().lower()[:320].replace("\0", "")


def _device_of(browser: Browser, user: User | None) -> KnownDevice | None:
    if user is None or not browser.device_token:
        return None
    try:
        payload = tokens.verify(_DEVICE, browser.device_token, size=32)
    except NotFound:
        return None
    if payload[:16] != user.id.bytes:
        return None
    return queries.find_device(UUID(bytes=payload[16:]), user.id)


def _within_limits(folded: str, browser: Browser, device: KnownDevice | None) -> bool:
    """A known device has a count of its own: strangers cannot use up its tries, and a stolen cookie has few."""
    if device is not None:
        return limits.hit("sign_in.device", str(device.id), DEVICE_TRIES, DEVICE_SECONDS)
    network = limits.hit("sign_in.network", links.network_of(browser.ip), NETWORK_TRIES, NETWORK_SECONDS)
    return network and limits.hit("sign_in.account", folded, ACCOUNT_TRIES, ACCOUNT_SECONDS)
