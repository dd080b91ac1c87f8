"""One mail a week or a month instead of every mail: what went out meanwhile about the person's topics, as pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text

from app.accounts import queries as accounts
from app.consent import queries as consent
from app.consent import service as consent_service
from app.consent.rules import DIGEST_PERIODS, Digest, State, may_write
from app.contacts import queries as contacts
from app.content import queries as letters
from app.content import service as content
from app.delivery import queries as delivery
from app.delivery import service as delivery_service
from app.kernel import clock
from app.kernel.db import session
from app.kernel.i18n import gettext as _
from app.kernel.ids import uuid7

MOST: Final = 40
"""Letters in one digest, the newest."""


@dataclass(frozen=True, slots=True)
class Missed:
    """A letter that somebody did not get: its subject without merged values, and the page for everybody."""

    title: str
    url: str
    at: datetime


# Whoever pauses waits too: the pause's letters stand in the first digest after it.
_DUE = text(
    "SELECT id FROM reach WHERE digest IS NOT NULL AND digest_from <= CASE digest WHEN 'weekly' THEN :week"
    " ELSE :month END AND (paused_until IS NULL OR paused_until <= :now)"
    " ORDER BY digest_from LIMIT :limit FOR UPDATE SKIP LOCKED"
)


def send_due(limit: int = 200) -> int:
    """Wish for the digests that are due, each on a permission that lives; what was missed until now is told by it.

    Returns:
        How many people were looked at.
    """
    now = clock.now()
    values = {
        "now": now, "limit": limit,
        "week": now - DIGEST_PERIODS[Digest.WEEKLY], "month": now - DIGEST_PERIODS[Digest.MONTHLY],
    }  # fmt: skip
    found = list(session().execute(_DUE, values).scalars())
    for reach_id in found:
        _send(reach_id, now)
    session().flush()
    return len(found)


def _send(reach_id: UUID, now: datetime) -> None:
    reach = consent.find_reach_by_id(reach_id)
    assert reach is not None
    assert reach.digest_from is not None
    since = reach.digest_from
    permission_id = _ground(reach.workspace_id, reach.contact_id, now)
    if permission_id and list_missed(reach.workspace_id, reach.contact_id, since, now):
        delivery_service.send_system(
            reach.workspace_id,
            "digest",
            dedupe=uuid7(),
            contact_id=reach.contact_id,
            reach_id=reach.id,
            permission_id=permission_id,
            data={"since": since.isoformat(), "until": now.isoformat()},
        )
    consent_service.note_digest(reach, now)


def _ground(workspace_id: UUID, contact_id: UUID, now: datetime) -> UUID | None:
    """A permission of theirs that the gate lets a digest stand on."""
    reach = consent.find_reach(workspace_id, contact_id)
    for found in consent.list_permissions(workspace_id, contact_id):
        is_topic = found.interest_id is not None and found.channel == "email"
        if is_topic and may_write(consent.standing(found, reach), now, as_digest=True):
            return found.id
    return None


def list_missed(workspace_id: UUID, contact_id: UUID, since: datetime, until: datetime) -> list[Missed]:
    """Letters about the person's topics that went out after ``since`` and did not go to them, oldest first."""
    states = consent.choices(workspace_id, contact_id).interests
    mine = [interest for interest, state in states.items() if state is State.YES]
    values = content.public_values(accounts.brand(workspace_id))
    language = contacts.get_contact(workspace_id, contact_id).language
    found = []
    for version_id, at in delivery.list_missed(workspace_id, contact_id, mine, since, until, limit=MOST):
        version = letters.get_version_for(workspace_id, version_id, language)
        title, _preheader = content.header_lines(version, values)
        found.append(Missed(title, content.web_view_url(version.id), at))
    return found


def reason(brand: str) -> str:
    """Why a digest came, for its foot."""
    return _("You get this because you chose one mail about what you missed at %(brand)s.") % {"brand": brand}
