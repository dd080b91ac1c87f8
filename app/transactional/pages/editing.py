"""One template: what it is told, how programs send it, and what they get."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import current_app, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.content import queries as letters
from app.content import service as content
from app.delivery.rules import Word
from app.kernel import limits
from app.kernel.errors import BadInput, Conflict, TooMany
from app.kernel.http import guards
from app.kernel.http.actor import Actor, current_actor
from app.kernel.http.posted import posted
from app.kernel.i18n import NAMES
from app.transactional import queries, service
from app.transactional.pages import blueprint
from app.transactional.pages.listing import count_of
from app.transactional.rules import TEST, call_of
from app.transactional.schemas import Declared, Nothing

TESTS_AN_HOUR = 20


@blueprint.get("/transactional/<uuid:template_id>")
@guards.member("campaigns.read")
def show(template_id: UUID) -> str:
    """The template with the call that sends it."""
    return _page(template_id)


@blueprint.post("/transactional/<uuid:template_id>/names")
@guards.member("campaigns.write")
def declare(template_id: UUID) -> Response:
    """Keep the names that it is told, with their examples."""
    actor = current_actor()
    _, letter = queries.get_template(actor.workspace_id, template_id)
    try:
        values = posted(Declared())
        content.declare_data(
            actor.workspace_id, letter.id, values["lines"], revision=values["revision"], by=actor.id
        )
    except (BadInput, Conflict) as fault:
        notice = fault.detail if isinstance(fault, Conflict) else ""
        return make_response(_page(template_id, errors=fault.fields, notice=notice), fault.status)
    return _to(template_id, done="kept")


@blueprint.post("/transactional/<uuid:template_id>/publish")
@guards.member("campaigns.write")
def publish(template_id: UUID) -> Response:
    """Let programs send the draft as it stands, or say why it cannot be sent yet."""
    actor = _pressed(template_id)
    try:
        service.publish(actor.workspace_id, template_id, by=actor.id)
    except BadInput as fault:
        return make_response(_page(template_id, notice=f"Not published. {fault.detail}"), fault.status)
    return _to(template_id, done="published")


@blueprint.post("/transactional/<uuid:template_id>/test")
@guards.member("campaigns.write")
def test(template_id: UUID) -> Response:
    """Send the draft with its examples to whoever asks."""
    actor = _pressed(template_id)
    if not limits.hit(TEST, str(actor.workspace_id), TESTS_AN_HOUR, 3600):
        raise TooMany("That were twenty test mails in an hour. Wait a little.", retry_after_seconds=3600)
    try:
        service.test(actor.workspace_id, template_id, actor.id)
    except BadInput as fault:
        return make_response(_page(template_id, notice=f"Not sent. {fault.detail}"), fault.status)
    return _to(template_id, done="tested")


@blueprint.post("/transactional/<uuid:template_id>/archive")
@guards.member("campaigns.write")
def archive(template_id: UUID) -> Response:
    """Put it away: programs no longer find it."""
    actor = _pressed(template_id)
    service.set_archived(actor.workspace_id, template_id, is_archived=True)
    return redirect(url_for("transactional.index"), 303)


@blueprint.post("/transactional/<uuid:template_id>/restore")
@guards.member("campaigns.write")
def restore(template_id: UUID) -> Response:
    """Bring it back."""
    actor = _pressed(template_id)
    service.set_archived(actor.workspace_id, template_id, is_archived=False)
    return _to(template_id)


def _pressed(template_id: UUID) -> Actor:
    """Whoever pressed a button of a template that is theirs."""
    actor = current_actor()
    queries.get_template(actor.workspace_id, template_id)
    posted(Nothing())
    return actor


def _to(template_id: UUID, *, done: str | None = None) -> Response:
    return redirect(url_for("transactional.show", template_id=template_id, done=done), 303)


def _page(template_id: UUID, *, errors: Mapping[str, str] | None = None, notice: str = "") -> str:
    actor = current_actor()
    template, letter = queries.get_template(actor.workspace_id, template_id)
    brand = accounts.brand(actor.workspace_id)
    version = letters.get_version(actor.workspace_id, template.version_id) if template.version_id else None
    samples = (content.samples_in(version.needs) or {}) if version else content.samples_of(letter)
    ended = queries.count_ended(actor.workspace_id, brand.time_zone, template.id)
    told: dict[str, Any] = {
        "sent": count_of(ended, template.id, Word.SENT),
        "open": count_of(ended, template.id, Word.WAITING, Word.UNKNOWN),
        "failed": count_of(ended, template.id, Word.FAILED, Word.SKIPPED),
        "bounced": sum(one.count for one in ended if one.is_bounce),
    }
    return render_template(
        "transactional/show.html",
        template=template,
        letter=letter,
        language=NAMES.get(template.language, template.language),
        version=version,
        is_changed=service.is_changed(template, actor.workspace_id),
        lines=request.form.get("lines", content.lines_of(letter)),
        call=call_of(current_app.config["NOD"].url, template.slug, content.example(samples)),
        told=told,
        edit_url=url_for(
            "content.edit", letter_id=letter.id, back=url_for("transactional.show", template_id=template.id)
        ),
        report_url=url_for("transactional.report", template=template.id),
        preview_url=url_for("content.preview", letter_id=letter.id),
        errors=errors or {},
        notice=notice,
        done=request.args.get("done", ""),
        may_write=actor.may("campaigns.write"),
        may_keys=actor.may("settings.read"),
        zone=brand.time_zone,
    )
