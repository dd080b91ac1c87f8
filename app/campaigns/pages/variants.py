"""Trying variants: what each is, which part of the audience they go to, and what keeps the rest waiting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import make_response, render_template, request, url_for
from marshmallow import fields, validate
from werkzeug.wrappers import Response

from app.campaigns import rules, trials, variants
from app.campaigns.pages import STEPS, blueprint, standing_of, to, zone_of
from app.campaigns.queries import Standing
from app.campaigns.rules import State
from app.campaigns.trial import GOALS, LABELS, Goal
from app.campaigns.trials import Wanted
from app.campaigns.variants import Trial
from app.content import queries as letters
from app.delivery import queries as outbox
from app.kernel import clock
from app.kernel.errors import BadInput
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import Input, Line, Tick, posted

SHARES: Final = [(str(n), "1 part" if n == 1 else f"{n} parts") for n in range(1, 10)]
USUAL: Final = {"sample": "20", "wait": "4", "holdout": "0", "goal": Goal.CLICK.value}
CHOICES: Final = [(goal.value, f"Who {words.did}") for goal, words in GOALS.items()]
_MESSAGES: Final[dict[str, str | list[Any] | dict[Any, Any]]] = {"invalid": "Write a whole number.", "required": "Write a whole number."}


def _number(**more: Any) -> fields.Integer:
    return fields.Integer(strict=False, error_messages=_MESSAGES, **more)


def _of_variant(label: str) -> dict[str, fields.Field[Any]]:
    return {
        f"subject_{label}": Line(longest=400, empty=True),
        f"sender_{label}": Line(longest=120, empty=True),
        f"own_{label}": Tick(),
        f"day_{label}": Line(longest=10, empty=True),
        f"time_{label}": Line(longest=8, empty=True),
        f"share_{label}": _number(load_default=1, validate=validate.Range(1, 9, error="Choose one of the shares.")),
    }


_Varied: Final = Input.from_dict(
    {
        "act": Line(longest=10, empty=True, load_default="save"),
        "count": _number(required=True, validate=validate.Range(trials.LEAST, len(LABELS), error="A trial has two to five variants.")),
        "sample": _number(required=True),
        "wait": _number(required=True),
        "holdout": _number(required=True),
        "goal": fields.Enum(Goal, by_value=True, load_default=Goal.CLICK, error_messages={"unknown": "Choose from the list."}),
        **{name: field for label in LABELS for name, field in _of_variant(label).items()},
    }
)
"""The form: the numbers of the trial, and so many variants; ``act`` is save, add, drop or remove-B."""


@blueprint.get("/campaigns/<uuid:campaign_id>/variants")
@guards.member("campaigns.read")
def vary(campaign_id: UUID) -> Response:
    """What is tried, as a form."""
    standing = standing_of(campaign_id)
    if standing.state is not State.DRAFT or standing.series_of is not None:
        return to("show", campaign_id)
    trial = variants.find_trial(current_actor().workspace_id, campaign_id)
    return make_response(_page(standing, _stored(trial), {}))


@blueprint.post("/campaigns/<uuid:campaign_id>/variants")
@guards.member("campaigns.write")
def keep_variants(campaign_id: UUID) -> Response:
    """Keep them and go on to the review; or one more, one less, none."""
    standing = standing_of(campaign_id)
    actor = current_actor()
    if standing.state is not State.DRAFT or standing.series_of is not None:
        return to("show", campaign_id)
    if request.form.get("act") == "drop":
        trials.drop(actor.workspace_id, campaign_id)
        return to("review", campaign_id)
    try:
        act = _keep(campaign_id)
    except BadInput as fault:
        return make_response(_page(standing, request.form, fault.fields, notice=fault.detail), fault.status)
    if act.startswith("remove-"):
        trials.remove(actor.workspace_id, campaign_id, act[-1])
    return to("review" if act == "save" else "vary", campaign_id)


def _keep(campaign_id: UUID) -> str:
    """Keep what was posted; gives what else is wished."""
    values, actor = posted(_Varied()), current_actor()
    labels = LABELS[: values["count"]]
    wanted = [_wanted(values, label) for label in labels]
    if values["act"] == "add" and len(wanted) < len(LABELS):
        wanted.append(Wanted())
    trials.keep(
        actor.workspace_id, campaign_id, sample=values["sample"], wait_hours=values["wait"],
        holdout=values["holdout"], wanted=wanted, goal=values["goal"], by=actor.id,
    )  # fmt: skip
    return str(values["act"])


def _wanted(values: Mapping[str, Any], label: str) -> Wanted:
    at = None
    day, time = values[f"day_{label}"], values[f"time_{label}"]
    if day or time:
        try:
            at = rules.due_at(day, time, zone_of(), clock.now())
        except BadInput as fault:
            raise BadInput(fields={f"{name}_{label}": words for name, words in fault.fields.items()}) from None
    return Wanted(
        values[f"subject_{label}"], values[f"sender_{label}"], values[f"own_{label}"], at, values[f"share_{label}"]
    )


def _stored(trial: Trial | None) -> dict[str, str]:
    """What is kept, as the form would post it."""
    if trial is None:
        return {**USUAL, "count": str(trials.LEAST)}
    zone = ZoneInfo(zone_of())
    values = {
        "sample": str(trial.row.sample), "wait": str(trial.row.wait_hours), "holdout": str(trial.row.holdout),
        "goal": trial.row.goal, "count": str(len(trial.variants)),
    }  # fmt: skip
    for one in trial.variants:
        at = one.row.send_at.astimezone(zone) if one.row.send_at else None
        values |= {
            f"subject_{one.label}": one.row.subject, f"sender_{one.label}": one.row.sender_name,
            f"own_{one.label}": "1" if one.has_own_letter else "", f"share_{one.label}": str(one.row.share),
            f"day_{one.label}": f"{at:%Y-%m-%d}" if at else "", f"time_{one.label}": f"{at:%H:%M}" if at else "",
        }  # fmt: skip
    return values


def _page(standing: Standing, given: Mapping[str, str], errors: Mapping[str, str], notice: str = "") -> str:
    actor = current_actor()
    trial = variants.find_trial(actor.workspace_id, standing.id)
    own = {one.label: one.letter_id for one in trial.variants if one.has_own_letter} if trial else {}
    count = given.get("count", "")
    labels = LABELS[: int(count)] if count.isdecimal() and trials.LEAST <= int(count) <= len(LABELS) else LABELS[:2]
    letter = letters.get_letter(actor.workspace_id, standing.letter_id)
    sender = outbox.sender_of(actor.workspace_id)
    back = url_for("campaigns.vary", campaign_id=standing.id)
    return render_template(
        "campaigns/variants.html",
        campaign=standing,
        # Ticks that are not set are not posted, and nothing is stored yet of a variant that is new.
        given={name: given.get(name, "") for name in _Varied().fields},
        labels=labels,
        errors=errors,
        notice="" if errors else notice,
        edit_urls={label: url_for("content.edit", letter_id=found, back=back) for label, found in own.items()},
        subject=letter.subject,
        sender_name=sender.name if sender else "",
        is_kept=trial is not None,
        may_add=len(labels) < len(LABELS),
        shares=SHARES,
        goals=CHOICES,
        zone=zone_of(),
        may_write=actor.may("campaigns.write"),
        steps=STEPS,
    )


def panel_of(seen: trials.Seen, standing: Standing) -> dict[str, Any]:
    """What the review shows of a trial: each part with its words and its people, and the sum of it."""
    workspace_id = current_actor().workspace_id
    zone = ZoneInfo(zone_of())
    rows = []
    for one in seen.trial.variants:
        letter = letters.get_letter(workspace_id, one.letter_id)
        words = [f"subject “{one.row.subject or letter.subject}”"]
        words += [f"from “{one.row.sender_name}”"] if one.row.sender_name else []
        words += ["a letter of its own"] if one.has_own_letter else []
        words += [f"at {one.row.send_at.astimezone(zone):%-d %b, %H:%M}"] if one.row.send_at else []
        preview = url_for("content.preview", letter_id=one.letter_id) if one.has_own_letter else ""
        rows.append((one.label, ", ".join(words), seen.people.get(one.label, 0), preview))
    row = seen.trial.row
    return {
        "rows": rows,
        "rest": seen.people.get("rest", 0),
        "held_out": seen.people.get("held out", 0),
        "sum": ", ".join(f"{name}: {number:,}" for name, number in _named(seen)),
        "sample": seen.sample,
        "names": ", ".join(one.label for one in seen.trial.variants),
        "labels": [(one.label, f"{one.label}, its own {' and '.join(one.differs_in)}" if one.differs_in else one.label) for one in seen.trial.variants],
        "signature": seen.signature,
        "wait": rules.in_words(row.wait_hours * 3600),
        "goal": GOALS[seen.trial.goal].plural,
        "reach": seen.reach,
        "url": url_for("campaigns.vary", campaign_id=standing.id),
    }


def _named(seen: trials.Seen) -> list[tuple[str, int]]:
    names = [one.label for one in seen.trial.variants] + ["rest", "held out"]
    return [(name, seen.people.get(name, 0)) for name in names]
