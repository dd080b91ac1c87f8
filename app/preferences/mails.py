"""The mails that answer a reader's own act. The worker chooses which one, so that a page never shows who is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flask import current_app

from app.consent import history
from app.consent import queries as consent
from app.consent.rules import Kind as EventKind
from app.consent.rules import RequestState, State
from app.delivery.service import Prepared, ReaderLinks, Skip, SystemMail, SystemMessage
from app.kernel import i18n
from app.kernel.i18n import gettext as _
from app.preferences import links, queries, service
from app.preferences.queries import Reader

if TYPE_CHECKING:
    from app.consent.models import ConsentRequest, Interest


def _url(path: str) -> str:
    """A link of this installation; never made from a request, whose host somebody else may have chosen."""
    return f"{current_app.config['NOD'].url}{path}"


def links_of(permission_id: UUID, reach_id: UUID) -> ReaderLinks:
    """Where the reader of a letter leaves, chooses, and learns why: the pages of this room."""
    url = current_app.config["NOD"].url
    return ReaderLinks(
        unsubscribe=f"{url}/u/{links.unsubscribe(links.Kind.PERMISSION, permission_id)}",
        preferences=f"{url}/p/{links.preferences(reach_id)}",
        why=f"{url}/w/{links.why(permission_id)}",
    )


def prepare_confirm(message: SystemMessage) -> Prepared | Skip:
    """The question; or "you already said yes" to somebody who did; or nothing, when one mailbox is asked too often."""
    request = consent.find_request(message.dedupe)
    if request is None or request.state != RequestState.OPEN or queries.is_over(request):
        return Skip("The question was answered or called off before its mail went out.")
    reader = queries.get_reader(request.workspace_id, request.contact_id)
    if not reader.address:
        return Skip("The person was erased.")
    if not queries.is_mailed(request):
        return Skip(
            "This mailbox was asked a short while ago: at most one question in 24 hours, three in 30 days."
        )
    with _speaking(request.language):
        if queries.is_known(request):
            return _already_subscribed(request, reader)
        return _question(request, reader, message.data.get("form"))


def _question(request: ConsentRequest, reader: Reader, form: str | None) -> Prepared:
    topics = queries.list_asked(request)
    return Prepared(
        to=reader.address,
        template="confirm",
        language=request.language,
        values=_values(reader)
        | {
            "request": _asked(request, reader, topics),
            "links": {
                "confirm": _url(f"/c/{consent.confirm_token(request)}"),
                "decoy": _url(f"/d/{links.decoy(request.id)}"),
            },
        },
        unsubscribe_url=_url(f"/u/{links.unsubscribe(links.Kind.REQUEST, request.id)}"),
        extra_headers=form_header(form, request),
    )


def _already_subscribed(request: ConsentRequest, reader: Reader) -> Prepared:
    topics = queries.list_asked(request)
    return Prepared(
        to=reader.address,
        template="already-subscribed",
        language=request.language,
        values=_values(reader)
        | {"request": _asked(request, reader, topics), "links": {"preferences": _preferences_url(reader)}},
        unsubscribe_url=_unsubscribe_all(reader),
        extra_headers=form_header(None, request),
    )


def form_header(form: str | None, request: ConsentRequest) -> tuple[tuple[str, str], ...]:
    """Says that a web form caused this mail (draft-levine-mailbomb-header), so that receivers can brake floods.

    Nothing where staff put the question: no form did.

    A tag list as in DKIM: version, time of the post in Unix seconds, the form's public id. No personal value.
    """
    if queries.asked_by(request) == "staff":
        return ()
    tags = [f"v=1; t={int(request.created_at.timestamp())}", *([f"id={form}"] if form else [])]
    return (("Form-Sub", "; ".join(tags)),)


def prepare_welcome(message: SystemMessage) -> Prepared | Skip:
    """The receipt of a yes; whoever says yes a second time has one already."""
    request = consent.find_request(message.dedupe)
    if request is None:
        return Skip("The question is gone.")
    reader = queries.get_reader(request.workspace_id, request.contact_id)
    said = _said_yes(request)
    if said is None or said.kind is not EventKind.CONFIRMED:
        return Skip("Nothing new was permitted.")
    states = consent.choices(request.workspace_id, request.contact_id).interests
    topics = [found for found in queries.list_asked(request) if states.get(found.id) is State.YES]
    if not topics or not reader.address:
        return Skip("The person has left again.")
    zone = reader.brand.time_zone
    with _speaking(request.language):
        return Prepared(
            to=reader.address,
            template="welcome",
            language=request.language,
            values=_values(reader)
            | {
                "request": _asked(request, reader, topics),
                "form": {"welcome": service.welcome_words(request)},
                "permission": {"date": i18n.day(said.at, zone), "time": i18n.minute(said.at, zone)},
                "links": {
                    "preferences": _preferences_url(reader),
                    "unsubscribe": _url(f"/u/{links.unsubscribe(links.Kind.REQUEST, request.id)}"),
                },
            },
            unsubscribe_url=_url(f"/u/{links.unsubscribe(links.Kind.REQUEST, request.id)}"),
        )


def prepare_private_link(message: SystemMessage) -> Prepared | Skip:
    """The link of the private page, good for an hour from the wish."""
    reader = _reader_of(message)
    if not reader.address:
        return Skip("The person was erased.")
    person = links.Person(reader.workspace_id, reader.contact_id)
    token = links.private(person, message.created_at + links.PRIVATE_FOR)
    with _speaking(reader.language):
        return Prepared(
            to=reader.address,
            template="preferences-link",
            language=reader.language,
            values=_values(reader)
            | {
                "request": {"time": i18n.minute(message.created_at, reader.brand.time_zone)},
                "links": {"preferences_private": _url(f"/my/{token}")},
            },
            unsubscribe_url=_unsubscribe_all(reader),
        )


def prepare_left_notice(message: SystemMessage) -> Prepared | Skip:
    """Says that somebody is out, with a way back for somebody whose friend pressed the link of a forwarded mail."""
    reader = _reader_of(message)
    event_id, interest_id = UUID(message.data["event"]), UUID(message.data["interest"])
    interests = consent.get_interests(message.workspace_id, [interest_id])
    states = consent.choices(reader.workspace_id, reader.contact_id).interests
    if not reader.address or not interests or states.get(interest_id) is not State.NO:
        return Skip("The person has come back.")
    what = links.Undo(reader.workspace_id, reader.contact_id, event_id)
    token = links.undo(what, message.created_at + links.UNDO_BY_MAIL)
    with _speaking(reader.language):
        return Prepared(
            to=reader.address,
            template="left-notice",
            language=reader.language,
            values=_values(reader)
            | {
                "topic": {"name": interests[0].name},
                "request": {"time": i18n.minute(message.created_at, reader.brand.time_zone)},
                "links": {"undo": _url(f"/u/{token}/undo")},
            },
            unsubscribe_url=_unsubscribe_all(reader),
        )


SYSTEM_MAILS = (
    SystemMail("confirm", prepare_confirm, "The question to confirm"),
    SystemMail("welcome", prepare_welcome, "The receipt of a yes"),
    SystemMail("preferences-link", prepare_private_link, "The private link to one's choices"),
    SystemMail("left-notice", prepare_left_notice, "The notice of having left"),
)


@contextmanager
def _speaking(language: str) -> Iterator[None]:
    before = i18n.current()
    i18n.use(language)
    try:
        yield
    finally:
        i18n.use(before)


def _reader_of(message: SystemMessage) -> Reader:
    if message.contact_id is None:
        raise ValueError("This mail goes to a contact.")
    return queries.get_reader(message.workspace_id, message.contact_id)


def _said_yes(request: ConsentRequest) -> history.HistoryEntry | None:
    for entry in history.list_history(request.workspace_id, request.contact_id, limit=50):
        if entry.body.get("asked_by") == str(request.event_id) and entry.kind in {
            EventKind.CONFIRMED,
            EventKind.RE_CONFIRMED,
        }:
            return entry
    return None


def _values(reader: Reader) -> dict[str, Any]:
    brand = reader.brand
    return {
        "contact": {"first_name": reader.first_name, "last_name": "", "email": reader.address},
        "brand": {
            "name": brand.name,
            "short_name": brand.short_name,
            "site": brand.site or "",
            "logo": brand.logo_url or "",
            "postal_address": ", ".join(brand.postal_address.splitlines()),
        },
        "mail": {
            "reason": _(
                "You get this one mail because of a request with your address. It holds no advertising and reports "
                "nothing back."
            )
        },
    }


def _asked(request: ConsentRequest, reader: Reader, topics: Sequence[Interest]) -> dict[str, Any]:
    zone = reader.brand.time_zone
    return {
        "date": i18n.day(request.created_at, zone),
        "time": i18n.minute(request.created_at, zone),
        "asked_by": queries.asked_by(request),
        "site": queries.site_of(request) or queries.site(_url("/")),
        "expires": i18n.instant(request.expires_at, zone),
        "topics": [{"name": found.name, "pace": found.pace} for found in topics],
        "topic_names": _join([found.name for found in topics]),
    }


def _join(names: Sequence[str]) -> str:
    """Names in one line: a, b and c."""
    if len(names) < 2:
        return "".join(names)
    return _("%(names)s and %(last)s") % {"names": ", ".join(names[:-1]), "last": names[-1]}


def _preferences_url(reader: Reader) -> str:
    reach = consent.find_reach(reader.workspace_id, reader.contact_id)
    return _url(f"/p/{links.preferences(reach.id)}") if reach else _url("/")


def _unsubscribe_all(reader: Reader) -> str | None:
    reach = consent.find_reach(reader.workspace_id, reader.contact_id)
    return _url(f"/u/{links.unsubscribe(links.Kind.REACH, reach.id)}") if reach else None
