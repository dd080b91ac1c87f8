"""Doubles and merges, as programs see and do them."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, jsonify, request

from app.consent.rules import By
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted_json
from app.merging import queries, service
from app.merging.schemas import Apart, MergeByProgram

blueprint = Blueprint("merging_api", __name__, url_prefix="/api/v1/people")


@blueprint.get("/doubles")
@guards.api("people.read")
def doubles() -> Response:
    """One page of probable doubles, with what they share; ``page`` goes on at ``next``."""
    page = queries.list_doubles(current_actor().workspace_id, request.args.get("page", ""))
    return jsonify(
        doubles=[
            {"reasons": [reason.value for reason in double.reasons], "people": [str(one.id) for one in double.people]}
            for double in page.rows
        ],
        next=page.next_cursor,
    )


@blueprint.post("/doubles/apart")
@guards.api("people.write")
def tell_apart() -> tuple[Response, int]:
    """One is none of the others: they are not offered again."""
    values = posted_json(Apart())
    service.tell_apart(current_actor().workspace_id, values["one"], values["other"])
    return jsonify(), 200


@blueprint.post("/merge")
@guards.api("people.write")
def merge() -> tuple[Response, int]:
    """Make two entries one: 201 with the merge and who the person is now, or 200 where they were one before."""
    actor, values = current_actor(), posted_json(MergeByProgram())
    done = service.merge(
        actor.workspace_id, values["survivor"], values["merged"], by=_program(), takes=values["take"]
    )
    return jsonify(merge=str(done.merge_id), person=str(done.survivor_id)), 201 if done.is_new else 200


@blueprint.post("/merges/<uuid:merge_id>/undo")
@guards.api("people.write")
def undo(merge_id: UUID) -> Response:
    """Take a merge back; doing it twice changes nothing more."""
    return jsonify(undone=service.undo(current_actor().workspace_id, merge_id, by=_program()))


def _program() -> By:
    return By("api_key", str(current_actor().id))
