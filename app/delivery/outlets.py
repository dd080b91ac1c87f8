"""The ways out: which mail server takes a workspace's mails."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from uuid import UUID

from sqlalchemy import select

from app.delivery import vault
from app.delivery.models import Transport as TransportRow
from app.delivery.transports.base import NotOpen, Verb
from app.delivery.transports.settings import Security, SmtpSettings, Timeouts, parse_url
from app.delivery.transports.smtp import SmtpTransport
from app.kernel.db import session
from app.kernel.errors import BadInput

QUICK: Final = Timeouts(connect=5, banner=5, command=5, quit=1)
_default = SmtpSettings("127.0.0.1", 25)


def configure(smtp_url: str) -> None:
    """Set the installation's own mail server, as ``NOD_SMTP_URL`` names it.

    Raises:
        ValueError: not such an address; in plain words, without the password.
    """
    global _default
    _default = parse_url(smtp_url)


def route_of(transport_id: UUID | None) -> SmtpSettings:
    """How a workspace's transport is reached, or the installation's own for None.

    Raises:
        Conflict: its password cannot be read.
    """
    row = session().execute(select(TransportRow).where(TransportRow.id == transport_id)).scalar_one_or_none()
    if row is None:
        return _default
    password = vault.unlock(row.secret) if row.secret else ""
    return SmtpSettings(row.host, row.port, Security(row.security), row.username, password)


_FIELDS: Final = {
    Verb.DNS: ("host", "There is no server of this name."),
    Verb.CONNECT: ("host", "The server does not answer on this port."),
    Verb.STARTTLS: ("security", "The server does not speak TLS the way this setting asks."),
    Verb.AUTH: ("password", "The server does not accept this user name with this password."),
}


def try_out(route: SmtpSettings) -> None:
    """Connect, greet, sign in and say goodbye, with a person waiting: a few seconds for each step.

    Raises:
        BadInput: with ``fields`` naming what the server did not accept, in its words.
    """
    transport = SmtpTransport(replace(route, timeouts=QUICK))
    try:
        transport.open()
    except NotOpen as fault:
        name, says = _FIELDS.get(fault.result.verb, ("host", "The server does not want to talk with us."))
        words = f"{says} It says: {fault.result.text}" if fault.result.text else says
        raise BadInput("The mail server cannot be used like this.", fields={name: words}) from None
    finally:
        transport.close()
