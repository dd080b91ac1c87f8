"""Settings of permission: where the brand is at home, whose rules that means, and what each rule set says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.accounts import service as accounts_service
from app.accounts.rules import acts
from app.accounts.rules.brand import Details
from app.consent import queries as consent
from app.consent import service as consent_service
from app.consent.rules import Level
from app.consent.rules.jurisdictions import RULE_SETS, RuleSet, Source, decide
from app.evidence import queries as evidence
from app.evidence import service as evidence_service
from app.home.pages.settings import blueprint
from app.home.schemas import Nothing, NoticeForm, PermissionForm
from app.kernel import i18n
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted

_SEEN = {
    Level.NONE: "nothing",
    Level.DATE: "the day of the last open",
    Level.AGGREGATE: "totals",
    Level.INDIVIDUAL: "everything",
}
_BECAUSE = {
    Source.BRAND: "because your brand is at home there",
    Source.LANGUAGE: "because of your brand’s language; choose a country to be sure",
    Source.UNKNOWN: "because no country is chosen: the strictest of each rule",
}


@blueprint.get("/permission")
@guards.member("settings.read")
def permission() -> str:
    """The page."""
    return _page({})


@blueprint.post("/permission")
@guards.member("settings.write")
def save_permission() -> Response:
    """Change both; what people said before keeps the rules that held then."""
    actor = current_actor()
    try:
        form = posted(PermissionForm())
    except BadInput as problem:
        return make_response(_page(problem.fields), problem.status)
    workspace = accounts.get_workspace(actor.workspace_id)
    known = {field.name: getattr(workspace, field.name) for field in fields(Details)}
    details = Details(**{**known, "country": form["country"]})
    accounts_service.change_workspace(actor.workspace_id, details, by=acts.user(actor.id))
    if consent.keeps_last_open(actor.workspace_id) != form["keeps_last_open"]:
        consent_service.keep_last_open(actor.workspace_id, is_kept=form["keeps_last_open"])
        accounts_service.record(
            "last_opens.changed", by=acts.user(actor.id), workspace_id=actor.workspace_id,
            detail={"kept": form["keeps_last_open"]},
        )  # fmt: skip
    return redirect(url_for("settings.permission", saved=1), 303)


@blueprint.post("/permission/notice")
@guards.member("settings.write")
def read_notice() -> Response:
    """Read the privacy notice soon, whatever was pasted."""
    posted(Nothing())
    return _noticed(lambda: evidence_service.read_notice_soon(current_actor().workspace_id))


@blueprint.post("/permission/notice/words")
@guards.member("settings.write")
def paste_notice() -> Response:
    """Take the words of the privacy notice as they were pasted."""
    actor = current_actor()
    return _noticed(
        lambda: evidence_service.paste_notice(actor.workspace_id, posted(NoticeForm())["words"], by=actor.id)
    )


def _noticed(act: Callable[[], None]) -> Response:
    try:
        act()
    except (BadInput, Conflict) as problem:
        return make_response(_page(problem.fields or {"words": problem.detail}), problem.status)
    return redirect(url_for("settings.permission", _anchor="notice"), 303)


def _page(errors: dict[str, str]) -> str:
    workspace = accounts.get_workspace(current_actor().workspace_id)
    law = decide(brand=workspace.country, language=workspace.language)
    return render_template(
        "home/permission.html",
        action=url_for("settings.save_permission"),
        countries=[("", "Not chosen"), *i18n.countries()],
        country=workspace.country,
        keeps_last_open=consent.keeps_last_open(workspace.id),
        rules_name=law.rules.name,
        because=_BECAUSE[law.source],
        rows=[_row(rules, is_ours=rules is law.rules) for rules in RULE_SETS],
        notice=evidence.privacy_notice(workspace.id),
        words=request.form.get("words", ""),
        read_url=url_for("settings.read_notice"),
        paste_url=url_for("settings.paste_notice"),
        brand_url=url_for("settings.index"),
        zone=workspace.time_zone,
        errors=errors,
        saved=bool(request.args.get("saved")) and not errors,
    )


def _row(rules: RuleSet, *, is_ours: bool) -> dict[str, Any]:
    purchase = ""
    if rules.purchase_months:
        purchase = f"implied for {rules.purchase_months} months, after an inquiry for {rules.inquiry_months}"
    elif rules.soft_opt_in:
        months = rules.soft_opt_in_months
        purchase = f"for {months} months" if months else "until they object"
    return {
        "name": rules.name,
        "is_ours": is_ours,
        "confirm": "needed" if rules.double_opt_in else "not required",
        "purchase": purchase or "no",
        "letters": "yes" if rules.post_interest else "no",
        "seen": _SEEN[rules.tracking] + (", or the day" if rules.last_open_day and rules.tracking is Level.NONE else ""),
        "kept": f"{rules.evidence_years} years",
    }
