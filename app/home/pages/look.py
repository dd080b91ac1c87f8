"""Setting how letters look beside their accent: logo, fonts, and more words for the footer."""

from __future__ import annotations

from contextlib import closing

from flask import Blueprint, make_response, redirect, request, url_for
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.accounts import service as accounts_service
from app.accounts.rules import acts
from app.accounts.rules.brand import Look
from app.content import service as content
from app.home.pages.settings import page
from app.home.schemas import LookForm
from app.kernel.errors import BadInput
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted

SHOWN = {"heading_font", "text_font", "footer"}
blueprint = Blueprint("look", __name__, url_prefix="/settings/look")


@blueprint.post("")
@guards.member("settings.write")
def save() -> Response:
    """Keep it; a file that was chosen takes the place of the logo, ``remove`` takes the logo away."""
    actor = current_actor()
    try:
        form = posted(LookForm())
        logo = "" if form["remove"] else _brought() or accounts.get_workspace(actor.workspace_id).logo
        look = Look(logo, form["heading_font"], form["text_font"], form["footer"])
        accounts_service.change_look(actor.workspace_id, look, by=acts.user(actor.id))
    except BadInput as problem:
        fields = dict(problem.fields)
        errors = {"logo": fields.pop("picture", problem.detail)} | fields if not fields.keys() & SHOWN else fields
        return make_response(page(look_errors=errors), problem.status)
    return redirect(url_for("settings.index", _anchor="look"), 303)


def _brought() -> str:
    """The path of the picture that came along, or nothing."""
    file = request.files.get("logo")
    if file is None or not file.filename:
        return ""
    actor = current_actor()
    with closing(file):
        picture = content.add_picture(
            actor.workspace_id, file.filename, file.stream.read(content.PICTURE_OCTETS + 1), by=actor.id
        )
    return url_for("content.picture", key=picture.key, kind=picture.kind)
