"""Tags for programs: by their words, since a shop knows words and no ids."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from flask import Blueprint, Response, jsonify

from app.contacts import queries as contacts
from app.kernel.errors import BadInput
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted_json
from app.tags import queries, rules, service
from app.tags.schemas import Change

blueprint = Blueprint("tags_api", __name__, url_prefix="/api/v1")


@blueprint.get("/tags")
@guards.api("people.read")
def index() -> Response:
    """The whole list, by word."""
    known = queries.list_words(current_actor().workspace_id)
    return jsonify(tags=[{"id": str(tag_id), "tag": word} for tag_id, word in known])


@blueprint.get("/people/<uuid:contact_id>/tags")
@guards.api("people.read")
def show(contact_id: UUID) -> Response:
    """What a person carries."""
    contact = contacts.get_contact(current_actor().workspace_id, contact_id)
    return _carried(contact.merged_into or contact.id)


@blueprint.post("/people/<uuid:contact_id>/tags")
@guards.api("people.write")
def change(contact_id: UUID) -> Response:
    """Put tags on a person and take others off; what they carry then. Repeating it changes nothing."""
    workspace_id = current_actor().workspace_id
    contact_id = contacts.current_id(workspace_id, contact_id)
    contacts.get_living(workspace_id, contact_id)
    values = posted_json(Change())
    gone = _read("remove", values["remove"])
    for tag_id, word in queries.tags_of(workspace_id, contact_id):
        if rules.fold([word]).keys() <= gone.keys():
            service.remove(workspace_id, contact_id, tag_id)
    service.add(workspace_id, contact_id, _read("add", values["add"]))
    return _carried(contact_id)


def _read(part: str, words: Sequence[str]) -> dict[str, str]:
    try:
        return rules.fold(words)
    except ValueError as fault:
        raise BadInput(fields={part: str(fault)}) from None


def _carried(contact_id: UUID) -> Response:
    return jsonify(tags=[word for _, word in queries.tags_of(current_actor().workspace_id, contact_id)])
