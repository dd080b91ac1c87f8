"""The mails of this room. The test of a letter: to somebody who works here, as a reader would get it, with links that lead nowhere."""

from __future__ import annotations

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
from app.delivery.service import Prepared, Skip, SystemMail, SystemMessage

MARK = "[TEST] "


def _prepare(message: SystemMessage) -> Prepared | Skip:
    if message.user_id is None:
        return Skip("It was for nobody.")
    user = accounts.get_user(message.user_id)
    if user.disabled_at is not None:
        return Skip("The account is disabled.")
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
    if message.user_id is None:
        return Skip("It was for nobody.")
    user = accounts.get_user(message.user_id)
    if user.disabled_at is not None:
        return Skip("The account is disabled.")
    brand = accounts.brand(message.workspace_id)
    row = serial.get_series(message.workspace_id, UUID(message.data["series"]))
    url = current_app.config["NOD"].url
    where = f"{url}/campaigns/series/{row.id}"
    if message.data["campaign"]:
        where = f"{url}/campaigns/{UUID(message.data['campaign'])}"
    return Prepared(
        to=user.email,
        to_name=user.name,
        template=SERIES_NEWS,
        language="en",
        values={
            "workspace": {"name": brand.name},
            "brand": {"name": brand.name, "short_name": brand.short_name, "postal_address": brand.postal_address},
            "series": {
                "name": queries.get_campaign(message.workspace_id, row.campaign_id).name,
                "news": message.data["news"],
                "says": message.data["says"],
            },
            "links": {"series": where},
            "mail": {"reason": f"This series of {brand.name} is in your hands."},
        },
    )


TEST = SystemMail(LETTER_TEST, _prepare, "Test of a letter")
NEWS = SystemMail(SERIES_NEWS, _prepare_news, "News of a series")
