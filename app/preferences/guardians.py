"""A child is asked only after who answers for it: where a form asks the age, below the country's age of article 8 GDPR.

Two yeses, of two mailboxes: the guardian's alone would let anybody sign a stranger up as their child.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import and_, delete, or_, select, update

from app.consent import queries as consent
from app.consent import service as consent_service
from app.consent.rules import Proof, Reason, RequestState
from app.contacts import queries as contacts
from app.contacts.addresses import Address, normalise
from app.delivery import service as delivery
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import NotFound
from app.preferences.models import Guardian
from app.preferences.rules import PURGE_DAYS

if TYPE_CHECKING:
    from app.consent.models import ConsentRequest


def ask(request_id: UUID, address: Address, *, form: str | None = None) -> None:
    """Let a guardian decide whether an open question may be put to a child; no mail goes to the child until then.

    Args:
        request_id: the question, just recorded with the child's address.
        address: the guardian's, which is not the child's own.
        form: public id of the form that asked.

    Raises:
        NotFound: no such question.
    """
    request = consent.find_request(request_id)
    if request is None:
        raise NotFound
    guardian = _keep(request, address.address, address.folded, form)
    _mail(guardian)


def follow(before: Guardian, request: ConsentRequest, *, is_new: bool = False) -> None:
    """Another question about the same child: to the guardian, or, where they have said yes to the same one, to the child.

    ``is_new``: it asks about something else than they were asked about.

    Raises:
        NotFound: who it was is forgotten, so that nobody can be asked.
    """
    if not before.address or not before.folded:
        raise NotFound
    guardian = _keep(request, before.address, before.folded, before.form)
    if not is_new:
        guardian.said_at, guardian.event_id = before.said_at, before.event_id
    session().flush()
    _mail(guardian)


def of_child(workspace_id: UUID, contact_id: UUID) -> Guardian | None:
    """Who was asked last about this person; None for who is no child, or was old enough at their last form."""
    query = select(Guardian).where(Guardian.workspace_id == workspace_id, Guardian.contact_id == contact_id)
    newest = session().execute(query.order_by(Guardian.created_at.desc()).limit(1)).scalar_one_or_none()
    if newest is None:
        return None
    later = consent.list_form_requests(workspace_id, [contact_id], newest.created_at)
    alone = [asked for moment, asked in later if moment > newest.created_at and find(asked) is None]
    grown = [asked for asked in map(consent.find_request, alone) if asked and asked.state == RequestState.CONFIRMED]
    return None if grown else newest


def say_yes(request: ConsentRequest, proof: Proof) -> None:
    """The guardian's yes to an open question: the child is asked now; a second one changes nothing.

    Raises:
        NotFound: who it is was forgotten meanwhile.
        RequestOver: called off or too old.
    """
    query = select(Guardian).where(Guardian.request_id == request.id).with_for_update()
    guardian = session().execute(query.execution_options(populate_existing=True)).scalar_one()
    if guardian.said_at is None:
        if not guardian.address:
            raise NotFound
        guardian.event_id = consent_service.authorise(request.id, guardian.address, proof=proof)
        guardian.said_at = clock.now()
        session().flush()
        _mail(guardian)


def find(request_id: UUID) -> Guardian | None:
    """Who decides about this question in a child's place; None: nobody, the person is old enough."""
    return session().get(Guardian, request_id)


def is_waiting(request_id: UUID) -> bool:
    """Whether the question may not be put yet, since a guardian has not said yes."""
    guardian = find(request_id)
    return guardian is not None and guardian.said_at is None


def event_of(request_id: UUID) -> str:
    """The event of a guardian's yes, which the proof of the child's names; empty where none was needed."""
    guardian = find(request_id)
    return str(guardian.event_id) if guardian is not None and guardian.event_id else ""


def may_be_mailed(guardian: Guardian) -> bool:
    """Whether their address never bounced, complained or said "never" here."""
    if not guardian.address:
        return False
    hashed = consent_service.address_hash(normalise(guardian.address).key)
    known = consent.find_suppression(guardian.workspace_id, hashed)
    return known is None or known.reason == Reason.ERASED


def list_mailed_to(workspace_id: UUID, folded: str, since: datetime) -> list[tuple[datetime, UUID]]:
    """When a mailbox had questions of forms to answer since then, oldest first, with each request's id.

    Its own, from the guardian's yes where one was needed, and those about children.
    """
    people = contacts.list_by_folded(workspace_id, folded)
    own = consent.list_form_requests(workspace_id, people, since)
    children = and_(
        Guardian.workspace_id == workspace_id, Guardian.folded == folded, Guardian.created_at >= since
    )
    query = select(Guardian.request_id, Guardian.said_at, Guardian.created_at, children.label("is_asked")).where(
        or_(Guardian.request_id.in_([found for _, found in own]), children)
    )
    rows = session().execute(query).all()
    said = {row.request_id: row.said_at for row in rows}
    asked = [(said.get(found, moment), found) for moment, found in own]
    asked += [(row.created_at, row.request_id) for row in rows if row.is_asked]
    return sorted((moment, found) for moment, found in asked if moment is not None)


def forget(workspace_id: UUID, contact_id: UUID) -> None:
    """Delete who was asked about a person, and the person's own address where they were asked about somebody."""
    session().execute(
        delete(Guardian).where(Guardian.workspace_id == workspace_id, Guardian.contact_id == contact_id)
    )
    for own in contacts.list_addresses(workspace_id, [contact_id]):
        same = select(Guardian).where(Guardian.workspace_id == workspace_id, Guardian.folded == own.folded)
        rows = session().execute(same).scalars()
        _forget(
            Guardian.request_id.in_(
                [row.request_id for row in rows if normalise(row.address or "").key == own.key]
            )
        )


def forget_unanswered() -> None:
    """Forget the addresses of questions that are a month old: an answer is in the ledger, and no answer needs nobody."""
    _forget(Guardian.created_at < clock.now() - timedelta(days=PURGE_DAYS), Guardian.address.is_not(None))


def export(workspace_id: UUID, contact_id: UUID) -> list[dict[str, Any]]:
    """Who was asked about a person."""
    query = select(Guardian).where(Guardian.workspace_id == workspace_id, Guardian.contact_id == contact_id)
    return [
        {
            "guardian": row.address,
            "asked_at": row.created_at.isoformat(),
            "said_yes_at": row.said_at.isoformat() if row.said_at else None,
        }
        for row in session().execute(query.order_by(Guardian.created_at)).scalars()
    ]


def _keep(request: ConsentRequest, address: str, folded: str, form: str | None) -> Guardian:
    guardian = Guardian(
        request_id=request.id, workspace_id=request.workspace_id, contact_id=request.contact_id, address=address,
        folded=folded, form=form, created_at=clock.now(),
    )  # fmt: skip
    session().add(guardian)
    session().flush()
    return guardian


def _mail(guardian: Guardian) -> None:
    """To the guardian first, then to the child; the unique key of each is the request."""
    delivery.send_system(
        guardian.workspace_id,
        "confirm" if guardian.said_at else "confirm-guardian",
        dedupe=guardian.request_id,
        contact_id=guardian.contact_id,
        data={"form": guardian.form} if guardian.form else None,
    )


def _forget(*which: Any) -> None:
    session().execute(update(Guardian).where(*which).values(address=None, folded=None))
