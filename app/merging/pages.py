"""The pages of doubles: who may be one person, two entries side by side, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.consent import queries as consent
from app.consent import service as consent_service
from app.consent.rules import By, Level, Purpose, State
from app.consent.rules.merging import Said
from app.contacts import queries as contacts
from app.contacts.addresses import AddressError, normalise
from app.kernel import clock, i18n
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import Actor, current_actor
from app.kernel.http.posted import load, posted
from app.merging import queries, service
from app.merging.queries import Double
from app.merging.rules import UNDO_FOR, WORDS
from app.merging.schemas import TAKE, Apart, Nothing, With, posted_takes

blueprint = Blueprint("merging", __name__, template_folder="templates")
_LEVELS = {Level.NONE: "nothing", Level.DATE: "the last day", Level.AGGREGATE: "totals", Level.INDIVIDUAL: "each"}


def _staff(actor: Actor) -> By:
    return By("staff", str(actor.id))


@blueprint.get("/people/doubles")
@guards.member("people.read")
def doubles() -> str:
    """Groups of people who may be one person, each with the reason; ``page`` goes on."""
    actor = current_actor()
    page = queries.list_doubles(actor.workspace_id, request.args.get("page", ""))
    next_url = url_for("merging.doubles", page=page.next_cursor) if page.next_cursor else None
    first_url = url_for("merging.doubles") if request.args.get("page") else None
    return render_template(
        "merging/doubles.html",
        groups=[_group(double) for double in page.rows],
        next_url=next_url,
        first_url=first_url,
        apart_action=url_for("merging.tell_apart") if actor.may("people.write") else None,
        people_url=url_for("people.index"),
        zone=accounts.brand(actor.workspace_id).time_zone,
        saved=request.args.get("saved", ""),
    )


def _group(double: Double) -> dict[str, Any]:
    first = double.people[0]
    return {
        "why": [WORDS[reason] for reason in double.reasons],
        "people": [
            {
                "id": one.id,
                "name": one.name or one.address or "Somebody",
                "address": one.address,
                "added_at": one.created_at,
                "url": url_for("people.show", contact_id=one.id),
                "others": [other.id for other in double.people if other.id != one.id],
                "compare_url": url_for("merging.compare", contact_id=first.id, other_id=one.id)
                if one.id != first.id
                else None,
            }
            for one in double.people
        ],
    }


@blueprint.post("/people/doubles/apart")
@guards.member("people.write")
def tell_apart() -> Response:
    """These are different people: they are not offered again."""
    values = posted(Apart())
    service.tell_apart(current_actor().workspace_id, values["one"], values["other"])
    return redirect(url_for("merging.doubles", saved="apart"), 303)


@blueprint.get("/people/<uuid:contact_id>/merge")
@guards.member("people.write")
def find(contact_id: UUID) -> Response:
    """Whom to merge with: by address (``email``)."""
    workspace_id = current_actor().workspace_id
    contacts.get_contact(workspace_id, contact_id)
    if "email" not in request.args:
        return make_response(_find_page(contact_id, {}))
    try:
        typed = load(With(), {"email": request.args["email"]})["email"]
        key = normalise(typed).key
    except AddressError as fault:
        return make_response(_find_page(contact_id, {"email": fault.reason}), 422)
    except BadInput as fault:
        return make_response(_find_page(contact_id, fault.fields), fault.status)
    other = contacts.find_by_key(workspace_id, key)
    if other is None:
        return make_response(_find_page(contact_id, {"email": "Nobody here has this address."}), 404)
    if other.id == contact_id:
        return make_response(_find_page(contact_id, {"email": "This is their own address. Write the other one."}), 422)
    return redirect(url_for("merging.compare", contact_id=contact_id, other_id=other.id), 302)


def _find_page(contact_id: UUID, errors: Mapping[str, str]) -> str:
    return render_template(
        "merging/find.html",
        title=_title(contact_id),
        action=url_for("merging.find", contact_id=contact_id),
        back_url=url_for("people.show", contact_id=contact_id),
        doubles_url=url_for("merging.doubles"),
        people_url=url_for("people.index"),
        values=request.args,
        errors=errors,
    )


@blueprint.get("/people/<uuid:contact_id>/merge/<uuid:other_id>")
@guards.member("people.write")
def compare(contact_id: UUID, other_id: UUID) -> Response:
    """Both side by side, what would stand afterwards, and the button."""
    workspace_id = current_actor().workspace_id
    now = [contacts.current_id(workspace_id, one) for one in (contact_id, other_id)]
    if now[0] == now[1] and contact_id != other_id:
        return redirect(url_for("people.show", contact_id=now[0]), 302)
    return make_response(_compare_page(contact_id, other_id))


@blueprint.post("/people/<uuid:contact_id>/merge/<uuid:other_id>")
@guards.member("people.write")
def merge(contact_id: UUID, other_id: UUID) -> Response:
    """Make them one."""
    actor = current_actor()
    for one in (contact_id, other_id):
        contacts.get_contact(actor.workspace_id, one)
    takes = posted_takes(queries.list_takeable(actor.workspace_id))
    try:
        done = service.merge(actor.workspace_id, contact_id, other_id, by=_staff(actor), takes=takes)
    except Conflict as problem:
        return make_response(_compare_page(contact_id, other_id, problem.detail), problem.status)
    return redirect(url_for("people.show", contact_id=done.survivor_id), 303)


def _compare_page(contact_id: UUID, other_id: UUID, fault: str = "") -> str:
    workspace_id = current_actor().workspace_id
    entries = [contacts.get_contact(workspace_id, one) for one in (contact_id, other_id)]
    if contact_id == other_id:
        raise Conflict("These are one entry. Choose another one to merge with it.")
    if any(one.erased_at is not None for one in entries):
        raise Conflict("One of them was erased. There is nothing left to merge.")
    return render_template(
        "merging/compare.html",
        own={"title": _title(contact_id), "url": url_for("people.show", contact_id=contact_id), "at": entries[0].created_at},
        other={"title": _title(other_id), "url": url_for("people.show", contact_id=other_id), "at": entries[1].created_at},
        choices=queries.list_choices(workspace_id, contact_id, other_id),
        take=TAKE,
        permissions=_permissions(workspace_id, contact_id, other_id),
        vetoes=_vetoes(workspace_id, contact_id, other_id),
        days=UNDO_FOR.days,
        fault=fault,
        action=url_for("merging.merge", contact_id=contact_id, other_id=other_id),
        swap_url=url_for("merging.compare", contact_id=other_id, other_id=contact_id),
        back_url=url_for("people.show", contact_id=contact_id),
        people_url=url_for("people.index"),
        zone=accounts.brand(workspace_id).time_zone,
    )


def _title(contact_id: UUID) -> str:
    return contacts.title_of(current_actor().workspace_id, contact_id)


def _permissions(workspace_id: UUID, contact_id: UUID, other_id: UUID) -> list[dict[str, str]]:
    """What either has said, and what would stand: one line for each permission, twice where the mailbox decides it."""
    names = {found.id: found.name for found in consent.list_interests(workspace_id, include_archived=True)}
    kept, taken = (
        consent_service.preview(workspace_id, contact_id, other_id, takes_mailbox=takes) for takes in (False, True)
    )
    lines = []
    for subject, both in kept.items():
        purpose, channel, interest_id = subject
        title = names.get(interest_id, "Everything") if interest_id else "Everything"
        if purpose == Purpose.TRACKING:
            title = "What we may see of opens and clicks"
        result, otherwise = _word(both.result), _word(taken[subject].result)
        lines.append(
            {
                "title": title,
                "channel": channel,
                "own": _word(both.own),
                "other": _word(both.other),
                "result": result,
                "state": both.result.state if both.result and _lives(both.result) else State.NO.value,
                "otherwise": otherwise if otherwise != result else "",
            }
        )
    return lines


def _lives(said: Said) -> bool:
    return said.valid_until is None or said.valid_until > clock.now()


def _word(said: Said | None) -> str:
    if said is None:
        return "nothing said"
    if said.level is not None:
        return _LEVELS[Level(said.level)] if said.state == State.YES else _LEVELS[Level.NONE]
    if said.state == State.YES and not _lives(said):
        return "ended"
    if said.state == State.YES and said.valid_until is not None:
        return f"yes, until {i18n.day(said.valid_until)}"
    return said.state


def _vetoes(workspace_id: UUID, contact_id: UUID, other_id: UUID) -> list[str]:
    """What stands against writing to either, one sentence each: it stands for both afterwards."""
    sentences = []
    for reach in (found for one in (contact_id, other_id) for found in consent.list_reach(workspace_id, one)):
        if reach.objected_at is not None:
            sentences.append(f"Stopped everything by {reach.channel}.")
        if reach.suppressed_reason == "bounce":
            sentences.append("One of the mailboxes does not exist. It counts if you keep that address.")
        elif reach.suppressed_at is not None:
            sentences.append(f"Must not be written to by {reach.channel}: {reach.suppressed_reason}.")
        if reach.paused_until is not None and reach.paused_until > clock.now():
            sentences.append(f"On pause until {i18n.day(reach.paused_until)}.")
        if reach.digest is not None:
            sentences.append(f"Wants one mail instead of many: {reach.digest}.")
    return list(dict.fromkeys(sentences))


@blueprint.get("/people/merges/<uuid:merge_id>/undo")
@guards.member("people.write")
def ask_undo(merge_id: UUID) -> str:
    """What taking a merge back does, and the button."""
    return _undo_page(merge_id)


@blueprint.post("/people/merges/<uuid:merge_id>/undo")
@guards.member("people.write")
def undo(merge_id: UUID) -> Response:
    """Take it back."""
    actor = current_actor()
    posted(Nothing())
    found = queries.get_merge(actor.workspace_id, merge_id)
    try:
        service.undo(actor.workspace_id, merge_id, by=_staff(actor))
    except Conflict as problem:
        return make_response(_undo_page(merge_id, problem.detail), problem.status)
    return redirect(url_for("people.show", contact_id=found.survivor_id), 303)


def _undo_page(merge_id: UUID, fault: str = "") -> str:
    workspace_id = current_actor().workspace_id
    found = queries.get_merge(workspace_id, merge_id)
    if found.undone_at is not None:
        raise Conflict("This merge was taken back before.")
    known = contacts.list_addresses(workspace_id, [found.merged_id])
    merged = contacts.get_contact(workspace_id, found.merged_id)
    return render_template(
        "merging/undo.html",
        title=_title(found.survivor_id),
        other=merged.name or (known[0].address if known else "Somebody"),
        at=found.merged_at,
        fault=fault or queries.why_not_undone(workspace_id, found),
        action=url_for("merging.undo", merge_id=merge_id),
        back_url=url_for("people.show", contact_id=found.survivor_id),
        people_url=url_for("people.index"),
        zone=accounts.brand(workspace_id).time_zone,
    )
