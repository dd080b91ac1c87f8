"""The person's own receipt: what stands in the ledger about them, to print, and the same evidence file that staff get."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, make_response, render_template, url_for

from app.consent import history
from app.consent import queries as consent
from app.consent.rules import State
from app.evidence import queries as evidence
from app.kernel import clock
from app.kernel.http import guards
from app.kernel.i18n import gettext as _
from app.preferences import queries
from app.preferences.pages import shown
from app.preferences.pages.centre import reader_of
from app.preferences.pages.choices import tracking_words
from app.preferences.pages.shown import blueprint
from app.preferences.queries import Reader


@blueprint.get("/my/<token>/receipt")
@guards.public
def receipt(token: str) -> Response:
    """The receipt as a page; it prints on A4."""
    reader, over = reader_of(token)
    if over is not None:
        return over
    return make_response(_page(reader, token))


@blueprint.get("/my/<token>/receipt.json")
@guards.public
def receipt_file(token: str) -> Response:
    """The evidence file."""
    reader, over = reader_of(token)
    if over is not None:
        return over
    found = evidence.evidence(reader.workspace_id, reader.contact_id)
    return _saved(found.file, "application/json", "receipt.json")


@blueprint.get("/my/<token>/receipt.pdf")
@guards.public
def receipt_paper(token: str) -> Response:
    """The same on paper."""
    reader, over = reader_of(token)
    if over is not None:
        return over
    paper = evidence.pdf(reader.workspace_id, reader.contact_id)
    return _saved(paper, "application/pdf", "receipt.pdf")


def _saved(file: bytes, content_type: str, name: str) -> Response:
    made = Response(file, content_type=content_type)
    made.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return made


def _page(reader: Reader, token: str) -> str:
    chosen = consent.choices(reader.workspace_id, reader.contact_id)
    reach = consent.find_reach(reader.workspace_id, reader.contact_id)
    entries = history.list_history(reader.workspace_id, reader.contact_id)
    in_force = [found for found, state in chosen.interests.items() if state is State.YES]
    if reach is not None and (reach.objected_at or reach.suppressed_at):
        in_force = []
    return render_template(
        "preferences/receipt.html",
        **shown.shell(reader),
        name=reader.first_name,
        address=reader.address,
        printed_at=clock.now(),
        topics=shown.names(consent.get_interests(reader.workspace_id, in_force)) if in_force else "",
        tracking=tracking_words(chosen.tracking)[0],
        words=_words(reader.workspace_id, entries),
        events=[_event(entry) for entry in reversed(entries)],
        back_url=url_for("preferences.centre", token=token),
        file_url=url_for("preferences.receipt_file", token=token),
        paper_url=url_for("preferences.receipt_paper", token=token),
        verifier_url=url_for("evidence.verifier"),
    )


def _words(workspace_id: UUID, entries: list[history.HistoryEntry]) -> list[dict[str, Any]]:
    """The wordings that were shown, each once, newest first."""
    ids = dict.fromkeys(found["id"] for entry in entries for found in entry.body.get("texts") or ())
    texts = [consent.get_text(workspace_id, UUID(found)) for found in ids]
    return [
        {"text": text.body, "version": text.version, "language": text.language, "sha256": text.sha256.hex(),
         "is_long": text.kind == "privacy"}
        for text in texts
    ]  # fmt: skip


def _event(entry: history.HistoryEntry) -> dict[str, Any]:
    told = entry.personal
    page = str((entry.body.get("page") or {}).get("url") or "")
    seconds = told.get("seconds_since_mail")
    parts = [
        ", ".join(entry.interests),
        queries.site(page),
        told.get("accepted"),
        told.get("message_id"),
        *([] if entry.actor == "guardian" else [told.get("ip"), told.get("user_agent")]),
        _("%(seconds)s seconds after the mail") % {"seconds": seconds} if seconds is not None else "",
    ]
    return {
        "at": f"{entry.at:%Y-%m-%d %H:%M:%S}",
        "state": entry.word.value if entry.word else "open",
        "verb": shown.verb(entry),
        "proof": [str(part) for part in parts if part],
        "id": str(entry.event_id),
    }
