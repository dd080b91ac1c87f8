"""From nothing to a draft with an audience."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from flask import Response, jsonify, make_response, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as BaseResponse

from app.campaigns import queries, service
from app.campaigns.pages import STEPS, blueprint, home_of, standing_of, to
from app.campaigns.queries import Standing
from app.campaigns.rules import LEFT_OUT, Reckoning, State
from app.campaigns.schemas import Chosen, Nothing, Started
from app.consent import queries as consent
from app.content import service as content
from app.kernel.charts import share_bar
from app.kernel.errors import BadInput
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted
from app.segments import queries as segments


@blueprint.get("/campaigns/new")
@guards.member("campaigns.write")
def new() -> str:
    """A name and what to begin with."""
    return _new({})


@blueprint.post("/campaigns/new")
@guards.member("campaigns.write")
def start() -> BaseResponse:
    """Make the draft and go on to its letter."""
    actor = current_actor()
    try:
        values = posted(Started())
        made = service.create(actor.workspace_id, values["name"], values["design"], by=actor.id)
    except BadInput as fault:
        return make_response(_new(fault.fields), fault.status)
    return to("write", made.id)


def _new(errors: Mapping[str, str]) -> str:
    return render_template(
        "campaigns/new.html",
        designs=content.designs(),
        name=request.form.get("name", ""),
        chosen=request.form.get("design", ""),
        errors=errors,
    )


@blueprint.get("/campaigns/<uuid:campaign_id>")
@guards.member("campaigns.read")
def show(campaign_id: UUID) -> BaseResponse:
    """Wherever it is looked at now."""
    standing = standing_of(campaign_id)
    if standing.series_of is not None:
        return redirect(url_for("campaigns.series_page", series_id=standing.series_of), 303)
    return redirect(url_for(home_of(standing), campaign_id=campaign_id), 303)


@blueprint.get("/campaigns/<uuid:campaign_id>/write")
@guards.member("campaigns.read")
def write(campaign_id: UUID) -> BaseResponse:
    """The editor of its letter, which leads back to the next step."""
    standing = standing_of(campaign_id)
    back = url_for("campaigns.audience", campaign_id=campaign_id)
    return redirect(url_for("content.edit", letter_id=standing.letter_id, back=back), 303)


@blueprint.get("/campaigns/<uuid:campaign_id>/audience")
@guards.member("campaigns.read")
def audience(campaign_id: UUID) -> BaseResponse:
    """Whom it is for, with the count; ``interests`` tries others without keeping them."""
    standing = standing_of(campaign_id)
    if standing.state is not State.DRAFT:
        return to("show", campaign_id)
    return make_response(_audience(standing, _tried(standing), _tried_segment(standing), {}))


@blueprint.get("/campaigns/<uuid:campaign_id>/count")
@guards.member("campaigns.read")
def count(campaign_id: UUID) -> Response:
    """The count for some interests as JSON, for the page's script."""
    standing = standing_of(campaign_id)
    reckoned = queries.reckon(current_actor().workspace_id, _tried(standing), _tried_segment(standing))
    return jsonify(reached=reckoned.reached, total=reckoned.total)


@blueprint.post("/campaigns/<uuid:campaign_id>/audience")
@guards.member("campaigns.write")
def choose(campaign_id: UUID) -> BaseResponse:
    """Keep the audience and go on to the review."""
    standing = standing_of(campaign_id)
    try:
        values = posted(Chosen())
        service.choose(
            current_actor().workspace_id, campaign_id, values["name"], values["interests"], values["segment"]
        )
    except BadInput as fault:
        fields = {name.split(".")[0]: message for name, message in fault.fields.items()}
        return make_response(
            _audience(standing, _ids(request.form.getlist("interests")), _offered(request.form), fields), fault.status
        )
    return to("review", campaign_id)


@blueprint.post("/campaigns/<uuid:campaign_id>/copy")
@guards.member("campaigns.write")
def copy(campaign_id: UUID) -> BaseResponse:
    """Begin another one with the same letter and audience."""
    actor = current_actor()
    standing_of(campaign_id)
    posted(Nothing())
    return to("write", service.copy(actor.workspace_id, campaign_id, by=actor.id).id)


@blueprint.post("/campaigns/<uuid:campaign_id>/archive")
@guards.member("campaigns.write")
def archive(campaign_id: UUID) -> BaseResponse:
    """Put it away."""
    standing_of(campaign_id)
    posted(Nothing())
    service.archive(current_actor().workspace_id, campaign_id)
    return redirect(url_for("campaigns.index"), 303)


def _tried(standing: Standing) -> list[UUID]:
    return (
        _ids(request.args.getlist("interests")) if "interests" in request.args else list(standing.interests)
    )


def _tried_segment(standing: Standing) -> UUID | None:
    return _offered(request.args) if "segment" in request.args else standing.segment_id


def _offered(given: MultiDict[str, str]) -> UUID | None:
    """The segment that somebody chose, if it is one of this workspace's."""
    known = {found for found, _ in segments.list_names(current_actor().workspace_id)}
    return next((found for found in _ids(given.getlist("segment")) if found in known), None)


def _ids(words: Sequence[str]) -> list[UUID]:
    found = []
    for word in words:
        try:
            found.append(UUID(word))
        except ValueError:
            continue
    return found


def _audience(
    standing: Standing, chosen: Sequence[UUID], segment_id: UUID | None, errors: Mapping[str, str]
) -> str:
    workspace_id = current_actor().workspace_id
    offered = [(str(found.id), found.name) for found in segments.list_segments(workspace_id)]
    return render_template(
        "campaigns/audience.html",
        campaign=standing,
        name=request.form.get("name", standing.name),
        interests=[(found, found.id in chosen) for found in consent.list_interests(workspace_id)],
        segments=[("", "All of them"), *offered] if offered else [],
        segment=str(segment_id or ""),
        errors=errors,
        may_write=current_actor().may("campaigns.write"),
        steps=STEPS,
        count_url=url_for("campaigns.count", campaign_id=standing.id),
        **reckoned_values(standing.id, queries.reckon(workspace_id, list(chosen), segment_id), bool(standing.interests)),
    )


def reckoned_values(campaign_id: UUID, reckoned: Reckoning, linked: bool) -> dict[str, Any]:
    """What templates need to show a count with its reasons; numbers are links where the audience is kept."""
    parts = [(float(reckoned.reached), "yes")]
    parts += [(float(number), LEFT_OUT[key][2]) for key, number in reckoned.reasons]
    return {
        "reckoned": reckoned,
        "bar": share_bar(parts),
        "reasons": [
            (
                *LEFT_OUT[key],
                number,
                url_for("campaigns.people", campaign_id=campaign_id, word=key) if linked else "",
            )
            for key, number in reckoned.reasons
        ],
        "reached_url": url_for("campaigns.people", campaign_id=campaign_id, word="reached") if linked else "",
    }
