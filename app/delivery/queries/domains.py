"""Sending domains: the keys of a workspace, by what everybody may know of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, select

from app.delivery.dkim_records import Record, key_records
from app.delivery.models import DkimKeys, SenderRow
from app.delivery.rules import DkimState
from app.kernel.db import session
from app.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A pair of keys without its private halves.

    Attributes:
        selector: what the selectors of both begin with.
        records: of the RSA key, of the Ed25519 key.
        told_by: ``dns``, ``owner``, or empty while nobody knows that the records stand.
    """

    id: UUID
    domain: str
    selector: str
    state: DkimState
    records: tuple[Record, Record]
    told_by: str
    created_at: datetime
    published_at: datetime | None
    active_at: datetime | None
    retired_at: datetime | None


def list_key_pairs(workspace_id: UUID, domain: str | None = None) -> list[KeyPair]:
    """The pairs of a domain, or of all domains of the workspace; the newest first."""
    query = _pairs(workspace_id).order_by(DkimKeys.created_at.desc(), DkimKeys.id.desc())
    if domain is not None:
        query = query.where(DkimKeys.domain == domain)
    return [_pair(row) for row in session().execute(query)]


def get_key_pair(workspace_id: UUID, pair_id: UUID) -> KeyPair:
    """One pair.

    Raises:
        NotFound: not of this workspace.
    """
    row = session().execute(_pairs(workspace_id).where(DkimKeys.id == pair_id)).one_or_none()
    if row is None:
        raise NotFound
    return _pair(row)


def list_workspaces_sending_from(domain: str) -> list[UUID]:
    """The workspaces whose sender has an address of this domain."""
    query = select(SenderRow.workspace_id).where(
        SenderRow.is_default, SenderRow.address.endswith(f"@{domain}", autoescape=True)
    )
    return list(session().execute(query.order_by(SenderRow.workspace_id)).scalars())


def _pairs(workspace_id: UUID) -> Select[*tuple[Any, ...]]:
    return select(
        DkimKeys.id, DkimKeys.domain, DkimKeys.selector, DkimKeys.state, DkimKeys.rsa_public, DkimKeys.ed_public,
        DkimKeys.told_by, DkimKeys.created_at, DkimKeys.published_at, DkimKeys.active_at, DkimKeys.retired_at,
    ).where(DkimKeys.workspace_id == workspace_id)  # fmt: skip


def _pair(row: Row[*tuple[Any, ...]]) -> KeyPair:
    return KeyPair(
        id=row.id,
        domain=row.domain,
        selector=row.selector,
        state=DkimState(row.state),
        records=key_records(row.domain, row.selector, row.rsa_public, row.ed_public),
        told_by=row.told_by or "",
        created_at=row.created_at,
        published_at=row.published_at,
        active_at=row.active_at,
        retired_at=row.retired_at,
    )
