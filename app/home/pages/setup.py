"""The first run after its account: brand, sender, test mail. Each step opens when the one before it is done."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, make_response, redirect, render_template, url_for
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.accounts import service as accounts_service
from app.accounts.rules.roles import SET_UP
from app.home.pages import brand as brand_form
from app.home.pages import sender as sender_form
from app.home.pages import test_mail
from app.home.pages.first_run import somebody, turned_away
from app.home.rules import Step
from app.home.schemas import BrandForm
from app.kernel.db import transaction
from app.kernel.errors import BadInput, NotFound
from app.kernel.http import guards
from app.kernel.http.posted import posted

blueprint = Blueprint("setup", __name__, url_prefix="/setup")


@blueprint.get("/")
@guards.member(SET_UP)
def index() -> Response:
    """The step that is not done yet."""
    return turned_away(Step.TEST) or redirect(url_for("setup.test"))


@blueprint.get("/brand")
@guards.member(SET_UP)
def brand() -> str:
    """What readers see."""
    workspace_id = somebody().workspace_id
    if workspace_id is None:
        return _brand_page(brand_form.first_values())
    return _brand_page(brand_form.values_of(accounts.get_workspace(workspace_id)))


@blueprint.post("/brand")
@guards.member(SET_UP)
def save_brand() -> Response:
    """Make the workspace, or change it when somebody has come back to this step."""
    live = somebody()
    try:
        known = accounts.get_workspace(live.workspace_id) if live.workspace_id else None
        details = brand_form.details_of(posted(BrandForm()), known)
        workspace = accounts_service.set_up_brand(live.user_id, details)
    except BadInput as problem:
        return make_response(_brand_page(brand_form.typed(), problem.fields), problem.status)
    accounts_service.enter_workspace(live.id, workspace.id)
    return redirect(url_for("setup.sender"), 303)


def _brand_page(values: dict[str, str], errors: dict[str, str] | None = None) -> str:
    return render_template(
        "home/setup_brand.html",
        action=url_for("setup.brand"),
        values=values,
        errors=errors or {},
        preview_url=None,
        **brand_form.choices(),
    )


@blueprint.get("/sender")
@guards.member(SET_UP)
def sender() -> Response | str:
    """Who mail comes from."""
    return turned_away(Step.SENDER) or _sender_page()


@blueprint.post("/sender")
@guards.member(SET_UP, in_slices=True)
def save_sender() -> Response:
    """Greet the mail server, then store; what it says stands beside the field."""
    with transaction():
        away = turned_away(Step.SENDER)
    if away is not None:
        return away
    try:
        sender_form.save(_workspace_id())
    except BadInput as problem:
        with transaction():
            return make_response(_sender_page(sender_form.typed(), problem.fields), problem.status)
    return redirect(url_for("setup.test"), 303)


def _sender_page(typed: dict[str, Any] | None = None, errors: dict[str, str] | None = None) -> str:
    live = somebody()
    shown = sender_form.context(_workspace_id(), name=live.workspace_name, address=live.user_email)
    shown["values"] |= typed or {}
    return render_template(
        "home/setup_sender.html",
        action=url_for("setup.sender"),
        back_url=url_for("setup.brand"),
        errors=errors or {},
        check=None,
        fixed=None,
        **shown,
    )


def _workspace_id() -> UUID:
    found = somebody().workspace_id
    if found is None:
        raise NotFound
    return found


@blueprint.get("/test")
@guards.member(SET_UP)
def test() -> Response | str:
    """A mail in the owner's inbox, and what has become of it."""
    return turned_away(Step.TEST) or _test_page()


@blueprint.post("/test")
@guards.member(SET_UP)
def send_test() -> Response:
    """Wish for one test mail; the page then tells its progress."""
    away = turned_away(Step.TEST)
    if away is not None:
        return away
    try:
        test_mail.send()
    except BadInput as problem:
        return make_response(_test_page(problem.fields), problem.status)
    return redirect(url_for("setup.test"), 303)


def _test_page(errors: dict[str, str] | None = None) -> str:
    return render_template(
        "home/setup_test.html",
        action=url_for("setup.test"),
        to=test_mail.recipient(),
        errors=errors or {},
        back_url=url_for("setup.sender"),
        next_url="/",
        checks=test_mail.checks(),
        mailbox_url=test_mail.mailbox_url(),
    )
