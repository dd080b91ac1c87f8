"""The languages of a letter: one more, or one less. Each is then a letter with an editor of its own."""

from __future__ import annotations

from uuid import UUID

from flask import Response, make_response

from app.content import queries
from app.content.pages import blueprint, looks
from app.content.pages.editor import page_of
from app.content.service import add_translation, remove_translation
from app.kernel.errors import BadInput
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import Input, Line, posted


class Added(Input):
    """A language; ``back`` says where the editor leads on to."""

    language = Line(longest=8, message="Choose a language.")
    back = Line(longest=120, empty=True)


class Removed(Input):
    """Where the editor leads on to."""

    back = Line(longest=120, empty=True)


@blueprint.post("/letters/<uuid:letter_id>/languages")
@guards.member("campaigns.write")
def add_language(letter_id: UUID) -> Response:
    """Copy the main letter into another language and go on to write that."""
    actor = current_actor()
    queries.get_letter(actor.workspace_id, letter_id)
    try:
        values = posted(Added())
        made = add_translation(actor.workspace_id, letter_id, values["language"], by=actor.id)
    except BadInput as fault:
        look = looks.look_at(*looks.read(letter_id, ""))
        return make_response(page_of(look, notice=fault.fields.get("language", fault.detail)), fault.status)
    return looks.to(made.id, values["back"])


@blueprint.post("/letters/<uuid:letter_id>/languages/remove")
@guards.member("campaigns.write")
def remove_language(letter_id: UUID) -> Response:
    """Let a language go and go on in the main letter."""
    actor = current_actor()
    queries.get_letter(actor.workspace_id, letter_id)
    values = posted(Removed())
    return looks.to(remove_translation(actor.workspace_id, letter_id), values["back"])
