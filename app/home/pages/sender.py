"""The form of a sender, in the first run and in the settings: who mail comes from, and how it leaves."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from flask import current_app, request

from app.config import Settings
from app.delivery import queries as delivery
from app.delivery import service
from app.home.schemas import INSTALLED, SECURITIES, SMTP, SenderForm
from app.kernel.db import transaction
from app.kernel.errors import BadInput
from app.kernel.http.posted import posted

_OF_DELIVERY = {
    "name": "from_name",
    "address": "from_address",
    "host": "host",
    "port": "port",
    "security": "security",
    "username": "user",
    "password": "secret",
}


def context(workspace_id: UUID, *, name: str, address: str) -> dict[str, Any]:
    """What the fields show: what is stored, else the name and the address to begin with."""
    known = delivery.sender_of(workspace_id)
    server = delivery.server_of(workspace_id)
    return {
        "values": {
            "from_name": known.name if known else name,
            "from_address": known.address if known else address,
            "transport": SMTP if server else INSTALLED,
            "host": server.host if server else "",
            "port": server.port if server else 587,
            "security": server.security if server else "starttls",
            "user": server.username if server else "",
            "has_secret": bool(server and server.has_password),
        },
        **choices(),
    }


def choices() -> dict[str, Any]:
    """The ways out that can be chosen here, the usual one first."""
    own = (
        SMTP,
        "An SMTP service you already pay for",
        "Any provider that gives you a host, a user and a password.",
    )
    installed = (INSTALLED, *_installed())
    return {
        "transports": [installed, own] if has_mailbox() else [own, installed],
        "securities": list(SECURITIES),
    }


def typed() -> dict[str, Any]:
    """What was typed, to show it again; never the password."""
    names = ("from_name", "from_address", "transport", "host", "port", "security", "user")
    return {name: request.form.get(name, "") for name in names}


def save(workspace_id: UUID) -> str:
    """Store what was posted; a server of the workspace's own is greeted first. Opens its own transactions.

    Returns:
        What happened, in a sentence.

    Raises:
        BadInput: under the names of the form's fields.
    """
    form = posted(SenderForm())
    try:
        if form["transport"] == SMTP:
            return _save_own(workspace_id, form)
        with transaction():
            service.set_sender(workspace_id, form["from_name"], form["from_address"])
            service.unset_transport(workspace_id)
    except BadInput as problem:
        fields = {_OF_DELIVERY.get(name, name): text for name, text in problem.fields.items()}
        raise BadInput(problem.detail, fields=fields or {"host": problem.detail}) from None
    return "Saved."


def _save_own(workspace_id: UUID, form: dict[str, Any]) -> str:
    if not form["port"].isascii() or not form["port"].isdigit() or not 0 < int(form["port"]) < 65536:
        raise BadInput(fields={"port": "Write a number from 1 to 65535."})
    if not form["host"]:
        raise BadInput(fields={"host": "Write the name of the mail server."})
    with transaction():
        password = form["secret"] or delivery.stored_password(workspace_id)
    server = (form["host"], int(form["port"]), form["security"], form["user"])
    service.try_transport(workspace_id, *server, password)
    with transaction():
        service.set_sender(workspace_id, form["from_name"], form["from_address"])
        service.set_transport(workspace_id, *server, password)
    return f"{form['host']} answers and lets us in."


def has_mailbox() -> bool:
    """Whether this is a machine for development, whose mails stay in its own mailbox."""
    settings: Settings = current_app.config["NOD"]
    return bool(settings.mailbox_dir)


def _installed_host() -> str:
    settings: Settings = current_app.config["NOD"]
    return urlsplit(settings.smtp_url).hostname or "this server"


def _installed() -> tuple[str, str]:
    if has_mailbox():
        return (
            "The development mailbox of this machine",
            "Nothing leaves this machine; you read the mails here.",
        )
    return (
        "The mail server of this installation",
        f"{_installed_host()}, as whoever runs the server has set it.",
    )
