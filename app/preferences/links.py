"""The tokens behind every link that a reader gets, one purpose each; nothing here reads the database.

| link | purpose | names | works |
|---|---|---|---|
| ``/c/`` | confirm | a request (``consent.queries.confirm_token``) | once, seven days |
| ``/g/`` | guardian | a request about a child | once, as long as the request |
| ``/d/`` | decoy | a request | for ever, marks it |
| ``/u/`` | unsubscribe | permission, request or reach | for ever: it only says no |
| ``/u/…/undo`` | undo | one event of leaving | an hour on the page, a week by mail |
| ``/p/`` | preferences | a reach | for ever: it only sends a mail or says no |
| ``/my/`` | private | a person | one hour |
| ``/a/`` | address | a wish for another address | once, seven days |
| ``/d/address/`` | decoy | the same | for ever, marks it |
| ``/data/`` | data | a person | one hour |
| ``/erase/`` | erase | a person | one hour |
| ``/w/`` | why | a permission | for ever: shows no address |
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from uuid import UUID

from app.kernel import tokens
from app.kernel.errors import NotFound

PRIVATE_FOR = timedelta(hours=1)
UNDO_ON_PAGE = timedelta(hours=1)
UNDO_BY_MAIL = timedelta(days=7)
_ID = 16


class Kind(Enum):
    """What an unsubscribe link ends."""

    PERMISSION = b"p"
    """One topic."""
    REQUEST = b"r"
    """An open question; once answered, what it gave."""
    REACH = b"c"
    """Everything."""


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """What an unsubscribe token names."""

    kind: Kind
    id: UUID


@dataclass(frozen=True, slots=True)
class Person:
    """Whose private page a token opens."""

    workspace_id: UUID
    contact_id: UUID


@dataclass(frozen=True, slots=True)
class Undo:
    """Which event of leaving may be taken back."""

    workspace_id: UUID
    contact_id: UUID
    event_id: UUID


def unsubscribe(kind: Kind, target_id: UUID) -> str:
    """The token of an unsubscribe link; also RFC 8058's."""
    return tokens.sign("unsubscribe", kind.value + target_id.bytes)


def read_unsubscribe(token: str) -> Unsubscribe:
    """What it names.

    Raises:
        NotFound: not one of ours.
    """
    payload = tokens.verify("unsubscribe", token, size=1 + _ID)
    try:
        return Unsubscribe(Kind(payload[:1]), UUID(bytes=payload[1:]))
    except ValueError:
        raise NotFound from None


def preferences(reach_id: UUID) -> str:
    """The token of the page that mails a private link."""
    return tokens.sign("preferences", reach_id.bytes)


def read_preferences(token: str) -> UUID:
    """The reach that it names, or NotFound."""
    return UUID(bytes=tokens.verify("preferences", token, size=_ID))


def why(permission_id: UUID) -> str:
    """The token of "why am I getting this"."""
    return tokens.sign("why", permission_id.bytes)


def read_why(token: str) -> UUID:
    """The permission that it names, or NotFound."""
    return UUID(bytes=tokens.verify("why", token, size=_ID))


def decoy(request_id: UUID) -> str:
    """The token of the link that no person sees."""
    return tokens.sign("decoy", request_id.bytes)


def read_decoy(token: str) -> UUID:
    """The request that it names, or NotFound."""
    return UUID(bytes=tokens.verify("decoy", token, size=_ID))


def guardian(request_id: UUID) -> str:
    """The token with which a guardian says yes."""
    return tokens.sign("guardian", request_id.bytes)


def read_guardian(token: str) -> UUID:
    """The request that it names, or NotFound."""
    return UUID(bytes=tokens.verify("guardian", token, size=_ID))


def address(change_id: UUID) -> str:
    """The token that confirms a new address."""
    return tokens.sign("address", change_id.bytes)


def read_address(token: str) -> UUID:
    """The wish that it names, or NotFound."""
    return UUID(bytes=tokens.verify("address", token, size=_ID))


def address_decoy(change_id: UUID) -> str:
    """The token of the link beside it that no person sees."""
    return tokens.sign("address decoy", change_id.bytes)


def read_address_decoy(token: str) -> UUID:
    """The wish that it names, or NotFound."""
    return UUID(bytes=tokens.verify("address decoy", token, size=_ID))


def data(person: Person, expires_at: datetime) -> str:
    """The token of the page that hands out everything about a person."""
    return tokens.sign_until("data", person.workspace_id.bytes + person.contact_id.bytes, expires_at)


def read_data(token: str, now: datetime) -> Person:
    """Whose data; Expired or NotFound as ``read_private``."""
    return person_of(tokens.verify_until("data", token, now, size=2 * _ID))


def erase(person: Person, expires_at: datetime) -> str:
    """The token of the page that erases a person."""
    return tokens.sign_until("erase", person.workspace_id.bytes + person.contact_id.bytes, expires_at)


def read_erase(token: str, now: datetime) -> Person:
    """Whom; Expired or NotFound as ``read_private``."""
    return person_of(tokens.verify_until("erase", token, now, size=2 * _ID))


def opened(request_id: UUID, at: datetime) -> str:
    """Says when a page with a confirm button was shown: a field of its form, whole milliseconds."""
    return tokens.sign("confirm opened", int(at.timestamp() * 1000).to_bytes(6, "big") + request_id.bytes)


def read_opened(token: str, request_id: UUID) -> datetime | None:
    """When the page was shown; None where the field is missing or belongs to another question."""
    try:
        payload = tokens.verify("confirm opened", token, size=6 + _ID)
    except NotFound:
        return None
    if payload[6:] != request_id.bytes:
        return None
    return datetime.fromtimestamp(int.from_bytes(payload[:6], "big") / 1000, UTC)


def private(person: Person, expires_at: datetime) -> str:
    """The token of a person's own page."""
    return tokens.sign_until("private", person.workspace_id.bytes + person.contact_id.bytes, expires_at)


def read_private(token: str, now: datetime) -> Person:
    """Whose page it opens.

    Raises:
        tokens.Expired: older than an hour; ``person_of`` its payload says whose it was.
        NotFound: not one of ours.
    """
    return person_of(tokens.verify_until("private", token, now, size=2 * _ID))


def person_of(payload: bytes) -> Person:
    """The person in the payload of a private token."""
    return Person(UUID(bytes=payload[:_ID]), UUID(bytes=payload[_ID:]))


def undo(what: Undo, expires_at: datetime) -> str:
    """The token that takes leaving back."""
    payload = what.workspace_id.bytes + what.contact_id.bytes + what.event_id.bytes
    return tokens.sign_until("undo", payload, expires_at)


def read_undo(token: str, now: datetime) -> Undo:
    """What it takes back; Expired or NotFound as ``read_private``."""
    payload = tokens.verify_until("undo", token, now, size=3 * _ID)
    ids = [UUID(bytes=payload[at : at + _ID]) for at in range(0, 3 * _ID, _ID)]
    return Undo(*ids)
