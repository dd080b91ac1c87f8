"""Settings of the workspace: brand, sender, interests."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.accounts import service as accounts_service
from app.accounts.rules import acts
from app.consent import queries as consent
from app.consent import service as consent_service
from app.consent.rules.grounds import Topic
from app.home import queries
from app.home.pages import brand as brand_form
from app.home.pages import hours_panel, look_panel, pace_panel, test_mail
from app.home.pages import sender as sender_form
from app.home.pages.first_run import somebody
from app.home.schemas import BrandForm, InterestForm, Nothing
from app.kernel.db import transaction
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted

blueprint = Blueprint("settings", __name__, url_prefix="/settings")


@blueprint.get("")
@guards.member("me")
def index() -> Response | str:
    """Brand and sender; whoever may not see them has a page of their own."""
    if not current_actor().may("settings.read"):
        return redirect(url_for("accounts.own_account"))
    checked = request.args.get("checked", "")
    return _page(check={"tone": "yes", "text": "Saved. The mail server answers."} if checked else None)


@blueprint.post("/brand")
@guards.member("settings.write")
def save_brand() -> Response:
    """Change what readers see."""
    actor = current_actor()
    try:
        details = brand_form.details_of(posted(BrandForm()), accounts.get_workspace(actor.workspace_id))
        accounts_service.change_workspace(actor.workspace_id, details, by=acts.user(actor.id))
    except BadInput as problem:
        page = _page(brand=brand_form.typed(), brand_errors=problem.fields)
        return make_response(page, problem.status)
    return redirect(url_for("settings.index"), 303)


@blueprint.post("/sender")
@guards.member("settings.write", in_slices=True)
def save_sender() -> Response:
    """Greet the mail server, then store and write down who did it."""
    actor = current_actor()
    try:
        sender_form.save(actor.workspace_id)
    except BadInput as problem:
        with transaction():
            page = _page(typed_sender=sender_form.typed(), sender_errors=problem.fields)
        return make_response(page, problem.status)
    with transaction():
        accounts_service.record("sender.changed", by=acts.user(actor.id), workspace_id=actor.workspace_id)
    return redirect(url_for("settings.index", checked=1, _anchor="sender"), 303)


@blueprint.post("/test")
@guards.member("settings.write")
def send_test() -> Response:
    """Wish for a test mail; its progress stands on the page of the first run's last step."""
    try:
        test_mail.send()
    except BadInput as problem:
        return make_response(
            _page(check={"tone": "stop", "text": problem.fields.get("to", "")}), problem.status
        )
    return redirect(url_for("setup.test"), 303)


def _page(
    *,
    brand: dict[str, str] | None = None,
    brand_errors: dict[str, str] | None = None,
    typed_sender: dict[str, Any] | None = None,
    sender_errors: dict[str, str] | None = None,
    check: dict[str, str] | None = None,
    pace_errors: dict[str, str] | None = None,
    hours_errors: dict[str, str] | None = None,
    look_errors: dict[str, str] | None = None,
) -> str:
    live = somebody()
    workspace = accounts.get_workspace(current_actor().workspace_id)
    shown = sender_form.context(workspace.id, name=workspace.name, address=live.user_email)
    return render_template(
        "home/settings.html",
        brand_action=url_for("settings.save_brand"),
        brand=brand or brand_form.values_of(workspace),
        brand_errors=brand_errors or {},
        sender_action=url_for("settings.save_sender"),
        sender_values={**shown["values"], **(typed_sender or {})},
        sender_errors=sender_errors or {},
        check=check,
        fixed=None,
        transports=shown["transports"],
        securities=shown["securities"],
        test_action=url_for("settings.send_test"),
        test_to=live.user_email,
        pace=pace_panel.context(workspace.id, pace_errors),
        hours=hours_panel.context(workspace.id, hours_errors),
        look=look_panel.context(workspace, look_errors),
        **brand_form.choices(),
    )


def page(
    *,
    pace_errors: dict[str, str] | None = None,
    hours_errors: dict[str, str] | None = None,
    look_errors: dict[str, str] | None = None,
) -> str:
    """The settings, with the faults of what was typed into one of the panels."""
    return _page(pace_errors=pace_errors, hours_errors=hours_errors, look_errors=look_errors)


@blueprint.get("/interests")
@guards.member("settings.read")
def interests() -> str:
    """What people can say yes to."""
    return _interests_page()


@blueprint.post("/interests")
@guards.member("settings.write")
def add_interest() -> Response:
    """Add one."""
    try:
        form = posted(InterestForm())
        made = consent_service.define_interest(
            _workspace_id(), form["name"], description=form["description"], pace=form["pace"]
        )
        consent_service.set_topic(_workspace_id(), made.id, _topic(form))
    except (BadInput, Conflict) as problem:
        values = _typed_interest()
        fields = problem.fields or {"name": problem.detail}
        return make_response(_interests_page(values=values, errors=fields), problem.status)
    return _done("interest.added", made.id)


@blueprint.post("/interests/<uuid:interest_id>")
@guards.member("settings.write")
def save_interest(interest_id: UUID) -> Response:
    """Change its words; what was agreed to before keeps the old ones."""
    try:
        form = posted(InterestForm())
        consent_service.change_interest(
            _workspace_id(), interest_id, form["name"], description=form["description"], pace=form["pace"],
            is_material=form["is_material"],
        )  # fmt: skip
        consent_service.set_topic(_workspace_id(), interest_id, _topic(form))
    except (BadInput, Conflict) as problem:
        fields = problem.fields or {"name": problem.detail}
        return make_response(_interests_page(wrong=interest_id, wrong_errors=fields), problem.status)
    return _done("interest.changed", interest_id)


@blueprint.post("/interests/<uuid:interest_id>/archive")
@guards.member("settings.write")
def archive_interest(interest_id: UUID) -> Response:
    """Offer it no more; people who said yes keep their yes."""
    posted(Nothing())
    consent_service.archive_interest(_workspace_id(), interest_id)
    return _done("interest.archived", interest_id)


@blueprint.post("/interests/<uuid:interest_id>/restore")
@guards.member("settings.write")
def restore_interest(interest_id: UUID) -> Response:
    """Offer it again."""
    posted(Nothing())
    consent_service.restore_interest(_workspace_id(), interest_id)
    return _done("interest.restored", interest_id)


def _done(act: str, interest_id: UUID) -> Response:
    actor = current_actor()
    accounts_service.record(
        act, by=acts.user(actor.id), workspace_id=actor.workspace_id, of=f"interest:{interest_id}"
    )
    return redirect(url_for("settings.interests"), 303)


def _topic(form: dict[str, Any]) -> Topic:
    return Topic(form["product_class"], form["is_third_party"])


def _typed_interest() -> dict[str, str]:
    names = ("name", "description", "pace", "product_class", "is_third_party")
    return {name: request.form.get(name, "") for name in names}


def _workspace_id() -> UUID:
    return current_actor().workspace_id


def _interests_page(
    *,
    values: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    wrong: UUID | None = None,
    wrong_errors: dict[str, str] | None = None,
) -> str:
    found = consent.list_interests(_workspace_id(), include_archived=True)
    counts = queries.count_yes_by_interest(_workspace_id())
    shown = []
    for interest in found:
        typed = _typed_interest()
        words = typed if interest.id == wrong else {name: getattr(interest, name) for name in typed}
        shown.append(
            {
                "id": interest.id,
                **words,
                "yes": counts.get(interest.id, 0),
                "errors": wrong_errors if interest.id == wrong else None,
                "open": interest.id == wrong,
                "save_action": url_for("settings.save_interest", interest_id=interest.id),
                "archive_action": url_for("settings.archive_interest", interest_id=interest.id),
                "restore_action": url_for("settings.restore_interest", interest_id=interest.id),
                "archived": interest.archived_at is not None,
            }
        )
    return render_template(
        "home/interests.html",
        interests=[item for item in shown if not item["archived"]],
        archived=[item for item in shown if item["archived"]],
        add_action=url_for("settings.add_interest"),
        values=values or {},
        errors=errors or {},
    )
