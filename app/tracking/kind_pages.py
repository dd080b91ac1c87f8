"""The kinds of signals of a workspace: what comes in, what it is called, how programs tell it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from flask import Blueprint, make_response, redirect, render_template, url_for
from werkzeug.wrappers import Response

from app.accounts import service as accounts_service
from app.accounts.rules import acts
from app.kernel import clock
from app.kernel.errors import BadInput
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted
from app.tracking import queries, service
from app.tracking.queries import KindCount
from app.tracking.rules.kinds import OWN, SignalKind
from app.tracking.schemas import KindLabel, Nothing

blueprint = Blueprint("signal_kinds", __name__, template_folder="templates")
DAYS: Final = 30
_NONE: Final = KindCount(0, None)


@blueprint.get("/settings/signals")
@guards.member("settings.read")
def index() -> str:
    """All kinds, with what came of each lately."""
    return _page()


@blueprint.post("/settings/signals/<kind>/label")
@guards.member("settings.write")
def rename(kind: str) -> Response:
    """Call an own kind otherwise."""
    actor = current_actor()
    service.own_kinds.get(actor.workspace_id, kind)
    try:
        label = posted(KindLabel())["label"]
        service.own_kinds.rename(actor.workspace_id, kind, label)
    except BadInput as problem:
        return make_response(_page(kind, problem.fields), problem.status)
    _record("signals.renamed", kind, {"label": label})
    return redirect(url_for("signal_kinds.index"), 303)


@blueprint.post("/settings/signals/<kind>/archive")
@guards.member("settings.write")
def archive(kind: str) -> Response:
    """Take an own kind out of lists."""
    return _archive(kind, is_archived=True)


@blueprint.post("/settings/signals/<kind>/restore")
@guards.member("settings.write")
def restore(kind: str) -> Response:
    """Put it back."""
    return _archive(kind, is_archived=False)


def _archive(kind: str, *, is_archived: bool) -> Response:
    posted(Nothing())
    service.own_kinds.archive(current_actor().workspace_id, kind, is_archived=is_archived)
    _record("signals.archived" if is_archived else "signals.restored", kind, {})
    return redirect(url_for("signal_kinds.index"), 303)


def _record(what: str, kind: str, detail: dict[str, Any]) -> None:
    actor = current_actor()
    accounts_service.record(
        what, by=acts.user(actor.id), workspace_id=actor.workspace_id, of=f"signal_kind:{kind}", detail=detail
    )


def _page(wrong: str = "", errors: dict[str, str] | None = None) -> str:
    actor = current_actor()
    counts = queries.count_kinds(actor.workspace_id, clock.now() - timedelta(days=DAYS))
    own = queries.list_own_kinds(actor.workspace_id)
    return render_template(
        "tracking/kinds.html",
        declared=[_told(kind, counts) for kind in queries.declared_kinds().values() if kind.is_told],
        own=[
            _told(SignalKind(kind.kind, kind.label, queries.OWN_ICON), counts)
            | {
                "name": kind.kind.removeprefix(OWN),
                "errors": (errors or {}) if kind.kind == wrong else {},
                "label_action": url_for("signal_kinds.rename", kind=kind.kind),
                "archive_action": url_for("signal_kinds.archive", kind=kind.kind),
            }
            for kind in own
            if not kind.archived_at
        ],
        archived=[
            {"label": kind.label, "restore_action": url_for("signal_kinds.restore", kind=kind.kind)}
            for kind in own
            if kind.archived_at
        ],
        days=DAYS,
        may_write=actor.may("settings.write"),
        address=url_for("signals_api.tell", _external=True),
    )


def _told(kind: SignalKind, counts: dict[str, KindCount]) -> dict[str, Any]:
    found = counts.get(kind.name, _NONE)
    return {"name": kind.name, "label": kind.label, "icon": kind.icon, "count": f"{found.count:,}", "last_at": found.last_at}
