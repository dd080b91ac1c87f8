"""Signals from a workspace's own programs: a shop, a website, a till."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, jsonify, request

from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted_json
from app.tracking import queries, telling
from app.tracking.schemas import MAX_AT_ONCE, Signals

blueprint = Blueprint("signals_api", __name__, url_prefix="/api/v1/signals")
_OCTETS_BESIDE_DATA: Final = 1024


@blueprint.post("")
@guards.api("people.write")
def tell() -> Response:
    """Take up to a thousand: how many were stored, how many were known, and what is wrong with each other one."""
    # A thousand of the largest are more than other posts may be.
    request.max_content_length = MAX_AT_ONCE * (telling.MAX_DATA_OCTETS + _OCTETS_BESIDE_DATA)
    done = telling.take(current_actor().workspace_id, posted_json(Signals())["signals"])
    refused = [{"index": one.index, "problem": one.problem} for one in done.refused]
    return jsonify(stored=done.stored, repeated=done.repeated, refused=refused)


@blueprint.get("/kinds")
@guards.api("people.read")
def kinds() -> Response:
    """Every kind that can be told, and what it is called."""
    known = queries.signal_kinds(current_actor().workspace_id).values()
    return jsonify(kinds=[{"kind": kind.name, "label": kind.label} for kind in known if kind.is_told])
