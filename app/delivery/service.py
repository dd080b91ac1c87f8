"""The verbs of sending. Each wish is a row; the workers do the rest (``pump``)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert

from app.consent import queries as consent
from app.contacts import queries as contacts
from app.contacts.addresses import AddressError, normalise
from app.delivery import mails, outlets, queries, vault
from app.delivery.models import Mailing, Message, SenderRow, Transport, system_message_n
from app.delivery.rules import (
    Kind,
    Lane,
    MailingState,
    MessageState,
    Prepared,
    Sender,
    Skip,
    SystemMail,
    SystemMessage,
)
from app.delivery.transports.settings import Security, SmtpSettings
from app.kernel import clock, jobs
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict, NotFound
from app.kernel.ids import uuid7

__all__ = [
    "Prepared",
    "Security",
    "Sender",
    "Skip",
    "SystemMail",
    "SystemMessage",
    "forget_person",
    "resend",
    "send_system",
    "set_sender",
    "set_transport",
    "try_transport",
    "unset_transport",
]

MAX_NAME = 120
MAX_WORDS = 255
MAX_PORT = 65535


def send_system(
    workspace_id: UUID,
    name: str,
    *,
    dedupe: UUID,
    contact_id: UUID | None = None,
    reach_id: UUID | None = None,
    user_id: UUID | None = None,
    data: dict[str, Any] | None = None,
) -> None:
    """Wish for one system mail to a contact or a user; a second wish with the same ``dedupe`` changes nothing.

    The unique key is (mailing_no, dedupe_key), the mailing being the workspace's standing one of that name.

    Args:
        workspace_id: whose mail it is.
        name: a ``SystemMail`` of some manifest.
        dedupe: what makes it unique, such as the request's id.
        contact_id: the recipient, if a contact.
        reach_id: the contact's reach; looked up when left out.
        user_id: the recipient, if a user.
        data: what ``prepare`` will need; ids rather than values, as it is stored until the person is erased.

    Raises:
        ValueError: no such mail, not exactly one recipient.
        NotFound: the contact has no reach.
    """
    mails.get(name)
    if (contact_id is None) == (user_id is None):
        raise ValueError("A system mail goes to a contact or to a user.")
    domain = None
    if contact_id is not None:
        reach_id = reach_id or _reach_of(workspace_id, contact_id)
        address = contacts.find_address(workspace_id, contact_id)
        domain = address.domain if address else None
    now = clock.now()
    session().execute(
        insert(Message)
        .values(
            mailing_no=_standing_mailing(workspace_id, name),
            n=system_message_n.next_value(),
            workspace_id=workspace_id,
            contact_id=contact_id,
            user_id=user_id,
            reach_id=reach_id,
            dedupe_key=dedupe,
            domain_group=domain,
            data=data,
            state=MessageState.PENDING,
            created_at=now,
            due_at=now,
        )
        .on_conflict_do_nothing(constraint="uq_messages_dedupe")
    )
    jobs.ring_lane(Lane.SYSTEM)


def set_sender(workspace_id: UUID, name: str, address: str, reply_to: str = "") -> None:
    """Say who the workspace's mails come from.

    Raises:
        BadInput: with ``fields`` name, address, reply_to.
    """
    faults: dict[str, str] = {}
    name, reply_to = name.strip(), reply_to.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        faults["name"] = f"Write the name people will see, on one line of at most {MAX_NAME} characters."
    mailbox = _mailbox(address, "address", faults)
    answers = _mailbox(reply_to, "reply_to", faults) if reply_to else ""
    if faults:
        raise BadInput("The sender does not fit.", fields=faults)
    values = {"name": name, "address": mailbox, "reply_to": answers}
    session().execute(
        insert(SenderRow)
        .values(id=uuid7(), workspace_id=workspace_id, is_default=True, created_at=clock.now(), **values)
        .on_conflict_do_update(index_elements=["workspace_id"], index_where=text("is_default"), set_=values)
    )


def set_transport(
    workspace_id: UUID, host: str, port: int, security: str, username: str = "", password: str | None = None
) -> None:
    """Let the workspace's mails go out through its own mail server.

    Args:
        workspace_id: whose mails.
        host: name or address of the server.
        port: 1 to 65535.
        security: a value of ``Security``.
        username: empty where the server asks for none.
        password: None keeps the one that is stored.

    Raises:
        BadInput: with ``fields`` host, port, security, username, password.
        Conflict: the workspace has no sender yet.
    """
    route = _route(host, port, security, username, password or "")
    sender = session().execute(queries.default_sender(workspace_id).with_for_update()).scalar_one_or_none()
    if sender is None:
        raise Conflict("Say first who your mails come from.")
    transport = session().get(Transport, sender.transport_id) if sender.transport_id else None
    if transport is None:
        transport = Transport(id=uuid7(), workspace_id=workspace_id, kind="smtp", created_at=clock.now())
        session().add(transport)
    transport.host, transport.port, transport.security = route.host, route.port, route.security.value
    transport.username = route.username
    if password is not None:
        transport.secret = vault.lock(password) if password else None
    session().flush()
    sender.transport_id = transport.id
    session().flush()


def unset_transport(workspace_id: UUID) -> None:
    """Go back to the installation's mail server; the workspace's own is forgotten."""
    sender = session().execute(queries.default_sender(workspace_id).with_for_update()).scalar_one_or_none()
    if sender is None or sender.transport_id is None:
        return
    transport = session().get(Transport, sender.transport_id)
    sender.transport_id = None
    session().flush()
    session().delete(transport)
    session().flush()


def try_transport(
    workspace_id: UUID, host: str, port: int, security: str, username: str = "", password: str | None = None
) -> None:
    """Greet the mail server and sign in, without sending anything; takes at most about 20 seconds.

    Args:
        workspace_id: whose stored password is tried when ``password`` is None.
        host: as of ``set_transport``, like the rest.
        port: 1 to 65535.
        security: a value of ``Security``.
        username: empty where the server asks for none.
        password: of that user.

    Raises:
        BadInput: with ``fields`` naming what the server did not accept, in its words.
    """
    if password is None:
        password = queries.stored_password(workspace_id)
    outlets.try_out(_route(host, port, security, username, password))


def resend(mailing_no: int, n: int) -> None:
    """Try a message once more although it failed or nobody knows whether it arrived; a person decided so.

    The gate is asked again at its begin, and its Message-ID stays the same.

    Raises:
        Conflict: it is not in such a state.
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
    if session().execute(statement).scalar_one_or_none() is None:
        raise Conflict("Only a message that failed, or that may not have arrived, can be sent again.")
    lane = session().execute(select(Mailing.lane).where(Mailing.no == mailing_no)).scalar_one()
    jobs.ring_lane(lane)


def forget_person(workspace_id: UUID, contact_id: UUID) -> None:
    """Erase what messages hold about a person, and send none of those that wait.

    The numbers and ends of messages stay, so that reports still sum up; they name no one.
    """
    mine = (Message.workspace_id == workspace_id, Message.contact_id == contact_id)
    waiting = (MessageState.PENDING, MessageState.CLAIMED)
    session().execute(
        update(Message)
        .where(*mine, Message.state.in_(waiting))
        .values(state=MessageState.CANCELLED, done_at=clock.now(), lease_owner=None, lease_until=None)
    )
    session().execute(update(Message).where(*mine).values(data=None, domain_group=None, reply_text=None))


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


def _mailbox(raw: str, field: str, faults: dict[str, str]) -> str:
    try:
        return normalise(raw).address
    except AddressError as error:
        faults[field] = error.reason
        return ""


def _route(host: str, port: int, security: str, username: str, password: str) -> SmtpSettings:
    host, username = host.strip(), username.strip()
    faults: dict[str, str] = {}
    if not host or len(host) > MAX_WORDS or not host.isprintable() or any(sign in host for sign in " /@"):
        faults["host"] = "Write the name of the mail server, such as mail.example.org."
    if not 1 <= port <= MAX_PORT:
        faults["port"] = f"A port is a number from 1 to {MAX_PORT}, mostly 587, 465 or 25."
    if security not in list(Security):
        faults["security"] = "Choose how the connection is encrypted."
    if len(username) > MAX_WORDS or not username.isprintable():
        faults["username"] = f"Write the user name on one line of at most {MAX_WORDS} characters."
    if len(password) > MAX_WORDS:
        faults["password"] = f"A password has at most {MAX_WORDS} characters."
    if password and not username:
        faults.setdefault("username", "A password needs a user name.")
    if faults:
        raise BadInput("The mail server cannot be used like this.", fields=faults)
    return SmtpSettings(host, port, Security(security), username, password)
