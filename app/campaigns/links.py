"""Links under which everybody may read a report until a day: its numbers, none of its people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select, update

from app.accounts import service as accounts
from app.accounts.rules import acts
from app.campaigns.models import ReportLink
from app.campaigns.rules import LINK_DAYS
from app.kernel import clock, tokens
from app.kernel.db import session
from app.kernel.errors import BadInput, NotFound
from app.kernel.ids import uuid7

PURPOSE: Final = "report link"
MOST: Final = 20
"""Links of one campaign that work at the same time."""


def make(workspace_id: UUID, campaign_id: UUID, days: int, *, by: acts.By) -> ReportLink:
    """A link that works for so many days.

    Raises:
        BadInput: another number of days, or there are too many of them.
    """
    if days not in LINK_DAYS:
        raise BadInput(fields={"days": "Choose 7, 30 or 90 days."})
    if len(list_links(workspace_id, campaign_id)) >= MOST:
        raise BadInput(fields={"days": f"{MOST} links to this report work already. Let one of them end first."})
    now = clock.now()
    made = ReportLink(
        id=uuid7(), workspace_id=workspace_id, campaign_id=campaign_id, created_by=by.id, created_at=now,
        ends_at=now + timedelta(days=days),
    )  # fmt: skip
    session().add(made)
    session().flush()
    accounts.record("report.shared", by=by, workspace_id=workspace_id, of=f"campaign:{campaign_id}", detail={"days": days})
    return made


def revoke(workspace_id: UUID, campaign_id: UUID, link_id: UUID, *, by: acts.By) -> None:
    """Let a link end now; ending it again changes nothing.

    Raises:
        NotFound: none of this campaign.
    """
    own = (ReportLink.id == link_id, ReportLink.workspace_id == workspace_id, ReportLink.campaign_id == campaign_id)
    if session().execute(select(ReportLink.id).where(*own)).scalar_one_or_none() is None:
        raise NotFound("This link is not here.")
    statement = update(ReportLink).where(*own, ReportLink.revoked_at.is_(None)).values(revoked_at=clock.now())
    if session().execute(statement.returning(ReportLink.id)).scalar_one_or_none() is not None:
        accounts.record("report.unshared", by=by, workspace_id=workspace_id, of=f"campaign:{campaign_id}")


def list_links(workspace_id: UUID, campaign_id: UUID) -> Sequence[ReportLink]:
    """Those that work now, the newest first."""
    query = select(ReportLink).where(
        ReportLink.workspace_id == workspace_id, ReportLink.campaign_id == campaign_id,
        ReportLink.revoked_at.is_(None), ReportLink.ends_at > clock.now(),
    )  # fmt: skip
    return session().execute(query.order_by(ReportLink.id.desc())).scalars().all()


def token_of(link: ReportLink) -> str:
    """The word in its address."""
    return tokens.sign_until(PURPOSE, link.id.bytes, link.ends_at)


def find(token: str) -> ReportLink:
    """The link of a token.

    Raises:
        NotFound: not ours, over, or taken back: all the same answer.
    """
    try:
        link_id = UUID(bytes=tokens.verify_until(PURPOSE, token, clock.now(), size=16))
    except tokens.Expired:
        raise NotFound(_GONE) from None
    query = select(ReportLink).where(
        ReportLink.id == link_id, ReportLink.revoked_at.is_(None), ReportLink.ends_at > clock.now()
    )
    found = session().execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound(_GONE)
    return found


_GONE: Final = "This link has ended. Ask whoever sent it for a new one."
