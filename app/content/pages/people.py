"""Whom a preview is shown as: a made-up reader, somebody who told us nothing, or a real person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.accounts import queries as accounts
from app.consent import queries as consent
from app.consent.rules import Purpose, State
from app.contacts import queries as contacts
from app.content import places
from app.content.data import ROOT, example
from app.content.letters import Draft
from app.content.models import Letter
from app.content.readers import Reader, reader_values, sample_values
from app.content.service import InLanguage, choose, draft_of, list_languages
from app.kernel.errors import NotFound
from app.kernel.http.actor import current_actor

if TYPE_CHECKING:
    from app.contacts.models import Contact

SAMPLE, NOBODY = "sample", "nobody"


@dataclass(frozen=True, slots=True)
class Shown:
    """A reader of a preview: the key in addresses, the words in the list, the values of the tags, and what they read."""

    key: str
    label: str
    values: dict[str, Any]
    draft: Draft


def shown(key: str, draft: Draft, letter: Letter | None = None) -> Shown:
    """The reader behind a key, told the examples of a transactional letter.

    Args:
        key: sample, nobody or a person's id.
        draft: what is looked at.
        letter: whose draft that is: a person sees it in the language that they would get; None: as it is.

    Raises:
        NotFound: no such reader in this workspace, or not for whoever asks.
    """
    found = _reader(key, draft, letter)
    return found if draft.data is None else replace(found, values={**found.values, ROOT: example(draft.data)})


def label_of(contact: Contact, address: str, letter: InLanguage | None = None) -> str:
    """How a person is called in the list; ``letter``: another text than the one looked at, which they get."""
    words = f"As {contact.name or address or 'somebody erased'}"
    return f"{words}, in {letter.name}" if letter else words


def _reader(key: str, draft: Draft, letter: Letter | None) -> Shown:
    brand = accounts.brand(current_actor().workspace_id)
    if key in {"", SAMPLE}:
        return Shown(SAMPLE, "As a made-up reader", sample_values(brand, _links(), draft.names), draft)
    if key == NOBODY:
        bare = Reader(email="reader@example.org")
        values = reader_values(
            bare, brand, topic="New things", permission_at=None, links=_links(), language=draft.language
        )
        return Shown(NOBODY, "With no name", values, draft)
    return _person(_id(key), draft, letter)


def _person(contact_id: UUID, draft: Draft, letter: Letter | None) -> Shown:
    actor = current_actor()
    if not actor.may("people.read"):
        raise NotFound
    contact = contacts.get_contact(actor.workspace_id, contact_id)
    address = contacts.find_address(actor.workspace_id, contact_id)
    other = other_for(letter, contact.language) if letter else None
    draft = draft_of(other.letter) if other else draft
    reader = Reader(
        contact.first_name, contact.last_name, address.address if address else "", contact.fields or {}
    )
    allowed = [
        one
        for one in consent.list_permissions(actor.workspace_id, contact_id)
        if one.purpose == Purpose.MARKETING and one.state == State.YES and one.interest_id
    ]
    first = allowed[0] if allowed else None
    topics = (
        consent.get_interests(actor.workspace_id, [first.interest_id]) if first and first.interest_id else []
    )
    values = reader_values(
        reader,
        accounts.brand(actor.workspace_id),
        topic=topics[0].name if topics else "New things",
        permission_at=first.updated_at if first else None,
        links=_links(),
        language=draft.language,
    )
    return Shown(str(contact_id), label_of(contact, reader.email, other), values, draft)


def other_for(letter: Letter, language: str, found: Sequence[InLanguage] = ()) -> InLanguage | None:
    """What somebody gets who reads this language, where that is not the letter that is looked at.

    Who has looked up its languages (``list_languages``) hands them over.
    """
    if letter.data_samples is not None:
        return None
    chosen = choose(found or list_languages(letter), language)
    return None if chosen.letter.id == letter.id else chosen


def _links() -> dict[str, str]:
    """Addresses that look right and lead nowhere: a preview must not be able to unsubscribe anybody."""
    base = places.base()
    return {
        "unsubscribe": f"{base}/u/preview",
        "preferences": f"{base}/p/preview",
        "why": f"{base}/w/preview",
        "web_view": f"{base}/v/preview",
    }


def _id(key: str) -> UUID:
    try:
        return UUID(key)
    except ValueError:
        raise NotFound("Nobody here is called that.") from None
