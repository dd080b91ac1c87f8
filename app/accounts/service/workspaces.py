"""Workspaces: made with their first owner, changed in the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from uuid import UUID

from sqlalchemy import select

from app.accounts import queries
from app.accounts.events import WorkspaceCreated
from app.accounts.models import Membership, User, Workspace
from app.accounts.rules import acts, colour
from app.accounts.rules.acts import By
from app.accounts.rules.brand import Details, Look, time_zone_of
from app.accounts.rules.roles import Role
from app.accounts.service.audit import record
from app.kernel import clock, events, ids
from app.kernel.db import forget_once, session
from app.kernel.errors import BadInput


def create_workspace(user_id: UUID, details: Details, *, by: By | None = None) -> Workspace:
    """Make a workspace that this user owns, and tell the other domains.

    Raises:
        BadInput: the accent is not a colour.
    """
    workspace = Workspace(
        id=ids.uuid7(), public_id=ids.public_id(), created_at=clock.now(), **_values(details)
    )
    session().add(workspace)
    session().flush()
    session().add(
        Membership(workspace_id=workspace.id, user_id=user_id, role=Role.OWNER.value, created_at=clock.now())
    )
    record(
        "workspace.created",
        by=by or acts.user(user_id),
        workspace_id=workspace.id,
        of=f"workspace:{workspace.id}",
    )
    session().flush()
    events.publish(WorkspaceCreated(workspace.id, workspace.name, workspace.language))
    return workspace


def change_workspace(workspace_id: UUID, details: Details, *, by: By) -> Workspace:
    """Change what is said about a brand; the record names the fields, and the values before and after.

    Raises:
        NotFound: none has this id.
        BadInput: the accent is not a colour.
    """
    return _change(workspace_id, _values(details), by)


def change_look(workspace_id: UUID, look: Look, *, by: By) -> Workspace:
    """Change how a brand's letters look; the record names the fields, and the values before and after.

    Raises:
        NotFound: none has this id.
    """
    return _change(workspace_id, asdict(look), by)


def _change(workspace_id: UUID, values: Mapping[str, str], by: By) -> Workspace:
    workspace = queries.get_workspace(workspace_id)
    changed = {}
    for name, value in values.items():
        before = getattr(workspace, name)
        if before != value:
            setattr(workspace, name, value)
            changed[name] = [before, value]
    if changed:
        record(
            "workspace.changed",
            by=by,
            workspace_id=workspace_id,
            of=f"workspace:{workspace_id}",
            detail=changed,
        )
        session().flush()
        forget_once(queries.brand_key(workspace_id))
    return workspace


def set_up_brand(user_id: UUID, details: Details) -> Workspace:
    """The brand step of the first run: makes the workspace, or changes it when the step is repeated.

    The user's row is locked, so that two posts at once make one workspace.
    """
    session().execute(select(User.id).where(User.id == user_id).with_for_update())
    workspace_id = queries.find_workspace_of(user_id)
    if workspace_id is None:
        return create_workspace(user_id, details)
    return change_workspace(workspace_id, details, by=acts.user(user_id))


def _values(details: Details) -> dict[str, str]:
    try:
        accent = colour.parse_accent(details.accent)
    except ValueError:
        raise BadInput(fields={"accent": "Write a colour like #157a4c."}) from None
    values: dict[str, str] = asdict(details)
    values["accent"] = accent
    values["time_zone"] = details.time_zone or time_zone_of(details.language)
    return values
