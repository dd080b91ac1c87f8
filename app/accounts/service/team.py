"""Who works in a workspace, and as what."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from app.accounts import queries
from app.accounts.models import Membership, User
from app.accounts.rules.acts import By
from app.accounts.rules.roles import Role
from app.accounts.service.audit import record
from app.accounts.service.owners import make_user
from app.accounts.service.sessions import end_sessions
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import Conflict, NotFound


def add_member(workspace_id: UUID, email: str, name: str, password: str, role: Role, *, by: By) -> User:
    """Let a new user work in a workspace.

    Raises:
        BadInput: the address or the password does not do, or the address is taken.
    """
    user = make_user(email, name, password)
    session().add(
        Membership(workspace_id=workspace_id, user_id=user.id, role=role.value, created_at=clock.now())
    )
    record(
        "member.added", by=by, workspace_id=workspace_id, of=f"user:{user.id}", detail={"role": role.value}
    )
    session().flush()
    return user


def change_role(workspace_id: UUID, user_id: UUID, role: Role, *, by: By) -> None:
    """Give a member another role; all their sessions end, so that nothing is done with the old one.

    Raises:
        NotFound: not a member.
        Conflict: the workspace would be left without an owner.
    """
    membership = _lock(workspace_id, user_id)
    before = membership.role
    if before == role.value:
        return
    if before == Role.OWNER.value:
        _refuse_without_owner(workspace_id, user_id)
    membership.role = role.value
    end_sessions(user_id, "role changed")
    record(
        "member.role_changed",
        by=by,
        workspace_id=workspace_id,
        of=f"user:{user_id}",
        detail={"role": [before, role.value]},
    )


def disable_user(user_id: UUID, *, by: By) -> None:
    """Nobody signs in as this user any more; all sessions end.

    Raises:
        NotFound: no such user.
        Conflict: a workspace would be left without an owner.
    """
    user = queries.get_user(user_id)
    if user.disabled_at is not None:
        return
    owned = select(Membership.workspace_id).where(
        Membership.user_id == user_id, Membership.role == Role.OWNER.value
    )
    for workspace_id in session().execute(owned).scalars().all():
        _lock(workspace_id, user_id)
        _refuse_without_owner(workspace_id, user_id)
    user.disabled_at = clock.now()
    end_sessions(user_id, "user disabled")
    record("user.disabled", by=by, of=f"user:{user_id}")


def enable_user(user_id: UUID, *, by: By) -> None:
    """Let a disabled user sign in again.

    Raises:
        NotFound: no such user.
    """
    queries.get_user(user_id).disabled_at = None
    record("user.enabled", by=by, of=f"user:{user_id}")


def _lock(workspace_id: UUID, user_id: UUID) -> Membership:
    """The membership; all owners of the workspace are locked, so that two cannot step down at once."""
    statement = (
        select(Membership)
        .where(Membership.workspace_id == workspace_id)
        .order_by(Membership.user_id)
        .with_for_update()
    )
    for membership in session().execute(statement).scalars():
        if membership.user_id == user_id:
            return membership
    raise NotFound("That person does not work in this workspace.")


def _refuse_without_owner(workspace_id: UUID, leaving: UUID) -> None:
    statement = (
        select(Membership.user_id)
        .join(User, User.id == Membership.user_id)
        .where(
            Membership.workspace_id == workspace_id,
            Membership.role == Role.OWNER.value,
            Membership.user_id != leaving,
            User.disabled_at.is_(None),
        )
        .limit(1)
    )
    if session().execute(statement).first() is None:
        raise Conflict("A workspace needs an owner. Make somebody else an owner first.")
