"""Setting when and how often people get mails at all."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, url_for
from werkzeug.wrappers import Response

from app.accounts import service as accounts
from app.accounts.rules import acts
from app.delivery import service
from app.delivery.rules.hours import read_span
from app.home.pages.settings import page
from app.home.schemas import HoursForm
from app.kernel.errors import BadInput
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted

blueprint = Blueprint("hours", __name__, url_prefix="/settings/hours")


@blueprint.post("")
@guards.member("settings.write")
def save() -> Response:
    """Set quiet hours and how many mails a week anybody gets; what is left empty is no limit."""
    actor = current_actor()
    try:
        form = posted(HoursForm())
        service.set_contact_limits(actor.workspace_id, quiet=read_span(form, "quiet_since", "quiet_until"), weekly=_number(form["weekly"]))
    except BadInput as problem:
        return make_response(page(hours_errors=problem.fields), problem.status)
    accounts.record(
        "hours.changed", by=acts.user(actor.id), workspace_id=actor.workspace_id, of=f"workspace:{actor.workspace_id}",
        detail={name: form[name] for name in ("quiet_since", "quiet_until", "weekly")},
    )  # fmt: skip
    return redirect(url_for("settings.index", _anchor="hours"), 303)


def _number(typed: str) -> int | None:
    if not typed:
        return None
    if not typed.isascii() or not typed.isdigit() or len(typed) > 3:
        raise BadInput(fields={"weekly": "Write a whole number."})
    return int(typed)
