"""A trial on its way, and what came of it: the numbers of each variant, the test, and the buttons that decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import make_response, render_template, url_for
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.campaigns import deciding, queries, rules, variants
from app.campaigns import trial as testing
from app.campaigns.pages import badge_of, blueprint, home_of, standing_of, to, zone_of
from app.campaigns.queries import Standing
from app.campaigns.rules import State
from app.campaigns.schemas import Decided, Nothing
from app.campaigns.trial import REST, Counted, Verdict
from app.campaigns.variants import Trial
from app.kernel import clock
from app.kernel.charts import Part
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted


@blueprint.get("/campaigns/<uuid:campaign_id>/trial")
@guards.member("campaigns.read")
def trial(campaign_id: UUID) -> Response:
    """What each variant has come to."""
    standing = standing_of(campaign_id)
    if not standing.is_trial:
        return to("show", campaign_id)
    return make_response(_page(standing))


@blueprint.post("/campaigns/<uuid:campaign_id>/trial")
@guards.member("campaigns.write")
def decide(campaign_id: UUID) -> Response:
    """Let the rest have a variant now."""
    standing = standing_of(campaign_id)
    actor = current_actor()
    try:
        label = posted(Decided())["label"]
        with session().begin_nested():  # where the rest cannot be launched it is not decided
            deciding.decide_by_hand(actor.workspace_id, campaign_id, label, by=actor.id)
    except (BadInput, Conflict) as fault:
        return _refused(standing, fault)
    return to("trial", campaign_id)


@blueprint.post("/campaigns/<uuid:campaign_id>/trial/stop")
@guards.member("campaigns.write")
def stop_trial(campaign_id: UUID) -> Response:
    """Send nothing to the rest; where nothing has left, a draft again."""
    standing = standing_of(campaign_id)
    posted(Nothing())
    actor = current_actor()
    try:
        again = deciding.stop(actor.workspace_id, campaign_id, by=actor.id)
    except Conflict as fault:
        return _refused(standing, fault)
    return to("review" if again else "trial", campaign_id)


def _refused(standing: Standing, fault: BadInput | Conflict) -> Response:
    """The page as it is now, with the reason why nothing was done."""
    if not standing.is_trial:
        return to("show", standing.id)
    words = next(iter(fault.fields.values()), fault.detail)
    return make_response(_page(standing, notice=words), fault.status)


def _page(standing: Standing, notice: str = "") -> str:
    actor = current_actor()
    found = variants.find_trial(actor.workspace_id, standing.id)
    assert found is not None
    parts = queries.list_parts(actor.workspace_id, standing.id)
    verdict = Verdict.of(found.row.verdict) if found.row.verdict else deciding.verdict_of(found, parts)
    names = {member.user_id: member.name for member in accounts.list_members(actor.workspace_id)}
    rest = next((part for part in parts if part.part == REST), None)
    return render_template(
        "campaigns/trial.html",
        campaign=standing,
        notice=notice,
        row=found.row,
        rows=_rows(found, parts, verdict),
        rest=_linked(rest) if rest else None,
        rest_share=found.parts[-1].share,
        verdict=verdict,
        goal=testing.GOALS[found.goal],
        sentence=testing.sentence(verdict, found.goal),
        needed=testing.needed_words(verdict, found.goal),
        stand=_stand(found, parts),
        due=deciding.due_at(found),
        wait=rules.in_words(found.row.wait_hours * 3600),
        by=names.get(found.row.decided_by, "Somebody who left") if found.row.decided_by else "",
        held_out=variants.count_held_out(actor.workspace_id, standing.id),
        **_lift(found, parts),
        is_decided=found.row.decided_at is not None,
        zone=zone_of(),
        may_write=actor.may("campaigns.write"),
    )


def _lift(found: Trial, parts: Sequence[Standing]) -> dict[str, Any]:
    """What it brought beyond the held-out, in a sentence, and until when that is counted."""
    lift = deciding.lift_of(found, parts)
    if lift is None:
        return {"lift": "", "lift_until": None, "is_lift_open": False}
    compared, until = lift
    return {"lift": testing.lift_sentence(compared), "lift_until": until, "is_lift_open": clock.now() < until}


def _rows(found: Trial, parts: Sequence[Standing], verdict: Verdict) -> list[dict[str, Any]]:
    """A line for each variant; bars share one scale, which ends a little behind the highest interval."""
    by_label = {part.part: part for part in parts}
    counts = {one.label: one for one in verdict.counts}
    most = max(0.01, *(one.interval[1] for one in verdict.counts if one.sent), 0.01)
    return [
        {
            "label": one.label,
            "words": deciding.variant_words(one),
            "subject": by_label[one.label].subject,
            "count": counts[one.label],
            "range": _range(counts[one.label]),
            "bar": _bar(counts[one.label], most),
            "is_winner": found.row.winner == one.label,
            **_linked(by_label[one.label]),
        }
        for one in found.variants
    ]


def _linked(part: Standing) -> dict[str, Any]:
    word, tone = badge_of(part)
    return {
        "word": word, "tone": tone, "url": url_for(home_of(part), campaign_id=part.id), "audience": part.audience,
        "at": part.at, "part": part,
    }  # fmt: skip


def _range(count: Counted) -> str:
    low, high = count.interval
    return f"{low:.1%} to {high:.1%}" if count.sent else ""


def _bar(count: Counted, most: float) -> tuple[Part, ...]:
    """The interval with the rate as a mark in it, in percent of the scale."""
    if not count.sent:
        return ()
    low, high = (100 * edge / most for edge in count.interval)
    at = min(99.0, 100 * count.rate / most)
    return (Part(round(low, 2), round(high - low, 2), "wait"), Part(round(at, 2), 1.0, "yes"))


def _stand(found: Trial, parts: Sequence[Standing]) -> str:
    """What it waits for, in a sentence; empty once it is decided."""
    if found.row.decided_at is not None:
        return ""
    for state, words in (
        (State.CANCELLED, "{} was cancelled, so the test does not decide by itself. Choose what the rest gets."),
        (State.PAUSED, "{} stands still, and the test waits until it goes on."),
    ):
        labels = [part.part for part in parts if part.state is state]
        if labels:
            return words.format(" and ".join(labels))
    due = deciding.due_at(found)
    if due is None:
        wait = rules.in_words(found.row.wait_hours * 3600)
        return f"The sample is on its way. The test decides {wait} after its last mail has left."
    if due <= clock.now():
        return "The test decides any moment. If it does not, decide by hand: then you see what is in the way."
    return "The sample has gone out. The test decides " + rules.in_words(int((due - clock.now()).total_seconds())) + " from now."
