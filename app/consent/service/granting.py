"""Other grounds than a person's own double opt-in: entered with their evidence, and ended when their time is over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.consent import events, history, ledger, queries
from app.consent.law import law_of
from app.consent.models import Interest, Permission
from app.consent.rules import Basis, By, Channel, Kind, Level, Proof, Purpose, State
from app.consent.rules.grounds import Claim, Topic, ends_at, faults_of
from app.consent.service import vetoes, write
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict, NotFound
from app.kernel.events import publish

SLICE = 500


class PersonSaidNo(Conflict):
    """The person left, objected, complained or must never be written to: no ground stands against that."""


def grant(
    workspace_id: UUID,
    contact_id: UUID,
    interest_id: UUID | None,
    claim: Claim,
    *,
    by: By,
    channel: Channel = Channel.EMAIL,
    method: str = "web",
    evidence: str = "recorded",
    source: Mapping[str, Any] | None = None,
    country: str = "",
) -> UUID | None:
    """Enter a ground on which we may write, one event; it joins what the person said and never stands against it.

    Args:
        workspace_id: of the person.
        contact_id: the person.
        interest_id: what it is about; None: about no interest, where the ground allows that.
        claim: the ground with its evidence.
        by: who enters it.
        channel: on which they may be reached then.
        method: how it came to us, such as ``paper``, ``phone``, ``api`` or ``import``.
        evidence: ``recorded`` where we hold it, ``claimed`` where somebody says so, as in an import.
        source: what joins the event's body, such as a file's hash and row; nothing personal.
        country: two letters that are told with it.

    Returns:
        The event's id, or None where a yes stands already that is as good and holds as long.

    Raises:
        NotFound: no such person or interest here.
        BadInput: a condition of the ground is not met; names each field.
        PersonSaidNo: as its name says.
    """
    contact_id = write.hold_one(workspace_id, contact_id).contact_id
    topic = _topic(workspace_id, interest_id)
    law = law_of(workspace_id, contact_id, country=country)
    faults = faults_of(claim, channel, _about(topic), law.rules, clock.now())
    if faults:
        raise BadInput("This ground does not stand.", fields=faults)
    write.ensure_reach(workspace_id, contact_id, channel)
    if vetoes.refuse_known(workspace_id, contact_id, channel) is not None:
        raise PersonSaidNo("This address stands on the list of those who must not be written to.")
    standing = _find(workspace_id, contact_id, interest_id, channel)
    _refuse_no(workspace_id, contact_id, interest_id, channel)
    until = ends_at(claim, law.rules)
    if standing is not None and _is_as_good(standing, claim.basis, until):
        return None
    about = {
        **write.what(
            workspace_id, contact_id, [topic] if topic else [], channel, State.YES,
            basis=claim.basis, valid_until=until, law=law,
        ),
        "ground": _ground(claim),
        "evidence": evidence,
        **(source or {}),
    }  # fmt: skip
    # What staff write in their own words may name somebody: it stays where an erasure takes it.
    personal = {
        **write.personal(workspace_id, contact_id, Proof()),
        "reference": claim.reference,
        "objection_offered": claim.objection_offered,
        "balance": claim.balance,
        "words": claim.text,
    }
    event_id = write.append(Kind.GRANTED, workspace_id, contact_id, by, about, personal, method=method)
    write.set_permission(
        workspace_id, contact_id, Purpose.MARKETING, channel, interest_id, State.YES, event_id,
        basis=claim.basis, valid_until=until,
    )  # fmt: skip
    return event_id


def lapse(limit: int = SLICE) -> int:
    """Write down which permissions have ended by themselves, and make them a no; how many there were.

    The gate refuses them from their last moment on, whenever this runs.
    """
    query = (
        select(Permission)
        .where(Permission.state == State.YES.value, Permission.valid_until <= clock.now())
        .order_by(Permission.valid_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    over = list(session().execute(query).scalars())
    for permission in over:
        _end(permission)
    return len(over)


def _end(permission: Permission) -> None:
    workspace_id, contact_id = permission.workspace_id, permission.contact_id
    channel, purpose = Channel(permission.channel), Purpose(permission.purpose)
    found = [permission.interest_id] if permission.interest_id else []
    about = {
        **write.what(
            workspace_id, contact_id, queries.get_interests(workspace_id, found), channel, State.NO,
            basis=Basis(permission.basis), valid_until=permission.valid_until,
        ),
        **write.purposes(purpose),
        "ends": str(permission.event_id),
    }  # fmt: skip
    event_id = write.append(
        Kind.LAPSED, workspace_id, contact_id, By("system"), about, {}, method="clock"
    )
    level = Level.NONE if purpose is Purpose.TRACKING else None
    write.set_permission(
        workspace_id, contact_id, purpose, channel, permission.interest_id, State.NO, event_id, level
    )
    if permission.interest_id is not None:
        publish(events.Withdrawn(workspace_id, contact_id, (permission.interest_id,), event_id))


def _topic(workspace_id: UUID, interest_id: UUID | None) -> Interest | None:
    if interest_id is None:
        return None
    found = queries.get_interests(workspace_id, [interest_id])
    if not found:
        raise NotFound("This interest is not here.")
    return found[0]


def _about(interest: Interest | None) -> Topic | None:
    return Topic(interest.product_class, interest.is_third_party) if interest else None


def _find(
    workspace_id: UUID, contact_id: UUID, interest_id: UUID | None, channel: Channel
) -> Permission | None:
    query = select(Permission).where(
        Permission.workspace_id == workspace_id,
        Permission.contact_id == contact_id,
        Permission.purpose == Purpose.MARKETING.value,
        Permission.channel == channel.value,
        Permission.interest_id == interest_id if interest_id else Permission.interest_id.is_(None),
    )
    return session().execute(query.with_for_update()).scalar_one_or_none()


def _refuse_no(workspace_id: UUID, contact_id: UUID, interest_id: UUID | None, channel: Channel) -> None:
    reach = queries.find_reach(workspace_id, contact_id, channel)
    if reach is not None and (reach.suppressed_at or reach.objected_at or reach.erased_at):
        raise PersonSaidNo("This person must not be written to. No ground stands against that.")
    if history.last_word(workspace_id, contact_id, interest_id, channel) is State.NO:
        raise PersonSaidNo("This person said no to it. Only they can take that back.")


def _is_as_good(standing: Permission, basis: Basis, until: datetime | None) -> bool:
    """Whether a living yes stands that this ground adds nothing to."""
    if standing.state != State.YES or (standing.valid_until and standing.valid_until <= clock.now()):
        return False
    if standing.basis == Basis.CONSENT and basis is not Basis.CONSENT:
        return True
    if standing.valid_until is None:
        return standing.basis == basis or until is not None
    return until is not None and standing.valid_until >= until


def _ground(claim: Claim) -> dict[str, Any]:
    return {
        "act": claim.act.value,
        "happened_at": ledger.moment(claim.happened_at),
        "product_class": claim.product_class,
        "is_doubly": claim.is_doubly,
    }
