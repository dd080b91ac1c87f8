"""The mails behind a person's own wishes: another address, their data, erasure, what they missed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from app.consent import queries as consent
from app.delivery.service import Prepared, Skip, SystemMail, SystemMessage
from app.kernel import i18n
from app.preferences import digests, guardians, links, moving, queries
from app.preferences.mails import (
    asked_values,
    form_header,
    preferences_url,
    reader_of,
    speaking,
    unsubscribe_all,
    url,
    values_of,
)


def prepare_address_change(message: SystemMessage) -> Prepared | Skip:
    """The question to a new address; until it is answered there the old one stays."""
    change = moving.find(message.dedupe)
    if change is None or not change.raw or not moving.is_open(change):
        return Skip("The wish for another address was answered or called off before its mail went out.")
    reader = queries.get_reader(change.workspace_id, change.contact_id)
    if not reader.address:
        return Skip("The person was erased.")
    zone = reader.brand.time_zone
    with speaking(reader.language):
        return Prepared(
            to=moving.address_of(change),
            template="address-change",
            language=reader.language,
            values=values_of(reader)
            | {
                "request": {"old_masked": reader.masked, "expires": i18n.instant(change.expires_at, zone)},
                "links": {
                    "confirm": url(f"/a/{links.address(change.id)}"),
                    "decoy": url(f"/d/address/{links.address_decoy(change.id)}"),
                },
            },
            # Who never asked for it is not on any list of ours: leaving this mail unanswered is enough.
            unsubscribe_url=None,
        )


def prepare_data_link(message: SystemMessage) -> Prepared | Skip:
    """The link to a person's data, good for an hour from the wish."""
    return _own_link(message, "export-ready", "export", "/data/", links.data)


def prepare_erase_link(message: SystemMessage) -> Prepared | Skip:
    """The link that erases, good for an hour from the wish."""
    return _own_link(message, "erase-confirm", "erase", "/erase/", links.erase)


def _own_link(
    message: SystemMessage, template: str, name: str, path: str, sign: Callable[[links.Person, datetime], str]
) -> Prepared | Skip:
    reader = reader_of(message)
    if not reader.address:
        return Skip("The person was erased.")
    person = links.Person(reader.workspace_id, reader.contact_id)
    token = sign(person, message.created_at + links.PRIVATE_FOR)
    with speaking(reader.language):
        return Prepared(
            to=reader.address,
            template=template,
            language=reader.language,
            values=values_of(reader) | {"links": {name: url(path + token)}},
            unsubscribe_url=unsubscribe_all(reader),
        )


def prepare_guardian(message: SystemMessage) -> Prepared | Skip:
    """The question about a child, to whoever answers for it."""
    request = consent.find_request(message.dedupe)
    guardian = guardians.find(message.dedupe)
    if request is None or guardian is None or queries.is_over(request) or guardian.said_at:
        return Skip("The question was answered or called off before its mail went out.")
    reader = queries.get_reader(request.workspace_id, request.contact_id)
    if not reader.address or not guardian.address or not guardian.folded:
        return Skip("The person was erased, or the guardian is forgotten.")
    if not guardians.may_be_mailed(guardian):
        return Skip("This address bounced, complained or said never.")
    if not queries.is_mailed(request, folded=guardian.folded):
        return Skip("This mailbox was asked a short while ago.")
    topics = queries.list_asked(request)
    with speaking(request.language):
        return Prepared(
            to=guardian.address,
            template="confirm-guardian",
            language=request.language,
            values=values_of(reader)
            | {
                "request": asked_values(request, reader, topics) | {"old_masked": reader.masked},
                "links": {
                    "confirm": url(f"/g/{links.guardian(request.id)}"),
                    "decoy": url(f"/d/{links.decoy(request.id)}"),
                },
            },
            unsubscribe_url=url(f"/u/{links.unsubscribe(links.Kind.REQUEST, request.id)}"),
            extra_headers=form_header(message.data.get("form"), request),
        )


def prepare_digest(message: SystemMessage) -> Prepared | Skip:
    """What somebody missed between two moments; the gate is asked about it when it begins."""
    reader = reader_of(message)
    since, until = (datetime.fromisoformat(message.data[name]) for name in ("since", "until"))
    missed = digests.list_missed(reader.workspace_id, reader.contact_id, since, until)
    if not reader.address or not missed:
        return Skip("Nothing was missed.")
    zone = reader.brand.time_zone
    with speaking(reader.language):
        return Prepared(
            to=reader.address,
            template="digest",
            language=reader.language,
            values=values_of(reader)
            | {
                "digest": {
                    "since": i18n.day(since, zone),
                    "until": i18n.day(until, zone),
                    "letters": [
                        {"title": found.title, "date": i18n.day(found.at, zone), "url": found.url} for found in missed
                    ],
                },
                "mail": {"reason": digests.reason(reader.brand.short_name)},
                "links": {"preferences": preferences_url(reader), "unsubscribe": unsubscribe_all(reader) or ""},
            },
            unsubscribe_url=unsubscribe_all(reader),
        )


SYSTEM_MAILS = (
    SystemMail("address-change", prepare_address_change, "The question to a new address"),
    SystemMail("export-ready", prepare_data_link, "The link to one's data"),
    SystemMail("erase-confirm", prepare_erase_link, "The link that erases"),
    SystemMail("confirm-guardian", prepare_guardian, "The question to a guardian"),
    SystemMail("digest", prepare_digest, "The digest of what was missed"),
)
