"""The list of companies or households, and the form for another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.accounts.rules import acts
from app.groups import queries, schemas, service
from app.groups.pages import WORDS, both, kind_here
from app.groups.rules import Kind
from app.kernel import i18n
from app.kernel.errors import BadInput, Conflict, Problem
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted


@both("")
@guards.member("people.read")
def index() -> str:
    """All by name; ``q`` looks for a name or a whole domain, ``page`` goes on."""
    kind, actor = kind_here(), current_actor()
    query = request.args.get("q", "")[: queries.MAX_QUERY].strip()
    page = queries.list_groups(actor.workspace_id, kind, query, request.args.get("page", ""))
    countries = dict(i18n.countries())

    def turned(cursor: str | None) -> str | None:
        kept: dict[str, Any] = {"q": query} if query else {}
        return url_for(".index", **kept, page=cursor) if cursor else None

    return render_template(
        "groups/list.html",
        words=WORDS[kind],
        kind=kind.value,
        query=query,
        rows=[
            {
                "url": url_for(".show", group_id=found.id),
                "name": found.name,
                "domains": ", ".join(found.domains),
                "country": countries.get(found.country, ""),
                "people": found.people,
            }
            for found in page.rows
        ],
        most=queries.COUNTED_UP_TO,
        newer_url=turned(page.previous_cursor),
        older_url=turned(page.next_cursor),
        may_write=actor.may("people.write"),
        people_url=url_for("people.index"),
    )


@both("/suggest")
@guards.member("people.read")
def suggest() -> str:
    """Options that begin like what is typed; ``name``: the input."""
    typed = request.args.get("name", "")[: queries.MAX_QUERY]
    return render_template(
        "groups/options.html", values=queries.suggest(current_actor().workspace_id, kind_here(), typed)
    )


@both("/new")
@guards.member("people.write")
def new() -> str:
    """The form for one."""
    return form_page({}, {})


@both("/new", "POST")
@guards.member("people.write")
def create() -> Response:
    """Make one; nobody is in it yet."""
    kind, actor = kind_here(), current_actor()
    try:
        made = service.create(actor.workspace_id, kind, posted_details(kind), by=acts.user(actor.id))
    except (BadInput, Conflict) as problem:
        return make_response(form_page(request.form, faults_of(problem)), problem.status)
    return redirect(url_for(".show", group_id=made.id), 303)


def posted_details(kind: Kind) -> Any:
    """What the form says of one."""
    form = schemas.CompanyForm() if kind is Kind.COMPANY else schemas.HouseholdForm()
    return schemas.details_of(posted(form))


def faults_of(problem: Problem) -> dict[str, str]:
    """What to show beside the inputs."""
    return problem.fields or {"": problem.detail}


def form_page(values: Mapping[str, Any], errors: Mapping[str, str], group: Any = None) -> str:
    """The form, for a new one or for one that is here."""
    kind = kind_here()
    return render_template(
        "groups/form.html",
        words=WORDS[kind],
        kind=kind.value,
        group=group,
        values=values,
        errors=errors,
        countries=[("", "Not known"), *i18n.countries()],
        people_url=url_for("people.index"),
    )
