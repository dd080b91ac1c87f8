"""Four eyes: a second person's yes to exactly what would be sent, and what colleagues say to each other about it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.accounts import service as accounts
from app.accounts.rules import acts
from app.campaigns import holding, queries, variants
from app.campaigns.models import Campaign, CampaignComment, CampaignSettings
from app.campaigns.rules import Check
from app.content import queries as letters
from app.content import service as content
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict
from app.kernel.ids import uuid7

MAX_BODY: Final = 2_000
MOST_COMMENTS: Final = 200


def needs_approval(workspace_id: UUID) -> bool:
    """Whether campaigns of a workspace leave only after a second person's yes."""
    found = session().get(CampaignSettings, workspace_id)
    return found is not None and found.needs_approval


def set_rule(workspace_id: UUID, *, needs: bool, by: acts.By) -> None:
    """Say whether they do; what was launched before is not touched. Whoever takes the rule away stands in the record."""
    new = insert(CampaignSettings).values(workspace_id=workspace_id, needs_approval=needs)
    session().execute(
        new.on_conflict_do_update(index_elements=["workspace_id"], set_={"needs_approval": needs})
    )
    accounts.record(
        "campaigns.approval_rule", by=by, workspace_id=workspace_id, of=f"workspace:{workspace_id}",
        detail={"needs": needs},
    )  # fmt: skip


def subject_of(campaign: Campaign, revision: int) -> str:
    """What a yes is about: this edition of the letter, in all its languages, for this audience. Whatever changes makes another one."""
    trial = variants.find_trial(campaign.workspace_id, campaign.id)
    signature = variants.signature(trial) if trial is not None else ""
    return subject_with(campaign, revision, content.languages_of(campaign.workspace_id, campaign.letter_id), signature)


def subject_with(campaign: Campaign, revision: int, languages: str, signature: str) -> str:
    """As ``subject_of``, for who has looked up the signatures of its translations and its variants anyway."""
    parts = [str(campaign.letter_id), str(revision), str(campaign.segment_id or ""), *campaign.interests]
    parts += filter(None, (languages, signature))
    return sha256("\0".join(parts).encode()).hexdigest()[:32]


def approve(workspace_id: UUID, campaign_id: UUID, seen: str, *, by: UUID) -> None:
    """Say yes to a draft as it was looked at.

    Args:
        workspace_id: whose it is.
        campaign_id: which draft.
        seen: what ``subject_of`` gave for what was looked at.
        by: who says yes.

    Raises:
        NotFound: no campaign of this workspace.
        Conflict: it is not what was looked at any more, or it has been launched.
    """
    campaign = holding.draft(workspace_id, campaign_id)
    if seen != subject_of(campaign, letters.get_letter(workspace_id, campaign.letter_id).edition):
        raise Conflict("It has changed since you looked at it. Look at it once more.")
    campaign.approved_by, campaign.approved_of = by, seen
    accounts.record(
        "campaign.approved", by=acts.user(by), workspace_id=workspace_id, of=f"campaign:{campaign_id}",
        detail={"seen": seen},
    )  # fmt: skip


def check(campaign: Campaign, about: str, by: UUID | None) -> list[Check]:
    """What a second person's yes, which is asked for, means for whoever would launch it now; ``about``: ``subject_of`` it."""
    if campaign.approved_by is None:
        says = "Ask a colleague to look at this page and say yes."
        return [Check("stop", "A second person has not said yes yet", says, "approval")]
    if campaign.approved_of != about:
        says = "The letter or its audience is not what they looked at."
        return [Check("stop", "Changed since the second person’s yes", says, "approval")]
    if campaign.approved_by == by:
        says = "Whoever says yes and whoever sends are two people."
        return [Check("stop", "You said yes: somebody else must send it", says, "approval")]
    return [Check("pass", "A second person has said yes to it")]


def comment(workspace_id: UUID, campaign_id: UUID, body: str, *, by: UUID) -> None:
    """Say something about a campaign to one's colleagues.

    Raises:
        NotFound: no campaign of this workspace.
        BadInput: it is empty or too long, or there are too many.
    """
    campaign = queries.get_campaign(workspace_id, campaign_id)
    words = body.strip()
    if not words or len(words) > MAX_BODY:
        raise BadInput(fields={"body": f"Write something, of at most {MAX_BODY:,} characters."})
    if len(list_comments(campaign)) >= MOST_COMMENTS:
        raise BadInput(fields={"body": f"There are {MOST_COMMENTS} already. Talk to each other."})
    session().add(
        CampaignComment(
            id=uuid7(), workspace_id=workspace_id, campaign_id=campaign.id, user_id=by, body=words,
            created_at=clock.now(),
        )
    )  # fmt: skip
    session().flush()


def list_comments(campaign: Campaign) -> Sequence[CampaignComment]:
    """What was said, oldest first."""
    query = select(CampaignComment).where(
        CampaignComment.workspace_id == campaign.workspace_id, CampaignComment.campaign_id == campaign.id
    )
    return session().execute(query.order_by(CampaignComment.id).limit(MOST_COMMENTS)).scalars().all()
