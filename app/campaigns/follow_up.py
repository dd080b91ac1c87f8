"""After a campaign: the same letter again for those whom it did not move, and its public copy in the archive."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any, Final
from uuid import UUID

from app.accounts.rules import acts
from app.campaigns import queries, service
from app.campaigns.models import Campaign
from app.campaigns.queries import Standing
from app.campaigns.rules import MAX_NAME
from app.consent import queries as consent
from app.content import service as content
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict
from app.segments import queries as segments
from app.segments import service as segments_service

UNMOVED: Final[Mapping[str, tuple[str, str]]] = {
    "unclicked": ("did not click", "tracking.click"),
    "unread": ("neither opened nor clicked", "tracking.read"),
}
"""Who may get it again: what is said of them, and the act that they did not do."""


def again(workspace_id: UUID, standing: Standing, who: str, *, by: UUID) -> Campaign:
    """A draft with the same letter for those who got it and did not do something; as a segment that follows itself.

    Raises:
        BadInput: none of ``UNMOVED``.
        Conflict: nobody has got it yet.
    """
    if who not in UNMOVED:
        raise BadInput("Choose who gets it again.")
    if standing.mailing_no is None or standing.frozen_at is None:
        raise Conflict("Nobody has got it yet.")
    words, act = UNMOVED[who]
    of = str(standing.mailing_no)
    rules = [{"field": "delivery.got", "op": "did", "of": of}, {"field": act, "op": "did_not", "of": of}]
    name = f"{standing.name}: {words}"[:MAX_NAME]
    segment_id = _segment(workspace_id, name, {"match": "all", "rules": rules}, by)
    made = service.copy(workspace_id, standing.id, by=by)
    made.segment_id = segment_id
    session().flush()
    return made


def _segment(workspace_id: UUID, name: str, tree: dict[str, Any], by: UUID) -> UUID:
    """A segment that says exactly this: the one that was made for it before, else a new one with a name that is free."""
    known = {found.name: found for found in segments.list_segments(workspace_id)}
    tried = name
    for number in count(2):
        found = known.get(tried)
        if found is None or found.tree == tree:
            break
        # Two campaigns may have one name; their readers are not the same.
        tried = f"{name[: MAX_NAME - 6]} ({number})"
    return found.id if found else segments_service.create(workspace_id, tried, tree, by=acts.user(by)).id


def publish(workspace_id: UUID, campaign_id: UUID) -> None:
    """Show the public copy of what was sent in the archive, without names and personal links.

    Raises:
        NotFound: no campaign of this workspace.
        Conflict: nothing was sent yet.
    """
    standing = queries.get_standing(workspace_id, campaign_id)
    if standing.version_id is None or standing.frozen_at is None:
        raise Conflict("Nothing of it has been sent yet.")
    topics = consent.get_interests(workspace_id, standing.interests)
    content.publish(workspace_id, standing.version_id, topics[0].name if topics else "")


def withdraw(workspace_id: UUID, campaign_id: UUID) -> None:
    """Take its public copy out of the archive."""
    standing = queries.get_standing(workspace_id, campaign_id)
    if standing.version_id is not None:
        content.withdraw(workspace_id, standing.version_id)
