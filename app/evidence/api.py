"""A person's evidence file for programs."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response

from app.accounts.rules.acts import By
from app.evidence import queries, service
from app.evidence.answers import as_json, as_pdf
from app.kernel.http import guards
from app.kernel.http.actor import current_actor

blueprint = Blueprint("evidence_api", __name__, url_prefix="/api/v1/people")


@blueprint.get("/<uuid:contact_id>/evidence")
@guards.api("people.read")
def evidence(contact_id: UUID) -> Response:
    """The file, ``nod.evidence/1``."""
    found = queries.evidence(_noted(contact_id), contact_id)
    return as_json(found.file, contact_id)


@blueprint.get("/<uuid:contact_id>/evidence.pdf")
@guards.api("people.read")
def evidence_pdf(contact_id: UUID) -> Response:
    """The same on paper."""
    return as_pdf(queries.pdf(_noted(contact_id), contact_id), contact_id)


def _noted(contact_id: UUID) -> UUID:
    """The workspace of the key, after the reading was written down."""
    actor = current_actor()
    service.record_reading(actor.workspace_id, contact_id, by=By("api_key", actor.id))
    return actor.workspace_id
