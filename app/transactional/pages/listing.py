"""The list of templates, and a new one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.delivery.rules import Word
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted
from app.kernel.i18n import NAMES
from app.transactional import queries, service
from app.transactional.models import Template
from app.transactional.pages import blueprint
from app.transactional.rules import Ended
from app.transactional.schemas import Started


@blueprint.get("/transactional")
@guards.member("campaigns.read")
def index() -> str:
    """All templates with what became of their mails in the last thirty days."""
    actor = current_actor()
    zone = accounts.brand(actor.workspace_id).time_zone
    ended = queries.count_ended(actor.workspace_id, zone)
    rows = [_row(found, name, ended) for found, name in queries.list_templates(actor.workspace_id)]
    return render_template(
        "transactional/list.html",
        rows=[row for row in rows if not row["is_archived"]],
        away=[row for row in rows if row["is_archived"]],
        may_write=actor.may("campaigns.write"),
        zone=zone,
    )


@blueprint.get("/transactional/new")
@guards.member("campaigns.write")
def new() -> str:
    """A name, what programs call it, and a language."""
    return _new({})


@blueprint.post("/transactional/new")
@guards.member("campaigns.write")
def start() -> Response:
    """Make it and go on to its page."""
    actor = current_actor()
    try:
        values = posted(Started())
        made = service.create(
            actor.workspace_id, values["name"], slug=values["slug"], language=values["language"], by=actor.id
        )
    except BadInput as fault:
        return make_response(_new(fault.fields), fault.status)
    except Conflict as fault:
        return make_response(_new({"slug": fault.detail}), fault.status)
    return redirect(url_for("transactional.show", template_id=made.id), 303)


def count_of(ended: Sequence[Ended], template_id: UUID, *words: Word) -> int:
    """How many mails of a template stand so."""
    return sum(one.count for one in ended if one.template_id == template_id and one.word in words)


def _new(errors: Mapping[str, str]) -> str:
    brand = accounts.brand(current_actor().workspace_id)
    return render_template(
        "transactional/new.html",
        given={name: request.form.get(name, "") for name in ("name", "slug")},
        languages=list(NAMES.items()),
        language=request.form.get("language", brand.language),
        errors=errors,
    )


def _row(found: Template, name: str, ended: Sequence[Ended]) -> dict[str, Any]:
    return {
        "url": url_for("transactional.show", template_id=found.id),
        "name": name,
        "slug": found.slug,
        "language": NAMES.get(found.language, found.language),
        "published_at": found.published_at,
        "is_archived": found.archived_at is not None,
        "sent": count_of(ended, found.id, Word.SENT),
        "failed": count_of(ended, found.id, Word.FAILED, Word.SKIPPED),
    }
