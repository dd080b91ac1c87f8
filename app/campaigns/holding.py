"""A campaign that nobody else changes until the transaction ends."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from app.campaigns import queries
from app.campaigns.models import Campaign, CampaignTrial
from app.kernel.db import session
from app.kernel.errors import Conflict


def locked(workspace_id: UUID, campaign_id: UUID) -> Campaign:
    """Any campaign.

    Raises:
        NotFound: none of this workspace.
    """
    queries.get_campaign(workspace_id, campaign_id)
    query = select(Campaign).where(Campaign.workspace_id == workspace_id, Campaign.id == campaign_id)
    return session().execute(query.with_for_update().execution_options(populate_existing=True)).scalar_one()


def draft(workspace_id: UUID, campaign_id: UUID) -> Campaign:
    """One that has not been launched.

    Raises:
        NotFound: none of this workspace.
        Conflict: it has been launched, as a whole or in variants.
    """
    campaign = locked(workspace_id, campaign_id)
    trial = session().get(CampaignTrial, campaign.id, populate_existing=True)
    if campaign.mailing_no is not None or campaign.part_of is not None or (trial and trial.launched_at):
        raise Conflict("It has been launched. What is on its way does not change any more.")
    return campaign


def launched(workspace_id: UUID, campaign_id: UUID) -> tuple[Campaign, int]:
    """One that has a mailing, and its number.

    Raises:
        NotFound: none of this workspace.
        Conflict: it has none.
    """
    campaign = locked(workspace_id, campaign_id)
    if campaign.mailing_no is None:
        raise Conflict("It has not been sent.")
    return campaign, campaign.mailing_no
