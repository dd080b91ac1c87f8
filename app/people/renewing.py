"""Asking people whether we may go on: one question, silence and no are both a no."""

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
from app.consent.rules import ENDS_UNANSWERED, By, Proof, Renewal, Shown
from app.contacts import queries as contacts
from app.kernel import clock
from app.kernel.db import session, transaction
from app.kernel.errors import Conflict
from app.kernel.ids import uuid7
from app.people import askable, rules
from app.people.askable import Askable, Why
from app.people.models import RenewalRound
from app.preferences import queries as preferences
from app.preferences import service as preferences_service

SLICE: Final = 100
"""So many are asked at one turn: sign-ups wait behind no more than that."""
DAYS: Final = 30
"""Where silence ends a yes that would go on, people have so long to answer."""


def find_open(workspace_id: UUID) -> RenewalRound | None:
    """The round that is under way."""
    query = select(RenewalRound).where(RenewalRound.workspace_id == workspace_id, RenewalRound.ended_at.is_(None))
    return session().execute(query).scalar_one_or_none()


def find_last(workspace_id: UUID) -> RenewalRound | None:
    """The newest round."""
    query = select(RenewalRound).where(RenewalRound.workspace_id == workspace_id)
    return session().execute(query.order_by(RenewalRound.started_at.desc()).limit(1)).scalar_one_or_none()


def start(workspace_id: UUID, why: Why, *, by: UUID) -> UUID:
    """Begin to ask everybody whom the reason is about and who was not asked so in the last six months.

    The unique key is (workspace, under way).

    Raises:
        Conflict: a round is under way, or nobody is left to be asked.
    """
    now = clock.now()
    if not askable.list_askable(workspace_id, why, now, limit=1):
        raise Conflict("Nobody is left to be asked: each was asked in the last six months.")
    made = session().execute(
        insert(RenewalRound)
        .values(
            id=uuid7(), workspace_id=workspace_id, started_by=by, started_at=now, reason=why.reason.value,
            until=why.until, before=why.older_than,
        )
        .on_conflict_do_nothing()
        .returning(RenewalRound.id)
    )
    renewal_id = made.scalar_one_or_none()
    if renewal_id is None:
        raise Conflict("These people are being asked right now.")
    accounts_service.record(
        "renewal.started", by=acts.user(by), workspace_id=workspace_id, of=f"renewal:{renewal_id}",
        detail={"reason": why.reason.value},
    )  # fmt: skip
    return renewal_id


def run() -> None:
    """Ask the next few people of each round that is under way; a job."""
    with transaction():
        waiting = list(session().execute(select(RenewalRound.id).where(RenewalRound.ended_at.is_(None))).scalars())
    for renewal_id in waiting:
        with transaction():
            _ask_next(renewal_id)


def _ask_next(renewal_id: UUID) -> None:
    query = select(RenewalRound).where(RenewalRound.id == renewal_id, RenewalRound.ended_at.is_(None))
    round_ = session().execute(query.with_for_update(skip_locked=True)).scalar_one_or_none()
    if round_ is None:
        return
    why = Why(Renewal(round_.reason), until=round_.until, older_than=round_.before)
    people = askable.list_askable(round_.workspace_id, why, clock.now(), limit=SLICE)
    for person in people:
        _ask(round_, why.reason, person)
    done = None if len(people) == SLICE else clock.now()
    session().execute(
        update(RenewalRound)
        .where(RenewalRound.id == renewal_id)
        .values(asked=RenewalRound.asked + len(people), ended_at=done)
    )


def _ask(round_: RenewalRound, reason: Renewal, person: Askable) -> None:
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
        days=DAYS if reason in ENDS_UNANSWERED else preferences.confirm_days(workspace_id),
        renewal=reason,
    )
    preferences_service.put_again(request, is_new=reason is Renewal.WORDS)
