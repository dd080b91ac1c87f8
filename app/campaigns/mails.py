"""The test of a letter: to somebody who works here, as a reader would get it, with links that lead nowhere."""

from __future__ import annotations

from uuid import UUID

from flask import current_app

from app.accounts import queries as accounts
from app.campaigns.rules import LETTER_TEST
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


TEST = SystemMail(LETTER_TEST, _prepare, "Test of a letter")
