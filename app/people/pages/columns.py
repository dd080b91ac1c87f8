"""Choosing the columns of the list."""

from __future__ import annotations

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.kernel.errors import BadInput
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted
from app.people import columns
from app.people.pages import blueprint, kept
from app.people.schemas import ChosenColumns


@blueprint.post("/people/columns")
@guards.member("people.read")
def choose_columns() -> Response:
    """Keep what the user wants to see; back to the list as it was."""
    actor = current_actor()
    try:
        columns.choose(actor.workspace_id, actor.id, posted(ChosenColumns())["column"])
    except BadInput as problem:
        return make_response(_page(problem), problem.status)
    return redirect(url_for("people.index", **kept()), 303)


def _page(problem: BadInput) -> str:
    """The choice that did not fit, as it was made."""
    actor = current_actor()
    return render_template(
        "people/columns.html",
        offered=columns.of(actor.workspace_id, actor.id).offered,
        chosen=request.form.getlist("column"),
        errors=problem.fields,
        url=url_for("people.choose_columns", **kept()),
        people_url=url_for("people.index", **kept()),
    )
