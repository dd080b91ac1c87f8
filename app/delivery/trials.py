"""A letter as a test, to somebody who works here: nothing in it can leave a list, and nobody counts it."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from app.accounts import queries as accounts
from app.content import queries as letters
from app.content import service as content
from app.delivery.rules import Content, Prepared, Skip, SystemMail, SystemMessage
from app.kernel.errors import BadInput, NotFound

NAME: Final = "letter-test"
MARK: Final = "[TEST] "
_url = ""


def configure(url: str) -> None:
    """Set the address that links begin with."""
    global _url
    _url = url


def render(workspace_id: UUID, version_id: UUID) -> Content:
    """The letter for a made-up reader; its links to leave and to choose lead to a page that says they are a test's.

    Raises:
        NotFound: no such version.
        BadInput: a reader could not leave this letter.
    """
    version = letters.get_version(workspace_id, version_id)
    links = dict.fromkeys(("unsubscribe", "preferences", "why"), f"{_url}/u/test")
    values = content.sample_values(
        accounts.brand(workspace_id), links | {"web_view": content.web_view_url(version.id)}, content.named_by(version.needs)
    )
    shown = content.render(version, values)
    return Content(MARK + shown.subject, shown.text, shown.html)


def prepare(message: SystemMessage) -> Prepared | Skip:
    """The test for one user."""
    if message.user_id is None:
        return Skip("It was for nobody.")
    user = accounts.get_user(message.user_id)
    try:
        written = render(message.workspace_id, UUID(message.data["version_id"]))
    except (NotFound, BadInput) as fault:
        return Skip(fault.detail)
    return Prepared(to=user.email, to_name=user.name, template="", language="", values={}, content=written)


LETTER_TEST = SystemMail(NAME, prepare, "Test of a letter")
