"""A person's evidence file for staff, the page that says where signed days go, and what third parties need."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.accounts import queries as accounts
from app.accounts.rules import acts
from app.consent import proofs
from app.evidence import exporting, queries, rules, service
from app.evidence.answers import as_json, as_pdf, as_program
from app.evidence.document import day_of
from app.evidence.models import SealTarget
from app.evidence.rules import TargetKind
from app.evidence.schemas import NewTarget, Nothing
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted

blueprint = Blueprint("evidence", __name__, template_folder="templates")
KINDS = {
    TargetKind.FOLDER: "A folder on this machine",
    TargetKind.MAIL: "A mailbox",
    TargetKind.WEBHOOK: "A web address",
}


@blueprint.get("/people/<uuid:contact_id>/evidence.pdf")
@guards.member("people.read")
def person_pdf(contact_id: UUID) -> Response:
    """A person's evidence file on paper; that it was taken is written down."""
    return as_pdf(queries.pdf(_noted(contact_id), contact_id), contact_id)


@blueprint.get("/people/<uuid:contact_id>/evidence.json")
@guards.member("people.read")
def person_json(contact_id: UUID) -> Response:
    """The file itself, for programs and for ``verifier.py``."""
    return as_json(queries.evidence(_noted(contact_id), contact_id).file, contact_id)


def _noted(contact_id: UUID) -> UUID:
    actor = current_actor()
    service.record_reading(actor.workspace_id, contact_id, by=acts.user(actor.id))
    return actor.workspace_id


@blueprint.get("/proof/verifier.py")
@guards.untouched
def verifier() -> Response:
    """The program with which anybody checks an evidence file."""
    return as_program((Path(__file__).parent / "verifier.py").read_bytes())


@blueprint.get("/proof/key")
@guards.untouched
def key() -> Response:
    """The public half of the key that signs days and evidence files."""
    _, public_key = proofs.sign(b"")
    return Response(public_key.hex() + "\n", content_type="text/plain; charset=utf-8")


@blueprint.get("/settings/proof")
@guards.member("settings.read")
def proof() -> str:
    """The key, the newest signed day, and where signed days go."""
    return _page()


@blueprint.get("/settings/proof/days.json")
@guards.member("settings.read")
def days() -> Response:
    """All signed days, to be kept by hand."""
    workspace_id = current_actor().workspace_id
    signed = [day_of(found) for found in proofs.list_signatures(workspace_id, limit=100_000)]
    document = rules.days_document(workspace_id, accounts.brand(workspace_id).name, signed)
    made = Response(rules.text_of(document), content_type="application/json; charset=utf-8")
    made.headers["Content-Disposition"] = 'attachment; filename="signed-days.json"'
    return made


@blueprint.post("/settings/proof")
@guards.member("settings.write")
def add_target() -> AnyResponse:
    """Send signed days to one more place."""
    actor = current_actor()
    try:
        given = posted(NewTarget())
        address = rules.address_of(given["kind"], given["address"])
        service.add_target(actor.workspace_id, given["kind"], address, by=actor.id)
    except BadInput as problem:
        return make_response(_page(request.form, problem.fields), problem.status)
    except Conflict as problem:
        return make_response(_page(request.form, {"address": problem.detail}), problem.status)
    return redirect(url_for("evidence.proof"), 303)


@blueprint.post("/settings/proof/<uuid:target_id>/remove")
@guards.member("settings.write")
def remove_target(target_id: UUID) -> AnyResponse:
    """Send nothing there any more."""
    posted(Nothing())
    actor = current_actor()
    service.remove_target(actor.workspace_id, target_id, by=actor.id)
    return redirect(url_for("evidence.proof"), 303)


@blueprint.post("/settings/proof/<uuid:target_id>/try")
@guards.member("settings.write")
def try_target(target_id: UUID) -> AnyResponse:
    """Try a place again at once."""
    posted(Nothing())
    service.try_target(current_actor().workspace_id, target_id)
    return redirect(url_for("evidence.proof"), 303)


def _page(values: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None) -> str:
    actor = current_actor()
    newest = proofs.newest_signature(actor.workspace_id)
    _, public_key = proofs.sign(b"")
    return render_template(
        "evidence/proof.html",
        key=public_key.hex(),
        newest=newest,
        days_url=url_for("evidence.days"),
        verifier_url=url_for("evidence.verifier"),
        targets=[_target(found) for found in queries.list_targets(actor.workspace_id)],
        may_write=actor.may("settings.write"),
        add_action=url_for("evidence.add_target"),
        kinds=[(kind.value, label) for kind, label in KINDS.items()],
        values=values or {},
        errors=errors or {},
        zone=accounts.brand(actor.workspace_id).time_zone,
    )


def _target(found: SealTarget) -> dict[str, Any]:
    where = found.address
    if found.kind == TargetKind.FOLDER:
        where = str(exporting.root() / str(found.workspace_id) / found.address)
    return {
        "kind": KINDS[TargetKind(found.kind)],
        "address": where,
        "last_day": found.last_day,
        "last_success_at": found.last_success_at,
        "faults": found.faults,
        "fault": found.fault,
        "due_at": found.due_at,
        "try_action": url_for("evidence.try_target", target_id=found.id),
        "remove_action": url_for("evidence.remove_target", target_id=found.id),
    }
