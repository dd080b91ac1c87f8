"""Asking people whose permission ends soon whether we may go on: one question, silence and no are both a no."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from app.accounts import queries as accounts
from app.accounts import service as accounts_service
from app.accounts.rules import acts
from app.consent import queries as consent_queries
from app.consent import service as consent
from app.consent.queries import ending
from app.consent.queries.ending import Ending
from app.consent.rules import By, Proof, Shown
from app.contacts import queries as contacts
from app.delivery import service as delivery
from app.kernel import clock
from app.kernel.db import session, transaction
from app.kernel.errors import Conflict
from app.kernel.ids import uuid7
from app.people import rules
from app.people.models import Renewal
from app.preferences import queries as preferences

SLICE: Final = 100
"""So many are asked at one turn: sign-ups wait behind no more than that."""


def find_open(workspace_id: UUID) -> Renewal | None:
    """The round that is under way."""
    query = select(Renewal).where(Renewal.workspace_id == workspace_id, Renewal.ended_at.is_(None))
    return session().execute(query).scalar_one_or_none()


def find_last(workspace_id: UUID) -> Renewal | None:
    """The newest round."""
    query = select(Renewal).where(Renewal.workspace_id == workspace_id)
    return session().execute(query.order_by(Renewal.started_at.desc()).limit(1)).scalar_one_or_none()


def start(workspace_id: UUID, *, by: UUID) -> UUID:
    """Begin to ask everybody whose permission ends within 60 days and who was not asked so in the last six months.

    The unique key is (workspace, under way).

    Raises:
        Conflict: a round is under way, or nobody is left to be asked.
    """
    now = clock.now()
    if not ending.list_askable(workspace_id, now + ending.SOON, now, limit=1):
        raise Conflict("Nobody is left to be asked: each was asked in the last six months.")
    made = session().execute(
        insert(Renewal)
        .values(id=uuid7(), workspace_id=workspace_id, started_by=by, started_at=now, until=now + ending.SOON)
        .on_conflict_do_nothing()
        .returning(Renewal.id)
    )
    renewal_id = made.scalar_one_or_none()
    if renewal_id is None:
        raise Conflict("These people are being asked right now.")
    accounts_service.record(
        "renewal.started", by=acts.user(by), workspace_id=workspace_id, of=f"renewal:{renewal_id}"
    )
    return renewal_id


def run() -> None:
    """Ask the next few people of each round that is under way; a job."""
    with transaction():
        waiting = list(session().execute(select(Renewal.id).where(Renewal.ended_at.is_(None))).scalars())
    for renewal_id in waiting:
        with transaction():
            _ask_next(renewal_id)


def _ask_next(renewal_id: UUID) -> None:
    query = select(Renewal).where(Renewal.id == renewal_id, Renewal.ended_at.is_(None))
    round_ = session().execute(query.with_for_update(skip_locked=True)).scalar_one_or_none()
    if round_ is None:
        return
    people = ending.list_askable(round_.workspace_id, round_.until, clock.now(), limit=SLICE)
    for person in people:
        _ask(round_, person)
    done = None if len(people) == SLICE else clock.now()
    session().execute(
        update(Renewal)
        .where(Renewal.id == renewal_id)
        .values(asked=Renewal.asked + len(people), ended_at=done)
    )


def _ask(round_: Renewal, person: Ending) -> None:
    workspace_id = round_.workspace_id
    contact = contacts.get_contact(workspace_id, person.contact_id)
    brand = accounts.brand(workspace_id)
    names = [found.name for found in consent_queries.get_interests(workspace_id, person.interest_ids)]
    body = rules.question(brand.name, names, contact.language)
    text_id = consent.ensure_text(workspace_id, "consent", contact.language, body)
    request = consent.ask(
        workspace_id,
        person.contact_id,
        interests=person.interest_ids,
        tracking=None,
        typed="",
        shown=Shown(language=contact.language, text_ids=(text_id,), page_url=brand.site or ""),
        by=By("staff", str(round_.started_by)),
        proof=Proof(),
        days=preferences.confirm_days(workspace_id),
        is_renewal=True,
    )
    delivery.send_system(workspace_id, "confirm", dedupe=request.id, contact_id=person.contact_id)
