"""The latest acts on many people: how far they are, and taking them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from flask import redirect, render_template, request, url_for

from app.accounts import queries as accounts
from app.kernel import clock
from app.kernel.errors import NotFound
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted
from app.people import act_words, bulk, rules
from app.people.pages import blueprint, kept
from app.people.rules import ActKind, ActState
from app.people.schemas import Nothing

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from app.people.models import BulkAct


@blueprint.get("/people/acts")
@guards.member("people.read")
def list_acts() -> str:
    """The latest acts of the workspace, how far they are, and how they are taken back."""
    workspace_id = current_actor().workspace_id
    found = bulk.list_acts(workspace_id)
    names = {user_id: accounts.get_user(user_id).name for user_id in {one.user_id for one in found}}
    return render_template(
        "people/acts.html",
        rows=[_shown(one) | {"by": names[one.user_id], "at": one.created_at, "whom": one.whom} for one in found],
        is_going=any(one.state in {ActState.DOING.value, ActState.UNDOING.value} for one in found),
        people_url=url_for("people.index"),
        days=rules.UNDO_FOR.days,
        zone=accounts.brand(workspace_id).time_zone,
    )


@blueprint.get("/people/acts/<uuid:act_id>")
@guards.member("people.read")
def show_act(act_id: UUID) -> str:
    """How far one is: a piece of the list, which asks for it."""
    return render_template("people/act.html", act=_on_list(act_id))


@blueprint.post("/people/acts/<uuid:act_id>/undo")
@guards.member("people.write")
def undo_act(act_id: UUID) -> Response:
    """Take one back; ``list`` in the address leads to the list again, else to the acts."""
    posted(Nothing())
    actor = current_actor()
    bulk.undo(actor.workspace_id, act_id, by=actor.id)
    if "list" in request.args:
        return redirect(url_for("people.index", **kept(), acted=act_id), 303)
    return redirect(url_for("people.list_acts"), 303)


def acted() -> dict[str, Any] | None:
    """The act that the list's address names, if it is still there."""
    try:
        return _on_list(UUID(request.args["acted"])) if request.args.get("acted") else None
    except (NotFound, ValueError):
        return None


def _on_list(act_id: UUID) -> dict[str, Any]:
    found = bulk.get_act(current_actor().workspace_id, act_id)
    here = kept()
    return _shown(found) | {
        "undo_url": url_for("people.undo_act", act_id=act_id, list=1, **here),
        "poll_url": url_for("people.show_act", act_id=act_id, **here),
    }


def _shown(found: BulkAct) -> dict[str, Any]:
    kind, state = ActKind(found.kind), ActState(found.state)
    may_undo = current_actor().may("people.write") and rules.may_undo(state, found.ended_at, clock.now())
    return {
        "id": found.id,
        "text": act_words.said(kind, state, found.word, found.value, found.total, found.changed, found.undone),
        "note": act_words.note(
            kind, state, found.total, found.changed, found.left_out, found.undone, found.fault
        ),
        "state": state.value,
        "is_going": state in {ActState.DOING, ActState.UNDOING},
        "share": round(100 * min(1, found.seen / found.total), 1) if found.total else 0,
        "may_undo": may_undo,
        "undo_url": url_for("people.undo_act", act_id=found.id),
    }
