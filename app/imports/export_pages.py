"""The page of exports: ask for a file, watch it being written, have it."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from flask import Response as FlaskResponse
from flask import make_response, redirect, render_template, request, stream_with_context, url_for
from marshmallow import fields, validate
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.accounts import service as accounts_service
from app.accounts.rules import acts
from app.consent import queries as consent
from app.consent.rules import Word
from app.imports import exporting
from app.imports.models import Export
from app.imports.pages import blueprint
from app.kernel.db import transaction
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import Input, posted
from app.segments import queries as segments

_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class ExportForm(Input):
    """What to write, and how."""

    what = fields.String(load_default="people", validate=validate.Length(max=20))
    form = fields.String(load_default="csv", validate=validate.Length(max=20))
    word = fields.String(load_default="", validate=validate.Length(max=20))
    interest = fields.String(load_default="", validate=validate.Length(max=40))
    segment = fields.String(load_default="", validate=validate.Length(max=40))


@blueprint.get("/people/export")
@guards.member("people.write")
def exports() -> str:
    """One's own files, and a form for another one."""
    return _page({})


@blueprint.post("/people/export")
@guards.member("people.write")
def export() -> Response:
    """Begin to write one."""
    actor = current_actor()
    try:
        form = posted(ExportForm())
        exporting.start(
            actor.workspace_id, form["what"], form["form"], by=actor.id, word=form["word"],
            interest=_id(form["interest"], "interest"), segment=_id(form["segment"], "segment"),
        )  # fmt: skip
    except BadInput as problem:
        return make_response(_page(problem.fields), problem.status)
    return redirect(url_for("imports.exports"), 303)


@blueprint.get("/people/export/<uuid:export_id>")
@guards.member("people.write", in_slices=True)
def download(export_id: UUID) -> FlaskResponse:
    """The file, to who asked for it; that it was taken is written down."""
    actor = current_actor()
    with transaction():
        found = exporting.get_export(actor.workspace_id, actor.id, export_id)
        if found.ended_at is None:
            raise Conflict("This file is still being written. Its page shows how far it is.")
        if found.fault:
            raise Conflict(found.fault)
        accounts_service.record(
            "export.taken", by=acts.user(actor.id), workspace_id=actor.workspace_id, of=f"export:{export_id}"
        )
        name = f"{found.what}-{found.created_at:%Y-%m-%d}.{found.form}"
        kind, chunks, octets = _TYPES[found.form], found.chunks, found.octets
    response = FlaskResponse(stream_with_context(exporting.iter_octets(export_id, chunks)), content_type=kind)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Content-Length"] = str(octets)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _id(raw: str, name: str) -> UUID | None:
    try:
        return UUID(raw) if raw else None
    except ValueError:
        raise BadInput(fields={name: "Choose from the list."}) from None


def _page(errors: Mapping[str, str]) -> str:
    actor = current_actor()
    found = exporting.list_exports(actor.workspace_id, actor.id)
    interests = consent.list_interests(actor.workspace_id)
    names = {str(one.id): one.name for one in interests}
    of_segments = {str(segment_id): name for segment_id, name in segments.list_names(actor.workspace_id)}
    return render_template(
        "imports/exports.html",
        rows=[_row(one, names | of_segments) for one in found],
        is_writing=any(one.ended_at is None for one in found),
        whats=[(key, what.label) for key, what in exporting.WHATS.items()],
        forms=list(exporting.FORMS.items()),
        words=[("", "Any permission"), *((word.value, word.value) for word in Word)],
        interests=[("", "Any interest"), *names.items()],
        segments=[("", "Everybody"), *of_segments.items()] if of_segments else [],
        days=exporting.KEPT_DAYS,
        values=request.form,
        errors=errors,
        people_url=url_for("people.index"),
        zone=accounts.brand(actor.workspace_id).time_zone,
    )


def _row(found: Export, names: Mapping[str, str]) -> dict[str, object]:
    about = [names.get(found.which.get(part, ""), "") for part in ("segment", "interest")]
    parts = [exporting.WHATS[found.what].label, found.which.get("word", ""), *about, found.form.upper()]
    return {
        "title": ", ".join(part for part in parts if part),
        "url": url_for("imports.download", export_id=found.id) if found.ended_at and not found.fault else None,
        "fault": found.fault,
        "share": round(100 * min(1, found.rows / found.total), 1) if found.total and not found.ended_at else None,
        "rows": found.rows,
        "octets": found.octets,
        "at": found.created_at,
        "expires_at": found.expires_at,
    }
