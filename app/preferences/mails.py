"""The mails that answer a reader's own act. The worker chooses which one, so that a page never shows who is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flask import current_app

from app.consent import history
from app.consent import queries as consent
from app.consent.rules import Channel, Renewal, RequestState, State
from app.consent.rules import Kind as EventKind
from app.delivery.service import Prepared, ReaderLinks, ReaderTokens, Skip, SystemMail, SystemMessage
from app.kernel import i18n
from app.kernel.i18n import gettext as _
from app.preferences import guardians, links, queries, service
from app.preferences.queries import Reader

if TYPE_CHECKING:
    from app.consent.models import ConsentRequest, Interest


def url(path: str) -> str:
    """A link of this installation; never made from a request, whose host somebody else may have chosen."""
    return f"{current_app.config['NOD'].url}{path}"


def links_of(permission_id: UUID, reach_id: UUID) -> ReaderLinks:
    """Where the reader of a letter leaves, chooses, and learns why: the pages of this room."""
    base, own = current_app.config["NOD"].url, tokens_of(permission_id, reach_id)
    return ReaderLinks(f"{base}/u/{own.unsubscribe}", f"{base}/p/{own.preferences}", f"{base}/w/{own.why}")


def tokens_of(permission_id: UUID, reach_id: UUID, *, with_why: bool = True) -> ReaderTokens:
    """The last words of these addresses, for those who have the rest already."""
    return ReaderTokens(
        links.unsubscribe(links.Kind.PERMISSION, permission_id),
        links.preferences(reach_id),
        links.why(permission_id) if with_why else "",
    )


def prepare_reminder(message: SystemMessage) -> Prepared | Skip:
    """The question once more, where nobody has answered it and no program has looked at it."""
    request = consent.find_request(message.dedupe)
    if request is None or request.state != RequestState.OPEN or queries.is_over(request):
        return Skip("The question was answered or called off before its reminder went out.")
    reader = queries.get_reader(request.workspace_id, request.contact_id)
    if not reader.address or queries.is_known(request):
        return Skip("The person was erased, or has said yes meanwhile.")
    with speaking(request.language):
        return _question(request, reader, None, is_reminder=True)


def prepare_confirm(message: SystemMessage) -> Prepared | Skip:
    """The question; or "you already said yes" to somebody who did; or nothing, when one mailbox is asked too often."""
    request = consent.find_request(message.dedupe)
    if request is None or request.state != RequestState.OPEN or queries.is_over(request):
        return Skip("The question was answered or called off before its mail went out.")
    reader = queries.get_reader(request.workspace_id, request.contact_id)
    if not reader.address:
        return Skip("The person was erased.")
    if guardians.is_waiting(request.id):
        return Skip("A guardian has not said yes.")
    if not queries.is_mailed(request, folded=reader.folded):
        return Skip(
            "This mailbox was asked a short while ago: at most one question in 24 hours, three in 30 days."
        )
    with speaking(request.language):
        if request.renewal:
            return _renewal(request, reader)
        if queries.is_known(request):
            return _already_subscribed(request, reader)
        return _question(request, reader, message.data.get("form"))


def _question(
    request: ConsentRequest, reader: Reader, form: str | None, *, is_reminder: bool = False
) -> Prepared:
    topics = queries.list_asked(request)
    return Prepared(
        to=reader.address,
        template="confirm",
        language=request.language,
        values=values_of(reader)
        | {
            "request": asked_values(request, reader, topics) | {"is_reminder": "yes" if is_reminder else ""},
            "links": {
                "confirm": url(f"/c/{consent.confirm_token(request)}"),
                "decoy": url(f"/d/{links.decoy(request.id)}"),
            },
        },
        unsubscribe_url=url(f"/u/{links.unsubscribe(links.Kind.REQUEST, request.id)}"),
        extra_headers=form_header(form, request),
    )


def _renewal(request: ConsentRequest, reader: Reader) -> Prepared | Skip:
    """May we go on? One mail that only asks."""
    ends_at = queries.ends_at(request)
    if ends_at is None:
        return Skip("The person has answered, or their permission ends no more.")
    values = values_of(reader)
    values["mail"]["reason"] = _(
        "You get this one mail because our permission to write to you ends soon. It holds no advertising and reports "
        "nothing back."
    )
    unsubscribe = url(f"/u/{links.unsubscribe(links.Kind.REQUEST, request.id)}")
    return Prepared(
        to=reader.address,
        template="renew",
        language=request.language,
        values=values
        | {
            "request": asked_values(request, reader, queries.list_asked(request))
            | {"why": _why_renewed(request, reader, i18n.day(ends_at, reader.brand.time_zone))},
            "links": {
                "confirm": url(f"/c/{consent.confirm_token(request)}"),
                "decoy": url(f"/d/{links.decoy(request.id)}"),
                "unsubscribe": unsubscribe,
            },
        },
        unsubscribe_url=unsubscribe,
    )


def _why_renewed(request: ConsentRequest, reader: Reader, day: str) -> str:
    """Why somebody is asked again, and when our mail ends without an answer."""
    values = {"brand": reader.brand.name, "day": day}
    if request.renewal == Renewal.SILENT:
        return _(
            "%(brand)s has not heard from you for a long time. Without your answer our mail ends on %(day)s."
        ) % values
    if request.renewal == Renewal.WORDS:
        return _(
            "What %(brand)s writes to you about has changed since you said yes. Without your answer our mail ends on"
            " %(day)s."
        ) % values
    return _("So far %(brand)s has written to you without your own yes. That ends on %(day)s.") % values


def _already_subscribed(request: ConsentRequest, reader: Reader) -> Prepared:
    topics = queries.list_asked(request)
    return Prepared(
        to=reader.address,
        template="already-subscribed",
        language=request.language,
        values=values_of(reader)
        | {"request": asked_values(request, reader, topics), "links": {"preferences": preferences_url(reader)}},
        unsubscribe_url=unsubscribe_all(reader),
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
    states = consent.choices(request.workspace_id, request.contact_id, request.channel).interests
    topics = [found for found in queries.list_asked(request) if states.get(found.id) is State.YES]
    if not topics or not reader.address:
        return Skip("The person has left again.")
    zone = reader.brand.time_zone
    with speaking(request.language):
        return Prepared(
            to=reader.address,
            template="welcome",
            language=request.language,
            values=values_of(reader)
            | {
                "request": asked_values(request, reader, topics),
                "form": {"welcome": service.welcome_words(request)},
                "permission": {"date": i18n.day(said.at, zone), "time": i18n.minute(said.at, zone)},
                "links": {
                    "preferences": preferences_url(reader),
                    "unsubscribe": url(f"/u/{links.unsubscribe(links.Kind.REQUEST, request.id)}"),
                },
            },
            unsubscribe_url=url(f"/u/{links.unsubscribe(links.Kind.REQUEST, request.id)}"),
        )


def prepare_private_link(message: SystemMessage) -> Prepared | Skip:
    """The link of the private page, good for an hour from the wish."""
    reader = reader_of(message)
    if not reader.address:
        return Skip("The person was erased.")
    person = links.Person(reader.workspace_id, reader.contact_id)
    token = links.private(person, message.created_at + links.PRIVATE_FOR)
    with speaking(reader.language):
        return Prepared(
            to=reader.address,
            template="preferences-link",
            language=reader.language,
            values=values_of(reader)
            | {
                "request": {"time": i18n.minute(message.created_at, reader.brand.time_zone)},
                "links": {"preferences_private": url(f"/my/{token}")},
            },
            unsubscribe_url=unsubscribe_all(reader),
        )


def prepare_left_notice(message: SystemMessage) -> Prepared | Skip:
    """Says that somebody is out, with a way back for somebody whose friend pressed the link of a forwarded mail."""
    reader = reader_of(message)
    event_id, interest_id = UUID(message.data["event"]), UUID(message.data["interest"])
    interests = consent.get_interests(message.workspace_id, [interest_id])
    states = consent.choices(reader.workspace_id, reader.contact_id).interests
    if not reader.address or not interests or states.get(interest_id) is not State.NO:
        return Skip("The person has come back.")
    what = links.Undo(reader.workspace_id, reader.contact_id, event_id)
    token = links.undo(what, message.created_at + links.UNDO_BY_MAIL)
    with speaking(reader.language):
        return Prepared(
            to=reader.address,
            template="left-notice",
            language=reader.language,
            values=values_of(reader)
            | {
                "topic": {"name": interests[0].name},
                "request": {"time": i18n.minute(message.created_at, reader.brand.time_zone)},
                "links": {"undo": url(f"/u/{token}/undo")},
            },
            unsubscribe_url=unsubscribe_all(reader),
        )


SYSTEM_MAILS = (
    SystemMail("confirm", prepare_confirm, "The question to confirm"),
    SystemMail("confirm-reminder", prepare_reminder, "The question once more"),
    SystemMail("welcome", prepare_welcome, "The receipt of a yes"),
    SystemMail("preferences-link", prepare_private_link, "The private link to one's choices"),
    SystemMail("left-notice", prepare_left_notice, "The notice of having left"),
)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Words of this language inside."""
    before = i18n.current()
    i18n.use(language)
    try:
        yield
    finally:
        i18n.use(before)


def reader_of(message: SystemMessage) -> Reader:
    """The contact that a mail goes to."""
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


def values_of(reader: Reader) -> dict[str, Any]:
    """What every mail of ours may name."""
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


def asked_values(request: ConsentRequest, reader: Reader, topics: Sequence[Interest]) -> dict[str, Any]:
    """What a mail may name of a question."""
    on_paper = _(", on paper") if request.channel == Channel.POST else ""
    zone = reader.brand.time_zone
    return {
        "date": i18n.day(request.created_at, zone),
        "time": i18n.minute(request.created_at, zone),
        "asked_by": queries.asked_by(request),
        "site": queries.site_of(request) or queries.site(url("/")),
        "expires": i18n.instant(request.expires_at, zone),
        "is_reminder": "",
        "topics": [{"name": found.name + on_paper, "pace": found.pace} for found in topics],
        "topic_names": _join([found.name for found in topics]),
    }


def _join(names: Sequence[str]) -> str:
    """Names in one line: a, b and c."""
    if len(names) < 2:
        return "".join(names)
    return _("%(names)s and %(last)s") % {"names": ", ".join(names[:-1]), "last": names[-1]}


def preferences_url(reader: Reader) -> str:
    """Where this person asks for their private page."""
    reach = consent.find_reach(reader.workspace_id, reader.contact_id)
    return url(f"/p/{links.preferences(reach.id)}") if reach else url("/")


def unsubscribe_all(reader: Reader) -> str | None:
    """The link that stops everything; None for somebody who was never reached."""
    reach = consent.find_reach(reader.workspace_id, reader.contact_id)
    return url(f"/u/{links.unsubscribe(links.Kind.REACH, reach.id)}") if reach else None
