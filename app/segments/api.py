"""Segments for programs. A tree that cannot be read answers 422 with the fault of each place in it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, jsonify, request

from app.accounts.rules import acts
from app.kernel.errors import BadInput
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted_json
from app.segments import following, queries, service
from app.segments.queries import Known
from app.segments.schemas import ChangedSegment, NewSegment, Tree
from app.segments.sentences import sentence

blueprint = Blueprint("segments_api", __name__, url_prefix="/api/v1/segments")


@blueprint.get("")
@guards.api("people.read")
def index() -> Response:
    """All that are not archived, by name."""
    return jsonify(segments=[_told(found) for found in queries.list_segments(current_actor().workspace_id)])


@blueprint.post("")
@guards.api("people.write")
def create() -> tuple[Response, int]:
    """Make one: 201 with it, 409 where one has its name."""
    actor, values = current_actor(), posted_json(NewSegment())
    made = service.create(actor.workspace_id, values["name"], values["tree"], by=_by())
    return jsonify(_told(queries.get_segment(actor.workspace_id, made.id))), 201


@blueprint.post("/count")
@guards.api("people.read")
def count() -> Response:
    """How many people a tree means now, and in words."""
    workspace_id = current_actor().workspace_id
    group = queries.read(workspace_id, posted_json(Tree())["tree"])
    return jsonify(count=queries.count(workspace_id, group), says=sentence(group))


@blueprint.get("/<uuid:segment_id>")
@guards.api("people.read")
def show(segment_id: UUID) -> Response:
    """One, with how many people it means now."""
    workspace_id = current_actor().workspace_id
    known = queries.get_segment(workspace_id, segment_id)
    return jsonify(**_told(known), count=queries.count(workspace_id, queries.read(workspace_id, known.tree)))


@blueprint.put("/<uuid:segment_id>")
@guards.api("people.write")
def change(segment_id: UUID) -> Response:
    """Let it say something else: a new version, or 409 where it has changed since the version that was looked at."""
    actor = current_actor()
    queries.get_segment(actor.workspace_id, segment_id)
    values = posted_json(ChangedSegment())
    service.change(
        actor.workspace_id, segment_id, values["name"], values["tree"], version=values["version"], by=_by()
    )
    return jsonify(_told(queries.get_segment(actor.workspace_id, segment_id)))


@blueprint.put("/<uuid:segment_id>/follow")
@guards.api("people.write")
def follow(segment_id: UUID) -> Response:
    """Write down who comes and goes from now on."""
    actor = current_actor()
    following.follow(actor.workspace_id, segment_id, by=_by())
    return jsonify(_told(queries.get_segment(actor.workspace_id, segment_id)))


@blueprint.delete("/<uuid:segment_id>/follow")
@guards.api("people.write")
def unfollow(segment_id: UUID) -> Response:
    """Stop, and forget it."""
    actor = current_actor()
    following.unfollow(actor.workspace_id, segment_id, by=_by())
    return jsonify(_told(queries.get_segment(actor.workspace_id, segment_id)))


@blueprint.get("/<uuid:segment_id>/changes")
@guards.api("people.read")
def changes(segment_id: UUID) -> Response:
    """Who came and went behind ``after``, at most a thousand; ``last`` is where to go on."""
    workspace_id = current_actor().workspace_id
    queries.get_segment(workspace_id, segment_id)
    raw = request.args.get("after", "0")
    if not (raw.isascii() and raw.isdecimal() and len(raw) < 19):
        raise BadInput(fields={"after": "Send the number that was last."})
    found = following.list_changes(workspace_id, segment_id, after=int(raw))
    return jsonify(
        changes=[
            {"no": one.no, "person": str(one.contact_id), "is": "entered" if one.entered else "left", "at": one.at.isoformat()}
            for one in found
        ],
        last=found[-1].no if found else int(raw),
    )  # fmt: skip


def _told(known: Known) -> dict[str, Any]:
    said = queries.say(current_actor().workspace_id, known.tree)
    return {
        "id": str(known.id), "name": known.name, "version": known.version, "tree": known.tree, "says": said,
        "followed": following.find(current_actor().workspace_id, known.id) is not None,
        "changed_at": known.changed_at.isoformat(), "archived": known.archived_at is not None,
    }  # fmt: skip


def _by() -> acts.By:
    return acts.By("api_key", current_actor().id)
