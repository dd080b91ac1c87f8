"""The mails of this room. The test of a letter: to somebody who works here, as a reader would get it, with links that lead nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from flask import current_app

from app.accounts import queries as accounts
from app.campaigns import queries, serial
from app.campaigns.rules import LETTER_TEST, SERIES_NEWS
from app.config import Settings
from app.content import queries as letters
from app.content import service as content
from app.content.service import Reader
from app.delivery.rules import Content
from app.delivery.service import Prepared, Skip, SystemMail, SystemMessage, prepare_for_staff, recipient_of

if TYPE_CHECKING:
    from app.accounts.rules.brand import Brand

MARK = "[TEST] "


def _prepare(message: SystemMessage) -> Prepared | Skip:
    user = recipient_of(message)
    if isinstance(user, Skip):
        return user
    version = letters.get_version(message.workspace_id, UUID(message.data["version_id"]))
    settings: Settings = current_app.config["NOD"]
    values = content.reader_values(
        Reader(first_name=user.name, email=user.email),
        accounts.brand(message.workspace_id),
        topic=message.data["topic"],
        permission_at=message.created_at,
        # Whoever tests must be able to press everything without doing anything to anybody.
        links={
            "unsubscribe": f"{settings.url}/u/test",
            "preferences": f"{settings.url}/p/test",
            "why": f"{settings.url}/w/test",
            "web_view": f"{settings.url}/v/test",
        },
        language=version.language,
    )
    rendered = content.render(version, values)
    mark = MARK if message.data["mark"] else ""
    return Prepared(
        to=user.email,
        to_name=user.name,
        template="",
        language=version.language,
        values={},
        content=Content(mark + rendered.subject, rendered.text, rendered.html),
    )


def _prepare_news(message: SystemMessage) -> Prepared | Skip:
    return prepare_for_staff(message, SERIES_NEWS, lambda brand: _news(message, brand))


def _news(message: SystemMessage, brand: Brand) -> dict[str, Any]:
    row = serial.get_series(message.workspace_id, UUID(message.data["series"]))
    campaign = message.data["campaign"]
    url = f"{current_app.config['NOD'].url}/campaigns"
    return {
        "series": {
            "name": queries.get_campaign(message.workspace_id, row.campaign_id).name,
            "news": message.data["news"],
            "says": message.data["says"],
        },
        "links": {"series": f"{url}/{UUID(campaign)}" if campaign else f"{url}/series/{row.id}"},
        "mail": {"reason": f"This series of {brand.name} is in your hands."},
    }


TEST = SystemMail(LETTER_TEST, _prepare, "Test of a letter")
NEWS = SystemMail(SERIES_NEWS, _prepare_news, "News of a series")
