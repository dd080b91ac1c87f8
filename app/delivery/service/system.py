"""Mails that answer somebody's act: each wish is a row; the workers do the rest (``pump``)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from app.consent import queries as consent
from app.contacts import queries as contacts
from app.delivery import counting, mails, moves
from app.delivery.models import Mailing, Message
from app.delivery.pacing.groups import group_of
from app.delivery.rules import Kind, Lane, MailingState, MessageState
from app.kernel import clock, jobs
from app.kernel.db import session
from app.kernel.errors import Conflict, NotFound
from app.kernel.ids import uuid7

_WISH = text(
    "INSERT INTO messages (mailing_no, n, workspace_id, contact_id, user_id, permission_id, reach_id, dedupe_key,"
    " domain_group, data, state, created_at, due_at) VALUES (:no, nextval('system_message_n'), :workspace_id, :contact_id,"
    " :user_id, :permission_id, :reach_id, :dedupe, :domain, CAST(:data AS jsonb), 'pending', :now, :now)"
    " ON CONFLICT ON CONSTRAINT uq_messages_dedupe DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class Wish:
    """One system mail to a contact.

    Attributes:
        dedupe: what makes it unique, such as the request's id.
        address: the contact's.
        data: as of ``send_system``.
    """

    dedupe: UUID
    contact_id: UUID
    address: str
    data: dict[str, Any] | None = None


def send_system(
    workspace_id: UUID,
    name: str,
    *,
    dedupe: UUID,
    contact_id: UUID | None = None,
    reach_id: UUID | None = None,
    user_id: UUID | None = None,
    permission_id: UUID | None = None,
    address: str = "",
    data: dict[str, Any] | None = None,
) -> None:
    """Wish for one system mail to a contact, a user or an address; a second wish with the same ``dedupe`` changes nothing.

    The unique key is (mailing_no, dedupe_key), the mailing being the workspace's standing one of that name.

    Args:
        workspace_id: whose mail it is.
        name: a ``SystemMail`` of some manifest.
        dedupe: what makes it unique, such as the request's id.
        contact_id: the recipient, if a contact.
        reach_id: the contact's reach; looked up when left out.
        user_id: the recipient, if a user.
        permission_id: for a mail that stands on a permission, as a digest does: the gate is asked about it when the
            mail begins.
        address: where it goes, if not where the contact is reached. Without a contact ``prepare`` has to ask whether we
            may write there, as no gate knows.
        data: what ``prepare`` will need; ids rather than values, as it is stored until the person is erased. What stands
            under ``called`` a person's timeline calls it.

    Raises:
        ValueError: no such mail, not exactly one recipient.
        NotFound: the contact has no reach.
    """
    mails.get(name)
    if (contact_id is not None and user_id is not None) or not (contact_id or user_id or address):
        raise ValueError("A system mail goes to a contact, to a user, or to an address.")
    domain = group_of(address.rpartition("@")[2]) if address else None
    if contact_id is not None:
        if permission_id is None:
            contact_id = contacts.current_id(workspace_id, contact_id)
        reach_id = reach_id or _reach_of(workspace_id, contact_id)
        own = None if address else contacts.find_address(workspace_id, contact_id)
        domain = group_of(own.domain) if own else domain
    row = _row(dedupe, contact_id, reach_id, domain, data)
    _wish(workspace_id, name, [row | {"user_id": user_id, "permission_id": permission_id}])


def send_system_to(workspace_id: UUID, name: str, wishes: Sequence[Wish]) -> None:
    """As ``send_system`` for many contacts, in their order.

    Raises:
        ValueError: no such mail.
        NotFound: one of them has no reach.
    """
    mails.get(name)
    reach = consent.find_reach_ids(workspace_id, {one.contact_id for one in wishes})
    if any(one.contact_id not in reach for one in wishes):
        raise NotFound("This person cannot be reached by email.")
    rows = [
        _row(one.dedupe, one.contact_id, reach[one.contact_id], group_of(one.address.rpartition("@")[2]), one.data)
        for one in wishes
    ]
    _wish(workspace_id, name, rows)


def _row(
    dedupe: UUID, contact_id: UUID | None, reach_id: UUID | None, domain: str | None, data: dict[str, Any] | None
) -> dict[str, Any]:
    return {
        "contact_id": contact_id, "user_id": None, "permission_id": None, "reach_id": reach_id, "dedupe": dedupe,
        "domain": domain, "data": json.dumps(data) if data else None,
    }  # fmt: skip


def _wish(workspace_id: UUID, name: str, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        all_have = {"no": _standing_mailing(workspace_id, name), "workspace_id": workspace_id, "now": clock.now()}
        session().execute(_WISH, [row | all_have for row in rows])
        jobs.ring_lane(Lane.SYSTEM)


def resend(mailing_no: int, n: int) -> None:
    """Try a message once more although it failed or nobody knows whether it arrived; a person decided so.

    The gate is asked again at its begin, and its Message-ID stays the same.

    Raises:
        Conflict: it is not in such a state, or the rest of its mailing is still being called off.
    """
    again = (MessageState.UNKNOWN, MessageState.FAILED, MessageState.EXPIRED, MessageState.POISON)
    statement = (
        update(Message)
        .where(Message.mailing_no == mailing_no, Message.n == n, Message.state.in_(again))
        .values(
            state=MessageState.PENDING,
            due_at=clock.now(),
            done_at=None,
            attempts=0,
            first_at=None,
            host_faults=0,
            render_faults=0,
            crash_count=0,
        )
        .returning(Message.n)
    )
    mailing = (
        session()
        .execute(select(Mailing).where(Mailing.no == mailing_no).with_for_update())
        .scalar_one_or_none()
    )
    if mailing is not None and mailing.state == MailingState.CANCELLED and moves.is_waiting(mailing_no):
        raise Conflict("The rest of its mailing is still being called off. Try again in a minute.")
    if mailing is None or session().execute(statement).scalar_one_or_none() is None:
        raise Conflict("Only a message that failed, or that may not have arrived, can be sent again.")
    counting.doubt([mailing_no])
    if mailing.state in {MailingState.DONE, MailingState.CANCELLED}:
        mailing.state, mailing.ended_at = MailingState.RUNNING, None
        session().flush()
    jobs.ring_lane(mailing.lane)


_TOLD = (MessageState.SUPPRESSED, MessageState.UNKNOWN)
"""States whose reason stands in the words of the answer."""


def forget_person(workspace_id: UUID, contact_id: UUID) -> None:
    """Erase what messages hold about a person, and send none of those that wait.

    The numbers and ends of messages stay, so that reports still sum up; they name no one.
    """
    mine = (Message.workspace_id == workspace_id, Message.contact_id == contact_id)
    waiting = (MessageState.PENDING, MessageState.CLAIMED)
    # Called off now, or without the words of why they were skipped from now on.
    moves_on = or_(Message.state.in_(waiting), Message.state.in_(_TOLD) & Message.reply_text.is_not(None))
    counting.doubt(session().execute(select(Message.mailing_no).where(*mine, moves_on)).scalars().all())
    session().execute(
        update(Message)
        .where(*mine, Message.state.in_(waiting))
        .values(state=MessageState.CANCELLED, done_at=clock.now(), lease_owner=None, lease_until=None)
    )
    session().execute(update(Message).where(*mine).values(data=None, domain_group=None, reply_text=None))


_FOLLOW = text(
    "UPDATE messages m SET reach_id = r.id FROM reach r WHERE m.workspace_id = :workspace_id AND m.contact_id = :contact_id"
    " AND m.user_id IS NULL AND m.permission_id IS NULL AND m.reach_id <> r.id AND m.state IN ('pending', 'claimed',"
    " 'attempting', 'unknown') AND r.workspace_id = m.workspace_id AND r.contact_id = m.contact_id AND r.channel = 'email'"
)


def follow_reach(workspace_id: UUID, contact_id: UUID) -> None:
    """Let what a person has asked for go by their own reach: by that of another entry it would go past their veto.

    A newsletter keeps the permission that it stands on, and the reach beside it.
    """
    session().execute(_FOLLOW, {"workspace_id": workspace_id, "contact_id": contact_id})


def _reach_of(workspace_id: UUID, contact_id: UUID) -> UUID:
    reach = consent.find_reach(workspace_id, contact_id)
    if reach is None:
        raise NotFound("This person cannot be reached by email.")
    return reach.id


def _standing_mailing(workspace_id: UUID, name: str) -> int:
    """The number of the workspace's mailing for one kind of system mail, made when it is first needed."""
    known = select(Mailing.no).where(
        Mailing.workspace_id == workspace_id, Mailing.kind == Kind.SYSTEM, Mailing.name == name
    )
    found = session().execute(known).scalar_one_or_none()
    if found is not None:
        return found
    session().execute(
        insert(Mailing)
        .values(
            id=uuid7(),
            workspace_id=workspace_id,
            kind=Kind.SYSTEM,
            name=name,
            lane=Lane.SYSTEM,
            channel="email",
            state=MailingState.RUNNING,
            created_at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=["workspace_id", "name"], index_where=text("kind = 'system'"))
    )
    return session().execute(known).scalar_one()
