"""The system mail of this room: a test that goes to somebody who works here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

from flask import current_app

from app.config import Settings
from app.delivery import queries as delivery
from app.delivery.service import Prepared, Skip, SystemMail, SystemMessage, prepare_for_staff
from app.kernel import i18n

if TYPE_CHECKING:
    from app.accounts.rules.brand import Brand

TEST_MAIL = "test-mail"


def _prepare(message: SystemMessage) -> Prepared | Skip:
    return prepare_for_staff(message, TEST_MAIL, lambda brand: _test(message, brand))


def _test(message: SystemMessage, brand: Brand) -> dict[str, Any]:
    settings: Settings = current_app.config["NOD"]
    return {
        "transport": {"name": server_name(settings, message.workspace_id)},
        "request": {"time": i18n.instant(message.created_at, brand.time_zone)},
        "links": {"start": f"{settings.url}/"},
        "mail": {"reason": f"You asked for this test on {urlsplit(settings.url).netloc}."},
    }


def server_name(settings: Settings, workspace_id: UUID) -> str:
    """The mail server that takes this workspace's mails, by the name that people know."""
    server = delivery.server_of(workspace_id)
    if server:
        return server.host
    if settings.mailbox_dir:
        return "the development mailbox of this machine"
    return urlsplit(settings.smtp_url).hostname or "this server"


TEST = SystemMail(TEST_MAIL, _prepare, "Test mail")
