"""The system mail of this room: a test that goes to somebody who works here."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

from flask import current_app

from app.accounts import queries as accounts
from app.config import Settings
from app.delivery import queries as delivery
from app.delivery.service import Prepared, Skip, SystemMail, SystemMessage
from app.kernel import i18n

TEST_MAIL = "test-mail"


def _prepare(message: SystemMessage) -> Prepared | Skip:
    if message.user_id is None:
        return Skip("It was for nobody.")
    user = accounts.get_user(message.user_id)
    if user.disabled_at is not None:
        return Skip("The account is disabled.")
    brand = accounts.brand(message.workspace_id)
    settings: Settings = current_app.config["NOD"]
    return Prepared(
        to=user.email,
        to_name=user.name,
        template=TEST_MAIL,
        language="en",
        values={
            "workspace": {"name": brand.name},
            "brand": {
                "name": brand.name,
                "short_name": brand.short_name,
                "postal_address": brand.postal_address,
            },
            "transport": {"name": server_name(settings, message.workspace_id)},
            "request": {"time": i18n.instant(message.created_at, brand.time_zone)},
            "links": {"start": f"{settings.url}/"},
            "mail": {"reason": f"You asked for this test on {urlsplit(settings.url).netloc}."},
        },
    )


def server_name(settings: Settings, workspace_id: UUID) -> str:
    """The mail server that takes this workspace's mails, by the name that people know."""
    server = delivery.server_of(workspace_id)
    if server:
        return server.host
    if settings.mailbox_dir:
        return "the development mailbox of this machine"
    return urlsplit(settings.smtp_url).hostname or "this server"


TEST = SystemMail(TEST_MAIL, _prepare, "Test mail")
