"""What all readers' pages need: who it is about, their words and language, the proof of the act."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flask import Blueprint, request, url_for

from app.consent import history
from app.consent import queries as consent
from app.consent.rules import Channel, Proof
from app.consent.rules import Kind as EventKind
from app.delivery import queries as delivery
from app.kernel import i18n
from app.kernel.errors import NotFound
from app.kernel.i18n import gettext as _
from app.preferences import links, queries
from app.preferences.queries import Reader

if TYPE_CHECKING:
    from app.consent.models import ConsentRequest, Interest

blueprint = Blueprint("preferences", __name__, template_folder="../templates")


def reader(workspace_id: UUID, contact_id: UUID) -> Reader:
    """The reader, and from here on their language."""
    found = queries.get_reader(workspace_id, contact_id)
    i18n.use(found.language)
    return found


def speak_request(asked: ConsentRequest) -> Reader:
    """The person of a request, spoken to in the language they were asked in."""
    found = queries.get_reader(asked.workspace_id, asked.contact_id)
    i18n.use(asked.language)
    return found


def reader_of_reach(reach_id: UUID) -> Reader:
    """The person behind a reach; NotFound when there is none."""
    reach = consent.find_reach_by_id(reach_id)
    if reach is None:
        raise NotFound
    return reader(reach.workspace_id, reach.contact_id)


def shell(reader: Reader, language: str = "") -> dict[str, Any]:
    """What every page shows around its own words."""
    return {
        "brand": reader.brand,
        "lang": language or i18n.current(),
        "dir": i18n.direction(language or i18n.current()),
        "zone": reader.brand.time_zone,
    }


def sender(reader: Reader) -> dict[str, Any]:
    """Who our mail comes from, so that it can be found in the inbox."""
    found = delivery.sender_of(reader.workspace_id)
    if found is None:
        return {"sender": {"name": reader.brand.name, "address": reader.brand.contact_email or ""}}
    return {"sender": {"name": found.name, "address": found.address}}


def preferences_url(reader: Reader) -> str | None:
    """Where this person asks for their private page."""
    reach = consent.find_reach(reader.workspace_id, reader.contact_id)
    return url_for("preferences.request_page", token=links.preferences(reach.id)) if reach else None


def topics(interests: Sequence[Interest], channel: str = Channel.EMAIL) -> list[dict[str, str]]:
    """Interests as the templates list them; those on paper say so."""
    on_paper = _(", on paper") if channel == Channel.POST else ""
    return [{"name": found.name + on_paper, "note": found.pace} for found in interests]


def names(interests: Sequence[Interest]) -> str:
    """Interests in one line."""
    return ", ".join(found.name for found in interests)


def proof(token: str, *, seconds_since_mail: int | None = None, verdict: str = "") -> Proof:
    """The act as it came over the wire; of the token only so much that it cannot be used again."""
    return Proof(
        ip=request.remote_addr or "",
        user_agent=request.headers.get("User-Agent", "")[:400],
        http_method=request.method,
        token_id=token[:8],
        seconds_since_mail=seconds_since_mail,
        verdict=verdict,
    )


def _changed(entry: history.HistoryEntry) -> str:
    if entry.body.get("undoes"):
        return _("Took leaving back")
    if entry.body.get("pace"):
        return _("Chose how often")
    if entry.body.get("address"):
        return _("Confirmed a new address")
    return _("Chose what we may see")


def verb(entry: history.HistoryEntry) -> str:
    """What an event was, in the reader's language."""
    if entry.kind is EventKind.CHANGED:
        return _changed(entry)
    return {
        EventKind.REQUESTED: _("Asked"),
        EventKind.DOI_MAIL_SENT: _("Question mailed"),
        EventKind.AUTHORISED: _("A guardian said yes"),
        EventKind.CONFIRMED: _("Said yes"),
        EventKind.RE_CONFIRMED: _("Said yes again"),
        EventKind.WITHDRAWN: _("Said no"),
        EventKind.OBJECTED: _("Stopped everything"),
        EventKind.EXPIRED: _("Did not answer"),
        EventKind.IMPORTED: _("Brought in from elsewhere"),
        EventKind.CORRECTED: _("Corrected"),
        EventKind.SUPPRESSED: _("Must not be written to"),
        EventKind.CANCELLED: _("Called the question off"),
        EventKind.ERASED: _("Erased"),
        EventKind.GRANTED: _("Another ground was entered"),
        EventKind.LAPSED: _("Ended by itself"),
        EventKind.MERGED: _("Two entries of yours were merged"),
        EventKind.UNMERGED: _("They were parted again"),
    }[entry.kind]
