"""What a person's permission stands on, and their no, as programs tell it: a shop, a till, a call centre."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, jsonify

from app.consent import queries as consent_queries
from app.consent import service as consent
from app.consent.rules import By, Proof
from app.contacts import queries as contacts
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted_json
from app.people import grounds
from app.people.schemas import GroundByProgram, Objection

blueprint = Blueprint("people_api", __name__, url_prefix="/api/v1/people")


@blueprint.post("/<uuid:contact_id>/permissions")
@guards.api("people.write")
def grant(contact_id: UUID) -> tuple[Response, int]:
    """Enter a ground with its evidence: 201 with its event, or 200 with the one that stands and is as good."""
    actor = current_actor()
    contact_id = contacts.get_contact(actor.workspace_id, contact_id).merged_into or contact_id
    values = posted_json(GroundByProgram())
    event_id, is_new = grounds.record(actor.workspace_id, contact_id, values, by=_program())
    return jsonify(event=str(event_id)), 201 if is_new else 200


@blueprint.post("/<uuid:contact_id>/objection")
@guards.api("people.write")
def object_to(contact_id: UUID) -> tuple[Response, int]:
    """They want nothing more on a channel: 201 with its event, or 200 with the one from before."""
    actor = current_actor()
    contact_id = contacts.get_contact(actor.workspace_id, contact_id).merged_into or contact_id
    channel = posted_json(Objection())["channel"]
    event_id = consent.stop_everything(
        actor.workspace_id, contact_id, by=_program(), proof=Proof(), method="api", channel=channel
    )
    if event_id is not None:
        return jsonify(event=str(event_id)), 201
    reach = consent_queries.find_reach(actor.workspace_id, contact_id, channel)
    return jsonify(event=str(reach.event_id) if reach and reach.event_id else None), 200


def _program() -> By:
    return By("api_key", str(current_actor().id))
