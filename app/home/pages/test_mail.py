"""The test mail: wished for by a person, sent by a worker, told about on the page."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import current_app, request

from app.accounts import queries as accounts
from app.config import Settings
from app.delivery import service as delivery
from app.delivery.queries import standing
from app.home import queries
from app.home.mails import TEST_MAIL, server_name
from app.home.pages.first_run import somebody
from app.home.rules import progress
from app.home.schemas import Recipient
from app.kernel import limits
from app.kernel.errors import BadInput, NotFound, TooMany
from app.kernel.health import seconds_since_beat
from app.kernel.http.posted import posted
from app.kernel.ids import uuid7

TESTS, TESTS_SECONDS = 20, 3600


def send() -> None:
    """Wish for one test mail to somebody who works in the workspace: Nod tries nothing on strangers.

    Raises:
        BadInput: the address is nobody's here.
        TooMany: twenty in an hour.
    """
    live = somebody()
    if live.workspace_id is None:
        raise NotFound
    wanted = posted(Recipient())["to"].lower()
    members = {member.email: member.user_id for member in accounts.list_members(live.workspace_id)}
    if wanted not in members:
        raise BadInput(
            fields={"to": "Write the address with which you, or somebody else who works here, signs in."}
        )
    if not limits.hit("test_mail", str(live.workspace_id), TESTS, TESTS_SECONDS):
        raise TooMany(
            "That were twenty test mails in an hour. Wait a little.", retry_after_seconds=TESTS_SECONDS
        )
    delivery.send_system(live.workspace_id, TEST_MAIL, dedupe=uuid7(), user_id=members[wanted])


def checks() -> list[dict[str, Any]]:
    """What has become of the last one to this user, line by line; nothing before the first."""
    live = somebody()
    if live.workspace_id is None:
        return []
    found = queries.find_last_mail(live.workspace_id, live.user_id, TEST_MAIL)
    if found is None:
        return []
    settings: Settings = current_app.config["NOD"]
    server = server_name(settings, live.workspace_id)
    # A server that is away leaves its words at the way out, not at each mail that waits for it.
    why = next((limit.why for limit in standing(live.workspace_id) if limit.is_resting and not limit.group), "")
    seen = seconds_since_beat("worker")
    return [asdict(check) for check in progress(found, server=server, worker_seconds=seen, why=why)]


def recipient() -> str:
    """What stands in the field: as typed, else one's own address."""
    return request.form.get("to") or somebody().user_email


def mailbox_url() -> str | None:
    """Where the mails of a machine for development are read."""
    settings: Settings = current_app.config["NOD"]
    return "/mailbox" if settings.mailbox_dir else None
