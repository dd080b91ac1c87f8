"""How levels moved, and how the score is counted. The panel of the person's page is drawn there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.accounts import service as accounts_service
from app.accounts.rules import acts
from app.engagement import queries, rules, service
from app.engagement.queries import Underway
from app.engagement.rules import Rules
from app.engagement.schemas import PREFIX, rules_form
from app.kernel import charts, sampling
from app.kernel.errors import BadInput
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted
from app.tracking import queries as tracking
from app.tracking.rules.kinds import SignalKind

blueprint = Blueprint("engagement", __name__, template_folder="templates")


@blueprint.get("/people/levels")
@guards.member("people.read")
def levels() -> str:
    """How many people moved from which level to which in the last days."""
    actor = current_actor()
    days = next((found for found in rules.MOVED_WITHIN if str(found) == request.args.get("days")), rules.MOVED_WITHIN[0])
    found = queries.moves(actor.workspace_id, days)
    came, left = (sum(count(level) for level in rules.Level) for count in (found.came, found.left))
    return render_template(
        "engagement/levels.html",
        days=days,
        periods=[(one, url_for("engagement.levels", days=one)) for one in rules.MOVED_WITHIN],
        people=found.people and found.words(found.people),
        joined=found.words(found.joined),
        up=found.words(found.moved(1)),
        down=found.words(found.moved(-1)),
        is_sampled=found.is_sampled,
        levels=list(rules.Level),
        rows=[_moves_row(found, was, days, may_look=actor.may("people.write")) for was in (*rules.Level, None)],
        chart=_moves_chart(found),
        came=found.words(came),
        left=found.words(left),
        has_moves=bool(came or left),
        flows=[(level.capitalize(), *map(found.words, (found.came(level), found.left(level)))) for level in rules.Level],
        warm=_plain(rules.WARM_POINTS),
        hot=_plain(rules.HOT_POINTS),
    )


def _moves_row(found: rules.Moves, was: rules.Level | None, days: int, *, may_look: bool) -> dict[str, Any]:
    cells, total = [], 0
    for level in rules.Level:
        count = found.counts.get((was, level), 0)
        url = url_for("segments.new", **_tree(was, level, days)) if count and may_look else None
        cells.append({"level": level, "count": count, "words": found.words(count), "url": url, "stayed": level is was})
        total += count
    return {"was": was, "cells": cells, "total": found.words(total)}


def _tree(was: rules.Level | None, level: rules.Level, days: int) -> dict[str, Any]:
    """The inputs of the editor of segments that mean the people of one cell."""
    if was is None:
        before = {"field-0.0": "contacts.created_at", "op-0.0": "in_last", "days-0.0": str(days)}
    else:
        before = {"field-0.0": f"engagement.level_{days}_days_ago", "op-0.0": "is", "value-0.0": was.value}
    return {"match-0": "all", **before, "field-0.1": "engagement.level", "op-0.1": "is", "value-0.1": level.value}


def _moves_chart(found: rules.Moves) -> charts.BarChart:
    each = sampling.ONE_IN if found.is_sampled else 1
    came = charts.Series([found.came(level) * each for level in rules.Level], "yes")
    left = charts.Series([found.left(level) * each for level in rules.Level], "wait")
    return charts.bar_chart([came, left], [level.capitalize() for level in rules.Level], height=160)


@blueprint.get("/settings/scores")
@guards.member("settings.write")
def scores() -> str:
    """The rules, and how far counting anew has come."""
    return _page()


@blueprint.post("/settings/scores")
@guards.member("settings.write")
def save_scores() -> Response:
    """Count by other rules from when everybody has been counted anew."""
    actor = current_actor()
    try:
        given = posted(rules_form(actor.workspace_id))
        weights = {
            name.removeprefix(PREFIX): value for name, value in given.items() if name.startswith(PREFIX)
        }
        service.set_rules(actor.workspace_id, given["half_life_days"], weights)
    except BadInput as problem:
        return make_response(_page(values=request.form, errors=problem.fields), problem.status)
    accounts_service.record(
        "scores.changed",
        by=acts.user(actor.id),
        workspace_id=actor.workspace_id,
        detail={"half_life_days": given["half_life_days"], "weights": weights},
    )
    return redirect(url_for("engagement.scores"), 303)


def _page(*, values: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None) -> str:
    workspace_id = current_actor().workspace_id
    force, underway = queries.rules_of(workspace_id), queries.underway(workspace_id)
    asked = underway.rules if underway else force
    known = tracking.signal_kinds(workspace_id)
    return render_template(
        "engagement/settings.html",
        action=url_for("engagement.save_scores"),
        values=values or _values(asked),
        errors=errors or {},
        kinds=[{"name": PREFIX + name, "label": kind.label} for name, kind in known.items()],
        usual=_values(Rules(1, rules.HALF_LIFE_DAYS, {name: kind.weight for name, kind in known.items()})),
        example=_example(asked, known),
        warm=_plain(rules.WARM_POINTS),
        hot=_plain(rules.HOT_POINTS),
        half_way=_plain(rules.HALF_WAY_POINTS),
        force_days=force.half_life_days,
        underway=_progress(underway) if underway else None,
    )


def _values(by: Rules) -> dict[str, str]:
    return {
        "half_life_days": str(by.half_life_days),
        **{PREFIX + k: _plain(w) for k, w in by.weights.items()},
    }


def _example(by: Rules, known: Mapping[str, SignalKind]) -> dict[str, Any] | None:
    """What becomes of the heaviest signal."""
    kind = max(by.weights, key=lambda name: by.weights[name])
    worth = by.weights[kind]
    if not worth:
        return None
    return {
        "label": known[kind].label,
        "days": by.half_life_days,
        "now": _plain(worth),
        "once": _plain(worth / 2),
        "twice": _plain(worth / 4),
    }


def _progress(found: Underway) -> dict[str, Any]:
    # People who come while it goes on are counted too: never more than all.
    total = max(found.total or 0, found.counted)
    return {
        "counted": f"{found.counted:,}",
        "total": f"{total:,}",
        "share": round(100 * found.counted / total, 1) if total else 0,
        "is_begun": found.total is not None,
    }


def _plain(number: float) -> str:
    return f"{number:.4f}".rstrip("0").rstrip(".")
