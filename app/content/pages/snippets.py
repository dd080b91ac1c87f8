"""Snippets: the list, one of them with what readers see of it, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from flask import Response, make_response, redirect, render_template, request, url_for
from marshmallow import fields, validate

from app.accounts import queries as accounts
from app.content import queries
from app.content.models import Snippet
from app.content.pages import blueprint, frames, looks
from app.content.service import snippets as service
from app.content.service.drafts import MAX_NAME
from app.content.service.snippets import Use
from app.content.snippets import LONGEST, ROOT, Words
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import Input, Line, posted

NAMED: Final = 3
"""Letters of each snippet in the list."""
_FIELDS: Final = ("name", "key", "body", "revision")
_POSTED: Final = 60_000
"""Characters of what is posted; how long a snippet may be is told in words."""


class New(Input):
    """A new snippet; ``key`` is made from the name where it is empty."""

    name = Line(longest=MAX_NAME, message="Write a name.")
    key = Line(longest=80, empty=True)
    body = fields.String(load_default="", validate=validate.Length(max=_POSTED))


class Changed(Input):
    """What one is called and says."""

    name = Line(longest=MAX_NAME, message="Write a name.")
    body = fields.String(load_default="", validate=validate.Length(max=_POSTED))
    revision = fields.Integer(required=True)


class Looked(Input):
    """What is written so far; what else the form holds is not asked for."""

    class Meta:
        """The whole form comes."""

        unknown = "exclude"

    body = fields.String(load_default="", validate=validate.Length(max=_POSTED))


class Put(Input):
    """Away (1), or back (0)."""

    away = fields.Boolean(required=True)


@blueprint.get("/snippets")
@guards.member("campaigns.read")
def snippets() -> str:
    """All snippets of the workspace."""
    actor = current_actor()
    uses = service.uses_of_snippets(actor.workspace_id)
    return render_template(
        "content/snippets.html",
        rows=[_row(one, uses.get(one.key, [])) for one in queries.list_snippets(actor.workspace_id)],
        named=NAMED,
        may_write=actor.may("campaigns.write"),
        zone=accounts.brand(actor.workspace_id).time_zone,
    )


@blueprint.get("/snippets/new")
@guards.member("campaigns.write")
def new_snippet() -> str:
    """An empty form."""
    return _page(None)


@blueprint.post("/snippets")
@guards.member("campaigns.write")
def create_snippet() -> Response:
    """Make one."""
    actor = current_actor()
    try:
        values = posted(New())
        made = service.create_snippet(
            actor.workspace_id, values["name"], values["body"], key=values["key"], by=actor.id
        )
    except BadInput as fault:
        return make_response(_page(None, fault, request.form), fault.status)
    return _to(made.id)


@blueprint.get("/snippets/<uuid:snippet_id>")
@guards.member("campaigns.read")
def show_snippet(snippet_id: UUID) -> str:
    """One of them."""
    return _page(queries.get_snippet(current_actor().workspace_id, snippet_id))


@blueprint.post("/snippets/<uuid:snippet_id>")
@guards.member("campaigns.write")
def save_snippet(snippet_id: UUID) -> Response:
    """Change it, here and in every draft."""
    actor = current_actor()
    snippet = queries.get_snippet(actor.workspace_id, snippet_id)
    try:
        values = posted(Changed())
        service.save_snippet(
            actor.workspace_id, snippet_id, values["name"], values["body"], revision=values["revision"], by=actor.id
        )
    except (BadInput, Conflict) as fault:
        return make_response(_page(snippet, fault, request.form), fault.status)
    return _to(snippet_id)


@blueprint.post("/snippets/<uuid:snippet_id>/archive")
@guards.member("campaigns.write")
def archive_snippet(snippet_id: UUID) -> Response:
    """Offer it no longer, or again."""
    snippet = queries.get_snippet(current_actor().workspace_id, snippet_id)
    service.set_archived(snippet.workspace_id, snippet.id, is_archived=posted(Put())["away"])
    return _to(snippet_id)


@blueprint.get("/snippets/<uuid:snippet_id>/preview")
@guards.member("campaigns.read")
def preview_snippet(snippet_id: UUID) -> Response:
    """What readers see of it, on an address of its own."""
    return _shown(queries.get_snippet(current_actor().workspace_id, snippet_id).body)


@blueprint.post("/snippets/preview")
@guards.member("campaigns.write")
def look_at_snippet() -> Response:
    """What readers would see of what is written, not kept yet."""
    try:
        return _shown(service.read_body(current_actor().workspace_id, posted(Looked())["body"]))
    except BadInput as fault:
        return frames.fault(fault.fields.get("body") or fault.detail)


def _shown(body: str) -> Response:
    workspace_id = current_actor().workspace_id
    words = Words("", body)
    readers = zip(("As a made-up reader", "Of whom nothing is known"), service.trials(workspace_id), strict=True)
    try:
        seen = [(who, service.shown_to(workspace_id, words, values)) for who, values in readers]
    except BadInput as fault:  # a field that it names has been deleted since
        return frames.fault(fault.detail)
    return frames.page("What readers see", render_template("content/snippet_shown.html", seen=seen))


def _page(
    snippet: Snippet | None, fault: BadInput | Conflict | None = None, given: Mapping[str, str] | None = None
) -> str:
    actor = current_actor()
    kept = {name: getattr(snippet, name) for name in _FIELDS} if snippet else {}
    errors = fault.fields if isinstance(fault, BadInput) else {}
    return render_template(
        "content/snippet.html",
        snippet=snippet,
        draft={name: (given or kept).get(name, "") for name in _FIELDS},
        tag=_tag(snippet.key) if snippet else "",
        uses=service.uses_of_snippets(actor.workspace_id).get(snippet.key, []) if snippet else [],
        versions=service.count_versions(actor.workspace_id, snippet.key) if snippet else 0,
        warnings=service.warnings_of(Words("", snippet.body)) if snippet else [],
        tags=looks.tags_of(service.names_for(actor.workspace_id)),
        errors=errors,
        notice="" if errors or fault is None else fault.detail or fault.title,
        longest=LONGEST,
        max_name=MAX_NAME,
        max_key=service.LONGEST_KEY,
        may_write=actor.may("campaigns.write"),
        zone=accounts.brand(actor.workspace_id).time_zone,
    )


def _row(snippet: Snippet, uses: list[Use]) -> dict[str, Any]:
    return {
        "url": url_for("content.show_snippet", snippet_id=snippet.id),
        "name": snippet.name,
        "tag": _tag(snippet.key),
        "words": Words("", snippet.body).line[:160],
        "uses": uses,
        "is_archived": snippet.archived_at is not None,
        "at": snippet.updated_at,
    }


def _tag(key: str) -> str:
    return f"{{{{ {ROOT}.{key} }}}}"


def _to(snippet_id: UUID) -> Response:
    return make_response(redirect(url_for("content.show_snippet", snippet_id=snippet_id), 303))
