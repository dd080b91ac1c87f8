"""Where the link in a mail leads: a fresh mail first, or out at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, render_template, url_for

from app.kernel.http import guards
from app.preferences import links, service
from app.preferences.pages import leaving, shown
from app.preferences.pages.shown import blueprint

if TYPE_CHECKING:
    pass


@blueprint.get("/p/<token>")
@guards.public
def request_page(token: str) -> str:
    """Where "change my choices" leads: mails get forwarded, so it shows nothing."""
    reader = shown.reader_of_reach(links.read_preferences(token))
    return render_template(
        "preferences/request.html",
        **shown.shell(reader),
        masked=reader.masked,
        send_action=url_for("preferences.send_link", token=token),
        stop_action=url_for("preferences.stop", token=token),
    )


@blueprint.post("/p/<token>/send")
@guards.public
def send_link(token: str) -> str:
    """Mail the private link to the person's own address."""
    reader = shown.reader_of_reach(links.read_preferences(token))
    service.send_private_link(reader.workspace_id, reader.contact_id)
    return render_template(
        "preferences/link_sent.html", **shown.shell(reader), **shown.sender(reader), masked=reader.masked
    )


@blueprint.post("/p/<token>/stop")
@guards.public
def stop(token: str) -> Response:
    """Stop everything, without any private link."""
    reader = shown.reader_of_reach(links.read_preferences(token))
    return leaving.stopped(
        service.stop(reader.workspace_id, reader.contact_id, shown.proof(token), method="link")
    )
