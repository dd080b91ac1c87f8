"""The list of those who must not be written to: look, search, enter many, hand out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Response as FlaskResponse
from flask import make_response, render_template, request, url_for
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.accounts import service as accounts_service
from app.accounts.rules import acts
from app.consent import queries as consent
from app.consent import service as consent_service
from app.consent.queries import suppressed
from app.consent.queries.suppressed import Suppressed
from app.consent.rules import Reason
from app.consent.rules.suppressing import HEADS, MAX_ROWS, REASONS, Unread, read
from app.contacts.addresses import AddressError, normalise
from app.kernel import csvs
from app.kernel.errors import BadInput, BadRequest
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted
from app.people.pages import blueprint, staff
from app.people.schemas import SuppressionList

_SOURCES = {"person": "their own act", "staff": "entered here", "system": "told by mail servers", "import": "a list"}
SHOWN_FAULTS = 20


@blueprint.get("/people/suppressed")
@guards.member("people.read")
def list_suppressed() -> str:
    """Everybody, newest first; ``reason`` narrows it, ``q`` asks about one whole address, ``page`` goes on."""
    return _page()


@blueprint.post("/people/suppressed")
@guards.member("people.write")
def enter_suppressed() -> Response:
    """Enter a pasted list or a file; what can be read counts at once, what cannot is named."""
    actor = current_actor()
    try:
        form = posted(SuppressionList())
        rows = _posted_rows(form["addresses"])
    except BadInput as problem:
        return make_response(_page(errors=problem.fields), problem.status)
    listed, unread = read(rows, form["reason"])
    entered = consent_service.enter_list(actor.workspace_id, listed, by=staff(actor))
    counts = {"people": entered.people, "unknown": entered.unknown, "before": entered.before, "unread": len(unread)}
    accounts_service.record(
        "suppressions.entered", by=acts.user(actor.id), workspace_id=actor.workspace_id, detail=counts
    )
    return make_response(_page(entered=counts, unread=unread))


@blueprint.get("/people/suppressed.csv")
@guards.member("people.write")
def export_suppressed() -> FlaskResponse:
    """The whole list as a file; that it was taken is written down."""
    actor = current_actor()
    accounts_service.record("suppressions.exported", by=acts.user(actor.id), workspace_id=actor.workspace_id)
    body = "".join(csvs.write(_lines(suppressed.iter_suppressed(actor.workspace_id))))
    response = make_response(body)
    response.content_type = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = 'attachment; filename="suppressed.csv"'
    return response


def _posted_rows(pasted: str) -> list[tuple[int, list[str]]]:
    file = request.files.get("file")
    raw = file.read() if file and file.filename else b""
    if bool(raw) == bool(pasted):
        fault = "Paste a list or choose a file, not both." if raw else "Write at least one address, or choose a file."
        raise BadInput("There is no one list.", fields={"addresses": fault})
    try:
        return csvs.read(raw or pasted.encode(), MAX_ROWS)
    except csvs.MalformedFile as fault:
        raise BadInput("The list cannot be read.", fields={"addresses": str(fault)}) from None


def _lines(found: Iterator[Suppressed]) -> Iterator[list[str]]:
    yield list(HEADS)
    for one in found:
        yield [
            consent_service.address_behind(one.key, one.address_hash), one.address_hash.hex(), one.channel, one.reason.value, one.since.isoformat(), one.source,
        ]  # fmt: skip


def _page(
    *,
    errors: dict[str, str] | None = None,
    entered: dict[str, int] | None = None,
    unread: list[Unread] | None = None,
) -> str:
    actor = current_actor()
    reason = request.args.get("reason", "")
    if reason and reason not in set(Reason):
        raise BadRequest("Choose one of the reasons offered.")
    page = suppressed.list_suppressed(
        actor.workspace_id, Reason(reason) if reason else None, request.args.get("page", "")
    )
    counts = suppressed.count_suppressed(actor.workspace_id)
    query = request.args.get("q", "").strip()[:320]
    return render_template(
        "people/suppressed.html",
        counts=[(found.value, REASONS[found], counts[found]) for found in Reason if counts[found]],
        total=sum(counts.values()),
        reason=reason,
        reasons=[(found.value, words) for found, words in REASONS.items()],
        query=query,
        found=_search(query) if query else None,
        rows=[_row(one) for one in page.rows],
        newer_url=_turn(page.previous_cursor),
        older_url=_turn(page.next_cursor),
        action=url_for("people.enter_suppressed") if actor.may("people.write") else None,
        export_url=url_for("people.export_suppressed") if actor.may("people.write") else None,
        people_url=url_for("people.index"),
        max_rows=MAX_ROWS,
        values=request.form,
        errors=errors or {},
        entered=entered,
        unread=[(fault.line, fault.fault) for fault in (unread or [])[:SHOWN_FAULTS]],
        more_unread=max(0, len(unread or []) - SHOWN_FAULTS),
        zone=accounts.brand(actor.workspace_id).time_zone,
    )


def _search(query: str) -> dict[str, Any]:
    """What the list says of one address; hashes can only be asked whole."""
    try:
        address = normalise(query)
    except AddressError as fault:
        return {"tone": "stop", "text": f"“{query}” is no whole address. {fault.reason}"}
    found = consent.find_suppression(
        current_actor().workspace_id, consent_service.address_hash(address.key)
    )
    if found is None:
        return {"tone": "info", "text": f"{address.address} is not on the list."}
    words = REASONS[Reason(found.reason)]
    return {"tone": "stop", "text": f"{address.address} is on the list: {words}.", "since": found.created_at}


def _row(one: Suppressed) -> dict[str, Any]:
    return {
        "address": consent_service.address_behind(one.key, one.address_hash),
        "url": url_for("people.show", contact_id=one.contact_id) if one.contact_id else None,
        "hash": one.address_hash.hex()[:12],
        "reason": REASONS[one.reason],
        "is_final": one.reason in {Reason.COMPLAINT, Reason.NEVER},
        "source": _SOURCES.get(one.source, ""),
        "since": one.since,
    }


def _turn(cursor: str | None) -> str | None:
    if cursor is None:
        return None
    kept: dict[str, Any] = {"reason": request.args["reason"]} if request.args.get("reason") else {}
    return url_for("people.list_suppressed", **kept, page=cursor)
