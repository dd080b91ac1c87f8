"""A tag, a company or a value for many people of the list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.kernel.db import session
from app.kernel.errors import BadInput
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted
from app.people import bulk
from app.people.bulk import What, Whom
from app.people.pages import blueprint, kept, listing
from app.people.pages.listing import Looked
from app.people.rules import ACT_NEEDS
from app.people.schemas import ManyAct

NOBODY = "Choose people first: by the box beside each, or all on this page."


@blueprint.post("/people/tagging")
@guards.member("people.write")
def act_on_many() -> Response:
    """Do something to people of the list; the address says what the list looked for."""
    actor, looked = current_actor(), listing.looked_for()
    try:
        form = _posted()
        # Refused halfway, nothing of it may stay: the page that says why is an answer and commits.
        with session().begin_nested():
            act_id = bulk.start(actor.workspace_id, _what(form), _whom(form, looked), by=actor.id)
    except BadInput as problem:
        return make_response(listing.page(looked, faults=problem.fields), problem.status)
    return redirect(url_for("people.index", **kept(), acted=act_id), 303)


@blueprint.get("/people/acts/value")
@guards.member("people.write")
def act_value() -> str:
    """The input for a value of the field whose key is ``field``: a piece of the list, which asks for it."""
    found = listing.act_field(request.args.get("field", ""))
    return render_template("people/act_value.html", field=found, value=[], fault="")


def _what(form: Mapping[str, Any]) -> What:
    name, _ = ACT_NEEDS[form["do"]]
    return What(form["do"], form[name], form["value"])


def _posted() -> dict[str, Any]:
    """What was posted, or everything about it that does not fit."""
    faults: dict[str, str] = {}
    form: dict[str, Any] = {}
    try:
        form = posted(ManyAct())
    except BadInput as problem:
        faults = dict(problem.fields)
    if not request.form.get("who") and not (request.form.get("whole") and request.form.get("shown")):
        faults.setdefault("who", NOBODY)
    if faults:
        raise BadInput(fields=faults)
    return form


def _whom(form: Mapping[str, Any], looked: Looked) -> Whom:
    """Everybody only where the whole page is chosen too: what somebody took out of the choice stays out."""
    is_whole = form["whole"] or (form["shown"] and set(form["shown"]) <= set(form["who"]))
    if form["all"] and is_whole:
        return Whom(search=looked.search, words=looked.words)
    return Whom(people=form["shown"] if form["whole"] else form["who"])
