"""Who mails come from, and which mail server takes them."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from app.contacts.addresses import AddressError, normalise
from app.delivery import outlets, queries, vault
from app.delivery.models import SenderRow, Transport
from app.delivery.pacing.buckets import route_key
from app.delivery.service import pacing
from app.delivery.transports.settings import Security, SmtpSettings
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict
from app.kernel.ids import uuid7

MAX_NAME = 120
MAX_WORDS = 255
MAX_PORT = 65535


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
    pacing.reopen(route_key(transport.id))


def unset_transport(workspace_id: UUID) -> None:
    """Go back to the installation's mail server; the workspace's own is forgotten."""
    sender = session().execute(queries.default_sender(workspace_id).with_for_update()).scalar_one_or_none()
    if sender is None or sender.transport_id is None:
        return
    transport, route = session().get(Transport, sender.transport_id), route_key(sender.transport_id)
    sender.transport_id = None
    session().flush()
    session().delete(transport)
    session().flush()
    pacing.forget_route(route)


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
