"""The workspace's own fields of people: settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.contacts import queries as contacts
from app.contacts import service as contacts_service
from app.contacts.rules import FieldKind
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted
from app.people.pages import blueprint
from app.people.schemas import ChangedField, NewField
from app.segments import queries as segments

if TYPE_CHECKING:
    from app.contacts.models import CustomField

KINDS = {
    FieldKind.TEXT: "Text",
    FieldKind.NUMBER: "Number",
    FieldKind.DATE: "Date",
    FieldKind.CHOICE: "One of several choices",
    FieldKind.MULTI_CHOICE: "Any of several choices",
    FieldKind.BOOLEAN: "Yes or no",
    FieldKind.COUNTRY: "Country",
    FieldKind.MONEY: "Amount of money",
}

_INDEXED = {
    None: "",
    True: "Indexed: segments find people by it without reading everybody.",
    False: "Being indexed for the segments that use it. Until then they read everybody.",
}


@blueprint.get("/settings/fields")
@guards.member("settings.write")
def own_fields() -> str:
    """All fields: those in use, those that are not, and the form for another one."""
    return _page()


@blueprint.post("/settings/fields")
@guards.member("settings.write")
def add_field() -> Response:
    """Add one; its kind never changes afterwards."""
    try:
        given = posted(NewField())
        contacts_service.define_field(
            current_actor().workspace_id,
            given["label"],
            given["kind"],
            key=given["key"],
            choices=given["choices"].split("\n"),
        )
    except BadInput as problem:
        return make_response(_page(values=request.form, errors=problem.fields), problem.status)
    except Conflict as problem:
        return make_response(_page(values=request.form, errors={"key": problem.detail}), problem.status)
    return redirect(url_for("people.own_fields"), 303)


@blueprint.post("/settings/fields/<uuid:field_id>")
@guards.member("settings.write")
def change_field(field_id: UUID) -> Response:
    """Give it another label, or further choices."""
    workspace_id = current_actor().workspace_id
    contacts.get_field(workspace_id, field_id)
    try:
        given = posted(ChangedField())
        further = given["choices"].split("\n")
        contacts_service.change_field(workspace_id, field_id, given["label"], more_choices=further)
    except BadInput as problem:
        return make_response(_page(wrong=field_id, wrong_errors=problem.fields), problem.status)
    return redirect(url_for("people.own_fields"), 303)


@blueprint.post("/settings/fields/<uuid:field_id>/archive")
@guards.member("settings.write")
def archive_field(field_id: UUID) -> Response:
    """Ask for it no longer; what people told stays theirs."""
    contacts_service.archive_field(current_actor().workspace_id, field_id)
    return redirect(url_for("people.own_fields"), 303)


@blueprint.post("/settings/fields/<uuid:field_id>/restore")
@guards.member("settings.write")
def restore_field(field_id: UUID) -> Response:
    """Ask for it again."""
    contacts_service.restore_field(current_actor().workspace_id, field_id)
    return redirect(url_for("people.own_fields"), 303)


def _page(
    *,
    values: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    wrong: UUID | None = None,
    wrong_errors: Mapping[str, str] | None = None,
) -> str:
    workspace_id = current_actor().workspace_id
    known = contacts.list_fields(workspace_id, include_archived=True)
    indexed = segments.indexed_fields(workspace_id)
    return render_template(
        "people/fields.html",
        fields=[
            _row(found, wrong_errors if found.id == wrong else None, indexed.get(found.id))
            for found in known
            if found.archived_at is None
        ],
        archived=[
            {"label": found.label, "restore_action": url_for("people.restore_field", field_id=found.id)}
            for found in known
            if found.archived_at is not None
        ],
        add_action=url_for("people.add_field"),
        kinds=[(kind.value, label) for kind, label in KINDS.items()],
        values=values or {},
        errors=errors or {},
    )


def _row(found: CustomField, errors: Mapping[str, str] | None, is_indexed: bool | None) -> dict[str, Any]:
    return {
        "id": str(found.id),
        "label": request.form.get("label", "") if errors else found.label,
        "key": found.key,
        "kind": KINDS[FieldKind(found.kind)],
        "choices": found.choices,
        "takes_choices": found.kind in {FieldKind.CHOICE, FieldKind.MULTI_CHOICE},
        "is_indexed": is_indexed,
        "indexed": _INDEXED[is_indexed],
        "errors": errors or {},
        "open": errors is not None,
        "save_action": url_for("people.change_field", field_id=found.id),
        "archive_action": url_for("people.archive_field", field_id=found.id),
    }
