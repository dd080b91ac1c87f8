"""One company or household: what is known of it, its people, and who may belong to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.accounts.rules import acts
from app.contacts import queries as contacts
from app.groups import queries, schemas, service
from app.groups.models import Group
from app.groups.pages import WORDS, both, kind_here
from app.groups.pages.listing import faults_of, form_page, posted_details
from app.groups.rules import Kind
from app.kernel import i18n
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted


@both("/<uuid:group_id>")
@guards.member("people.read")
def show(group_id: UUID) -> str:
    """Its page; ``page`` goes on among its people."""
    return one_page(group_id, {})


@both("/<uuid:group_id>/edit")
@guards.member("people.write")
def edit(group_id: UUID) -> str:
    """What is known of it, to be corrected."""
    found = _group(group_id)
    known = queries.details_of(found)
    values = {name: getattr(known, name) for name in ("name", "website", "country", "size", "about")}
    return form_page(values | {"domains": ", ".join(known.domains)}, {}, found)


@both("/<uuid:group_id>/edit", "POST")
@guards.member("people.write")
def save(group_id: UUID) -> Response:
    """Write it down."""
    kind, actor, found = kind_here(), current_actor(), _group(group_id)
    try:
        service.update(actor.workspace_id, kind, group_id, posted_details(kind), by=acts.user(actor.id))
    except (BadInput, Conflict) as problem:
        return make_response(form_page(request.form, faults_of(problem), found), problem.status)
    return redirect(url_for(".show", group_id=group_id), 303)


@both("/<uuid:group_id>/delete", "POST")
@guards.member("people.write")
def remove(group_id: UUID) -> Response:
    """Delete it; its people stay."""
    actor = current_actor()
    _group(group_id)
    posted(schemas.Nothing())
    service.remove(actor.workspace_id, kind_here(), group_id, by=acts.user(actor.id))
    return redirect(url_for(".index"), 303)


def _group(group_id: UUID) -> Group:
    return queries.get_group(current_actor().workspace_id, kind_here(), group_id)


def one_page(group_id: UUID, errors: Mapping[str, str]) -> str:
    """The page, with what somebody wrote where it was refused."""
    kind, actor, found = kind_here(), current_actor(), _group(group_id)
    known = queries.details_of(found)
    page = queries.list_members(actor.workspace_id, group_id, request.args.get("page", ""))
    may_write = actor.may("people.write")
    suggested = queries.suggest_people(actor.workspace_id, known.domains) if may_write else []

    def turned(cursor: str | None) -> str | None:
        return url_for(".show", group_id=group_id, page=cursor) if cursor else None

    return render_template(
        "groups/one.html",
        words=WORDS[kind],
        kind=kind.value,
        group=found,
        facts=_facts(known),
        sums=queries.sums(actor.workspace_id, group_id),
        most=queries.COUNTED_UP_TO,
        rows=page.rows,
        newer_url=turned(page.previous_cursor),
        older_url=turned(page.next_cursor),
        suggested=suggested[: queries.SUGGESTED],
        has_further=len(suggested) > queries.SUGGESTED,
        postal=_postal(actor.workspace_id, page.rows) if kind is Kind.HOUSEHOLD else None,
        may_write=may_write,
        values=request.form,
        errors=errors,
        people_url=url_for("people.index"),
        zone=accounts.brand(actor.workspace_id).time_zone,
    )


def _facts(known: Any) -> list[tuple[str, str]]:
    pairs = [
        ("Domains", ", ".join(known.domains)),
        ("Country", dict(i18n.countries()).get(known.country, "")),
        ("Size", known.size),
    ]
    return [(term, value) for term, value in pairs if value]


def _postal(workspace_id: UUID, members: Any) -> dict[str, Any]:
    """The address that all have who have one, and whether they differ."""
    found = contacts.find_addresses(workspace_id, [member.contact_id for member in members], "post")
    known = sorted({address for _, address in found.values()})
    return {"text": known[0] if len(known) == 1 else "", "differ": len(known) > 1, "known": known}


