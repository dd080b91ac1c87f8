"""Reads of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, exists, select

from app.accounts.models import ApiKey, AuditEntry, KnownDevice, Membership, User, UserSession, Workspace
from app.accounts.rules.brand import Brand
from app.accounts.rules.roles import Role
from app.kernel.db import once, session
from app.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session with all that a request needs to know; ``role`` is None while there is no workspace."""

    id: UUID
    user_id: UUID
    user_name: str
    user_email: str
    workspace_id: UUID | None
    workspace_name: str
    workspace_site: str
    workspace_time_zone: str
    role: Role | None
    kept: bool
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """A user within a workspace."""

    user_id: UUID
    name: str
    email: str
    role: Role
    disabled_at: datetime | None
    joined_at: datetime


def has_owner() -> bool:
    """Whether the first run is over."""
    return bool(session().execute(select(exists().select_from(User))).scalar_one())


def get_workspace(workspace_id: UUID) -> Workspace:
    """The workspace.

    Raises:
        NotFound: none has this id.
    """
    found = session().get(Workspace, workspace_id)
    if found is None:
        raise NotFound
    return found


def get_workspace_by_public_id(public_id: str) -> Workspace:
    """The workspace behind a public address.

    Raises:
        NotFound: none has this id.
    """
    found = session().execute(select(Workspace).where(Workspace.public_id == public_id)).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def list_workspaces() -> Sequence[Workspace]:
    """All workspaces of this installation, oldest first."""
    return session().execute(select(Workspace).order_by(Workspace.created_at, Workspace.id)).scalars().all()


def brand(workspace_id: UUID) -> Brand:
    """The workspace as readers see it; read once in a transaction.

    Raises:
        NotFound: none has this id.
    """
    return once(brand_key(workspace_id), lambda: brand_of(get_workspace(workspace_id)))


def brand_key(workspace_id: UUID) -> tuple[str, UUID]:
    """Under which ``brand`` is remembered, for whoever changes it."""
    return ("accounts.brand", workspace_id)


def brand_of(workspace: Workspace) -> Brand:
    """A workspace's row as readers see it."""
    return Brand(
        id=workspace.id,
        public_id=workspace.public_id,
        name=workspace.name,
        short_name=workspace.short_name or workspace.name,
        site=workspace.site or None,
        logo_url=workspace.logo or None,
        postal_address=workspace.postal_address,
        imprint_url=workspace.imprint_url or None,
        privacy_url=workspace.privacy_url or None,
        contact_email=workspace.contact_email or None,
        language=workspace.language,
        time_zone=workspace.time_zone,
        accent=workspace.accent,
        country=workspace.country,
        heading_font=workspace.heading_font,
        text_font=workspace.text_font,
        footer=workspace.footer,
    )


def get_user(user_id: UUID) -> User:
    """The user.

    Raises:
        NotFound: none has this id.
    """
    found = session().get(User, user_id)
    if found is None:
        raise NotFound
    return found


def find_user(folded_email: str) -> User | None:
    """The user who signs in with this address (folded)."""
    return session().execute(select(User).where(User.email == folded_email)).scalar_one_or_none()


def find_workspace_of(user_id: UUID) -> UUID | None:
    """The workspace in which a user starts: the first one joined."""
    statement = (
        select(Membership.workspace_id)
        .where(Membership.user_id == user_id)
        .order_by(Membership.created_at, Membership.workspace_id)
        .limit(1)
    )
    return session().execute(statement).scalar_one_or_none()


def list_members(workspace_id: UUID) -> list[Member]:
    """Everyone who works in the workspace, by name."""
    statement = (
        select(User.id, User.name, User.email, Membership.role, User.disabled_at, Membership.created_at)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.workspace_id == workspace_id)
        .order_by(User.name, User.id)
    )
    return [
        Member(row.id, row.name, row.email, Role(row.role), row.disabled_at, row.created_at)
        for row in session().execute(statement)
    ]


def find_live_session(token_hash: bytes, now: datetime, idle_since: datetime) -> LiveSession | None:
    """The session of a token while it works: not revoked, not too old, seen since ``idle_since`` or kept.

    One statement: it also asks whether the user is still there and what the role is now.
    """
    membership = and_(
        Membership.user_id == UserSession.user_id, Membership.workspace_id == UserSession.workspace_id
    )
    statement = (
        select(UserSession, User.name, User.email, Membership.role, Workspace)
        .join(User, User.id == UserSession.user_id)
        .outerjoin(Membership, membership)
        .outerjoin(Workspace, Workspace.id == Membership.workspace_id)
        .where(
            UserSession.token_hash == token_hash,
            UserSession.revoked_at.is_(None),
            UserSession.expires_at > now,
            UserSession.kept | (UserSession.seen_at > idle_since),
            User.disabled_at.is_(None),
            UserSession.workspace_id.is_(None) | Membership.role.is_not(None),
        )
    )
    row = session().execute(statement).one_or_none()
    return None if row is None else _live(*row)


def _live(
    found: UserSession, name: str, email: str, role: str | None, workspace: Workspace | None
) -> LiveSession:
    return LiveSession(
        id=found.id,
        user_id=found.user_id,
        user_name=name,
        user_email=email,
        workspace_id=found.workspace_id,
        workspace_name=workspace.name if workspace else "",
        workspace_site=workspace.site if workspace else "",
        workspace_time_zone=workspace.time_zone if workspace else "UTC",
        role=Role(role) if role else None,
        kept=found.kept,
        seen_at=found.seen_at,
        expires_at=found.expires_at,
    )


def list_sessions(user_id: UUID, now: datetime, idle_since: datetime) -> Sequence[UserSession]:
    """The sessions of a user that work, the last seen first."""
    statement = (
        select(UserSession)
        .where(
            UserSession.user_id == user_id,
            UserSession.revoked_at.is_(None),
            UserSession.expires_at > now,
            UserSession.kept | (UserSession.seen_at > idle_since),
        )
        .order_by(UserSession.seen_at.desc(), UserSession.id)
    )
    return session().execute(statement).scalars().all()


def find_device(device_id: UUID, user_id: UUID) -> KnownDevice | None:
    """A browser that this user has signed in with before."""
    statement = select(KnownDevice).where(KnownDevice.id == device_id, KnownDevice.user_id == user_id)
    return session().execute(statement).scalar_one_or_none()


def find_api_key(secret_hash: bytes, now: datetime) -> tuple[ApiKey, str] | None:
    """A key that works, and its workspace's name."""
    statement = (
        select(ApiKey, Workspace.name)
        .join(Workspace, Workspace.id == ApiKey.workspace_id)
        .where(
            ApiKey.secret_hash == secret_hash,
            ApiKey.revoked_at.is_(None),
            ApiKey.expires_at.is_(None) | (ApiKey.expires_at > now),
        )
    )
    row = session().execute(statement).one_or_none()
    return None if row is None else (row[0], row[1])


def list_api_keys(workspace_id: UUID) -> Sequence[ApiKey]:
    """All keys of a workspace, newest first; revoked ones stay as a record."""
    statement = (
        select(ApiKey)
        .where(ApiKey.workspace_id == workspace_id)
        .order_by(ApiKey.created_at.desc(), ApiKey.id)
    )
    return session().execute(statement).scalars().all()


def list_audit(workspace_id: UUID, *, before: int | None = None, limit: int = 50) -> Sequence[AuditEntry]:
    """Acts in a workspace, newest first, older than the entry ``before``."""
    statement = select(AuditEntry).where(AuditEntry.workspace_id == workspace_id)
    if before is not None:
        statement = statement.where(AuditEntry.id < before)
    return session().execute(statement.order_by(AuditEntry.id.desc()).limit(limit)).scalars().all()
