"""What a workspace decides about its readers' pages: how long a question waits, its reminder, and letters on paper."""

from __future__ import annotations

from collections.abc import Mapping

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.accounts import service as accounts_service
from app.accounts.rules import acts
from app.kernel.errors import BadInput
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted
from app.preferences import reminding
from app.preferences.pages.shown import blueprint
from app.preferences.schemas import ReaderRules


@blueprint.get("/settings/readers")
@guards.member("settings.write")
def settings() -> str:
    """What is in force."""
    return _page({})


@blueprint.post("/settings/readers")
@guards.member("settings.write")
def save_settings() -> Response:
    """Put it into force."""
    actor = current_actor()
    try:
        given = posted(ReaderRules())
    except BadInput as problem:
        return make_response(_page(problem.fields), problem.status)
    days = int(given["remind_after_days"]) or None
    offers_post = given["offers_post"] == "yes"
    confirm_days = given["confirm_days"]
    reminding.configure(
        actor.workspace_id, remind_after_days=days, offers_post=offers_post, confirm_days=confirm_days
    )
    accounts_service.record(
        "readers.changed",
        by=acts.user(actor.id),
        workspace_id=actor.workspace_id,
        detail={"remind_after_days": days, "offers_post": offers_post, "confirm_days": confirm_days},
    )
    return redirect(url_for("preferences.settings", saved=1), 303)


def _page(errors: Mapping[str, str]) -> str:
    found = reminding.settings_of(current_actor().workspace_id)
    return render_template(
        "preferences/settings.html",
        action=url_for("preferences.save_settings"),
        days=str(found.remind_after_days or 0),
        confirm_days=str(found.confirm_days),
        offers_post="yes" if found.offers_post else "no",
        errors=errors,
        is_saved=bool(request.args.get("saved")),
    )
