"""The preview's own addresses."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from flask import Response, request

from app.accounts import queries as accounts
from app.content import designs, places, queries, snippets
from app.content.colours import Colours
from app.content.letters import Draft, Rendered
from app.content.pages import blueprint, frames, people
from app.content.service import draft_of, preview_draft, wire_of
from app.kernel.db import transaction
from app.kernel.errors import BadInput
from app.kernel.http import guards
from app.kernel.http.actor import current_actor


@blueprint.get("/letters/<uuid:letter_id>/preview")
@guards.member("campaigns.read", in_slices=True)
def preview(letter_id: UUID) -> Response:
    """The draft, or with ``version`` that version's source, as one reader's inbox shows it.

    Arguments: ``as`` (sample, nobody or a person's id), ``part`` (html, text, or source: the whole mail as it goes over the
    wire), ``theme`` (light, dark; else the machine's), ``pictures`` (off leaves them out), ``marks`` (1: blocks can be pressed).
    """
    with transaction():
        letter = queries.get_letter(current_actor().workspace_id, letter_id)
        draft = draft_of(letter)
        if number := request.args.get("version", 0, type=int):
            old = queries.get_version_by_number(letter, number)
            draft = replace(
                draft,
                subject=old.subject,
                preheader=old.preheader,
                source=old.source,
                own_text=old.own_text,
                language=old.language,
                snippets={**draft.snippets, **snippets.of_needs(old.needs)},
            )
        # Of an old version everybody sees what is asked for; of the draft a person sees it in their own language.
        reader = people.shown(request.args.get("as", ""), draft, None if number else letter)
    # Compiling takes a while, and no connection should wait for it.
    try:
        rendered = preview_draft(reader.draft, reader.values)
        return _source(reader, rendered) if request.args.get("part") == "source" else _answer(rendered)
    except BadInput as problem:
        return frames.fault(problem.detail)


@blueprint.get("/letters/designs/<name>/preview")
@guards.member("campaigns.read", in_slices=True)
def design(name: str) -> Response:
    """A starter design in the brand's colours."""
    with transaction():
        brand = accounts.brand(current_actor().workspace_id)
        filled = designs.fill(name, lambda file: f"{places.base()}/letters/designs/pictures/{file}")
        draft = Draft(
            filled.subject,
            filled.preheader,
            filled.source,
            language=brand.language,
            colours=Colours.of(brand.accent, brand.heading_font, brand.text_font),
        )
        reader = people.shown(people.SAMPLE, draft)
    return _answer(preview_draft(draft, reader.values))


def _source(reader: people.Shown, rendered: Rendered) -> Response:
    leave = reader.values["links"]["unsubscribe"] if reader.draft.data is None else ""
    with transaction():
        mail = wire_of(current_actor().workspace_id, reader.values["contact"]["email"], rendered, leave)
    return frames.plain(mail.decode("utf-8", "replace"))


def _answer(rendered: Rendered) -> Response:
    if request.args.get("part") == "text":
        return frames.plain(rendered.text)
    page = frames.themed(rendered.html, request.args.get("theme", ""))
    return frames.letter(
        page,
        with_pictures=request.args.get("pictures") != "off",
        with_marks=request.args.get("marks") == "1",
    )
