"""The pages of tags: the list of the workspace, and what one person carries."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.accounts.rules import acts
from app.contacts import queries as contacts
from app.contacts.rules import fold_name
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted
from app.tags import queries, rules, schemas, service

blueprint = Blueprint("tags", __name__, template_folder="templates")


@blueprint.get("/people/tags")
@guards.member("people.read")
def index() -> str:
    """The list, with how many people carry each; ``page`` goes on."""
    return _list()


@blueprint.post("/people/tags/<uuid:tag_id>")
@guards.member("people.write")
def rename(tag_id: UUID) -> Response:
    """Write it differently."""
    workspace_id = current_actor().workspace_id
    queries.get_tag(workspace_id, tag_id)
    try:
        word = posted(schemas.Renamed())["word"]
        service.rename(workspace_id, tag_id, word, by=_by())
    except BadInput as problem:
        return make_response(_list(wrong=tag_id, fault=problem.fields.get("word", problem.detail)), problem.status)
    except Conflict as problem:
        return make_response(_list(wrong=tag_id, fault=problem.detail), problem.status)
    return redirect(url_for(".index"), 303)


@blueprint.post("/people/tags/<uuid:tag_id>/remove")
@guards.member("people.write")
def drop(tag_id: UUID) -> Response:
    """Take it out of the list and off everybody."""
    posted(schemas.Nothing())
    service.drop(current_actor().workspace_id, tag_id, by=_by())
    return redirect(url_for(".index"), 303)


@blueprint.get("/people/tags/suggest")
@guards.member("people.read")
def suggest() -> str:
    """Options that begin like what is typed behind the last comma; ``tag``: the input."""
    typed = request.args.get("tag", "")[: rules.MAX_WORD * 4]
    before, comma, last = typed.rpartition(",")
    found = queries.suggest(current_actor().workspace_id, fold_name(" ".join(last.split())))
    return render_template("tags/options.html", words=found, before=f"{before}{comma} " if comma else "")


@blueprint.post("/people/<uuid:contact_id>/tags")
@guards.member("people.write")
def add(contact_id: UUID) -> Response:
    """Put tags on somebody."""
    workspace_id = current_actor().workspace_id
    contacts.get_living(workspace_id, contact_id)
    try:
        # Refused halfway, nothing of it may stay: the page that says why is an answer and commits.
        with session().begin_nested():
            service.add(workspace_id, contact_id, _read(posted(schemas.Given())["tag"]))
    except BadInput as problem:
        return make_response(_person(contact_id, problem.fields), problem.status)
    return _back(contact_id)


@blueprint.post("/people/<uuid:contact_id>/tags/<uuid:tag_id>/remove")
@guards.member("people.write")
def remove(contact_id: UUID, tag_id: UUID) -> Response:
    """Take one off."""
    posted(schemas.Nothing())
    service.remove(current_actor().workspace_id, contact_id, tag_id)
    return _back(contact_id)


def _read(raw: str) -> dict[str, str]:
    try:
        words = rules.read(raw)
    except ValueError as fault:
        raise BadInput(fields={"tag": str(fault)}) from None
    if not words:
        raise BadInput(fields={"tag": "Write a tag."})
    return words


def _back(contact_id: UUID) -> Response:
    return redirect(url_for("people.show", contact_id=contact_id, _anchor="tags"), 303)


def _by() -> acts.By:
    return acts.user(current_actor().id)


def _list(*, wrong: UUID | None = None, fault: str = "") -> str:
    actor = current_actor()
    page = queries.list_tags(actor.workspace_id, request.args.get("page", ""))
    rows = [
        {
            "id": found.id,
            "word": request.form.get("word", "") if found.id == wrong else found.word,
            "title": found.word,
            "people": found.people,
            "fault": fault if found.id == wrong else "",
        }
        for found in page.rows
    ]
    return render_template(
        "tags/list.html",
        rows=rows,
        fault=fault if fault and not any(row["fault"] for row in rows) else "",
        most=queries.COUNTED_UP_TO,
        further_url=url_for(".index", page=page.next_cursor) if page.next_cursor else None,
        may_write=actor.may("people.write"),
        people_url=url_for("people.index"),
    )


def _person(contact_id: UUID, errors: Mapping[str, str]) -> str:
    workspace_id = current_actor().workspace_id
    return render_template(
        "tags/person.html",
        title=contacts.title_of(workspace_id, contact_id),
        contact_id=contact_id,
        value=request.form.get("tag", ""),
        errors=errors,
    )
