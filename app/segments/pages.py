"""The pages of segments: the list, and the editor that counts while somebody writes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.accounts.rules import acts
from app.contacts import queries as contacts
from app.kernel import charts, sampling
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict, Unavailable
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.segments import drafts, following, queries, service
from app.segments.drafts import Draft
from app.segments.queries import Known
from app.segments.rules import Group
from app.segments.sentences import sentence
from app.segments.shown import Shown

blueprint = Blueprint("segments", __name__, template_folder="templates")
SAVE = "save"
COUNT = "count"
"""Everybody, where else a sample would do."""


@blueprint.get("/people/segments")
@guards.member("people.read")
def index() -> str:
    """All segments, with what they say."""
    actor = current_actor()
    known = queries.list_segments(actor.workspace_id, include_archived=True)
    return render_template(
        "segments/list.html",
        rows=[_row(found) for found in known if found.archived_at is None],
        archived=[
            {"name": found.name, "url": url_for(".restore", segment_id=found.id)}
            for found in known
            if found.archived_at is not None
        ],
        may_write=actor.may("people.write"),
        zone=_zone(),
    )


def _row(found: Known) -> dict[str, Any]:
    return {
        "url": url_for(".show", segment_id=found.id),
        "name": found.name,
        "sentence": queries.say(current_actor().workspace_id, found.tree),
        "changed_at": found.changed_at,
    }


@blueprint.get("/people/segments/new")
@guards.member("people.write")
def new() -> str:
    """The editor, empty or with a tree that a link brings."""
    draft = drafts.read(request.args)
    drafts.settle(draft, queries.fields(current_actor().workspace_id))
    return _editor(None, "", draft if draft["rules"] else drafts.empty())


@blueprint.post("/people/segments/new")
@guards.member("people.write")
def create() -> Response:
    """Save it, or let a button change what is written."""
    return _edited(None)


@blueprint.get("/people/segments/<uuid:segment_id>")
@guards.member("people.read")
def show(segment_id: UUID) -> str:
    """The editor; for those who may only read, what it says and whom it means."""
    known = queries.get_segment(current_actor().workspace_id, segment_id)
    return _editor(known, known.name, known.tree)


@blueprint.post("/people/segments/<uuid:segment_id>")
@guards.member("people.write")
def change(segment_id: UUID) -> Response:
    """Save it as a new version, or let a button change what is written."""
    return _edited(queries.get_segment(current_actor().workspace_id, segment_id))


@blueprint.post("/people/segments/<uuid:segment_id>/copy")
@guards.member("people.write")
def duplicate(segment_id: UUID) -> Response:
    """Another one that says the same."""
    made = service.duplicate(current_actor().workspace_id, segment_id, by=_by())
    return redirect(url_for(".show", segment_id=made.id), 303)


@blueprint.post("/people/segments/<uuid:segment_id>/archive")
@guards.member("people.write")
def archive(segment_id: UUID) -> Response:
    """Put it away."""
    service.archive(current_actor().workspace_id, segment_id, by=_by())
    return redirect(url_for(".index"), 303)


@blueprint.post("/people/segments/<uuid:segment_id>/follow")
@guards.member("people.write")
def follow(segment_id: UUID) -> Response:
    """Write down who comes and goes from now on."""
    following.follow(current_actor().workspace_id, segment_id, by=_by())
    return redirect(url_for(".show", segment_id=segment_id, _anchor="following"), 303)


@blueprint.post("/people/segments/<uuid:segment_id>/unfollow")
@guards.member("people.write")
def unfollow(segment_id: UUID) -> Response:
    """Stop, and forget it."""
    following.unfollow(current_actor().workspace_id, segment_id, by=_by())
    return redirect(url_for(".show", segment_id=segment_id, _anchor="following"), 303)


@blueprint.post("/people/segments/<uuid:segment_id>/restore")
@guards.member("people.write")
def restore(segment_id: UUID) -> Response:
    """Bring it back."""
    service.restore(current_actor().workspace_id, segment_id, by=_by())
    return redirect(url_for(".show", segment_id=segment_id), 303)


def _edited(known: Known | None) -> Response:
    name, wish, draft = request.form.get("name", ""), request.form.get("do", SAVE), drafts.read(request.form)
    drafts.act(draft, wish)
    drafts.settle(draft, queries.fields(current_actor().workspace_id))
    if wish != SAVE:
        return make_response(_editor(known, name, draft))
    try:
        # Refused halfway, nothing of it may stay: the page that says why is an answer and commits.
        with session().begin_nested():
            segment_id = _save(known, name, draft)
    except (BadInput, Conflict) as problem:
        faults = problem.fields or {"": problem.detail}
        return make_response(_editor(known, name, draft, faults), problem.status)
    return redirect(url_for(".show", segment_id=segment_id), 303)


def _save(known: Known | None, name: str, draft: Draft) -> UUID:
    workspace_id = current_actor().workspace_id
    if known is None:
        return service.create(workspace_id, name, draft, by=_by()).id
    seen = request.form.get("version", "")
    version = int(seen) if seen.isascii() and seen.isdecimal() and len(seen) < 9 else 0
    return service.change(workspace_id, known.id, name, draft, version=version, by=_by()).id


def _editor(known: Known | None, name: str, draft: Draft, faults: Mapping[str, str] | None = None) -> str:
    actor, faults = current_actor(), faults or {}
    version = request.form.get("version") or (known.version if known else "")
    return render_template(
        "segments/editor.html",
        name=name,
        title=known.name if known else "New segment",
        version=version,
        tree=Shown(queries.fields(actor.workspace_id), faults).tree(draft),
        errors=[(_input_of(draft, place), fault) for place, fault in faults.items()],
        name_error=faults.get("name", ""),
        is_archived=bool(known and known.archived_at),
        copy_url=url_for(".duplicate", segment_id=known.id) if known else None,
        archive_url=url_for(".archive", segment_id=known.id) if known else None,
        restore_url=url_for(".restore", segment_id=known.id) if known else None,
        versions=_versions(known) if known else [],
        following=_following(known) if known else None,
        may_write=actor.may("people.write") and not (known and known.archived_at),
        may_restore=actor.may("people.write"),
        zone=_zone(),
        **_now(actor.workspace_id, draft),
    )


def _input_of(draft: Draft, place: str) -> str:
    """The id of what a fault is about."""
    if not place.startswith("0"):
        return place
    return f"at-{place}" if drafts.is_group(draft, place) else f"field-{place}"


def _now(workspace_id: UUID, draft: Draft) -> dict[str, Any]:
    """Whom it means right now: {total, found, guess, milliseconds, words, people, unfinished}."""
    total = queries.count_everybody(workspace_id)
    shown: dict[str, Any] = {"total": total, "unfinished": ""}
    try:
        group = queries.read(workspace_id, draft)
        shown["words"] = sentence(group)
        return shown | (_guessed if total >= sampling.FROM_PEOPLE else _whole)(workspace_id, group)
    except BadInput as problem:
        rest = len(problem.fields)
        waits = "" if drafts.is_unwritten(draft) else next(iter(problem.fields.values()))
        return shown | {
            "unfinished": waits if rest == 1 else waits and f"{waits} And {rest - 1} more to finish."
        }
    except Unavailable as problem:
        return shown | {"unfinished": problem.detail}


def _guessed(workspace_id: UUID, group: Group) -> dict[str, Any]:
    """Of many people what a sample says, and the number that counting gives where that is asked for."""
    began = time.monotonic()
    guess = queries.guess(workspace_id, group)
    found = min(guess.people, queries.count_everybody(workspace_id))
    shown = {"found": found, "guess": guess.words, "milliseconds": _since(began)}
    shown["people"] = _examples(workspace_id, group, is_sampled=True)
    if COUNT not in {request.form.get("do"), request.args.get("do")}:
        return shown
    try:
        return shown | {"guess": ""} | _counted(workspace_id, group)
    except Unavailable as problem:
        return shown | {"unfinished": problem.detail}


def _whole(workspace_id: UUID, group: Group) -> dict[str, Any]:
    return _counted(workspace_id, group) | {"people": _examples(workspace_id, group)}


def _counted(workspace_id: UUID, group: Group) -> dict[str, Any]:
    began = time.monotonic()
    found = queries.count(workspace_id, group)
    return {"found": found, "milliseconds": _since(began)}


def _since(began: float) -> int:
    return round(1000 * (time.monotonic() - began))


def _examples(workspace_id: UUID, group: Group, *, is_sampled: bool = False) -> list[dict[str, Any]]:
    return [
        {
            "url": url_for("people.show", contact_id=one.id),
            "name": one.name or one.address,
            "address": one.address,
        }
        for one in queries.sample(workspace_id, group, is_sampled=is_sampled)
    ]


def _following(known: Known) -> dict[str, Any]:
    """Who comes and goes: {follow_url}, or {unfollow_url, members, looked_at, fault, has_changes, chart, rows, latest}."""
    workspace_id = current_actor().workspace_id
    found = following.find(workspace_id, known.id)
    if found is None:
        return {"follow_url": url_for(".follow", segment_id=known.id)}
    days, latest = following.by_day(workspace_id, known.id, _zone()), following.list_latest(workspace_id, known.id)
    names = contacts.find_readers(workspace_id, {one.contact_id for one in latest})
    labels = [f"{one.day.day} {one.day:%b}" if n % 7 == 1 else "" for n, one in enumerate(days)]
    series = [charts.Series([one.entered for one in days], "yes"), charts.Series([one.left for one in days], "wait")]
    return {
        "unfollow_url": url_for(".unfollow", segment_id=known.id),
        "members": found.members,
        "looked_at": found.looked_at,
        "fault": found.fault,
        "rows": [(f"{one.day.day} {one.day:%B}", one.entered, one.left) for one in days],
        "has_changes": any(one.entered or one.left for one in days),
        "chart": charts.bar_chart(series, labels),
        "latest": [
            {
                "url": url_for("people.show", contact_id=one.contact_id),
                "name": (names[one.contact_id].name or names[one.contact_id].address)
                if one.contact_id in names
                else "Somebody",
                "entered": one.entered,
                "at": one.at,
            }
            for one in latest
        ],
    }


def _versions(known: Known) -> list[dict[str, Any]]:
    return [
        {
            "number": found.version,
            "at": found.created_at,
            "sentence": queries.say(current_actor().workspace_id, found.tree),
        }
        for found in queries.list_versions(current_actor().workspace_id, known.id)
    ]


def _by() -> acts.By:
    return acts.user(current_actor().id)


def _zone() -> str:
    return accounts.brand(current_actor().workspace_id).time_zone
