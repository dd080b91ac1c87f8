"""A program of a workspace: calls of the API with a key of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.accounts import service as accounts
from app.accounts.rules import acts
from app.kernel.db import transaction

SCOPES = ("people.read", "people.write")


def key_of(workspace_id: UUID, scopes: Sequence[str] = SCOPES) -> dict[str, str]:
    """The header of a new key."""
    with transaction():
        secret = accounts.create_api_key(workspace_id, "Shop", list(scopes), by=acts.COMMAND).secret
    return {"Authorization": f"Bearer {secret}"}


def call(
    client: FlaskClient, workspace_id: UUID, method: str, path: str, body: Any = None, scopes: Sequence[str] = SCOPES
) -> TestResponse:
    """One call with a key that has these rights."""
    return client.open(path, method=method, headers=key_of(workspace_id, scopes), json=body)
