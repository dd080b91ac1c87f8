"""From claimed messages of a mailing to many to what each reader gets: one read for a batch, then no more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from app.accounts import queries as accounts
from app.accounts.rules.brand import Brand
from app.consent import queries as consent
from app.consent.queries import Ground
from app.consent.rules import Level
from app.contacts import queries as contacts
from app.content import queries as versions
from app.content import service as content
from app.content.service import Reader
from app.delivery.outbox import Held
from app.delivery.rules import Content, ReaderLinks, Skip
from app.kernel.db import session
from app.tracking import service as tracking

if TYPE_CHECKING:
    from app.content.models import LetterVersion

LinksOf = Callable[[UUID, UUID], ReaderLinks]
"""Takes a permission and its reach."""
ERASED = Skip("erased")
_KEPT: Final = 16
_links_of: LinksOf | None = None
_versions: dict[UUID, LetterVersion] = {}


@dataclass(frozen=True, slots=True)
class Draft:
    """One reader's letter, read and not yet rendered.

    Attributes:
        write: renders it; needs no database.
        interest: the list that it belongs to.
        unsubscribe_url: ends the permission that this letter stands on.
    """

    to: str
    to_name: str
    write: Callable[[], Content]
    interest: UUID
    interest_name: str
    unsubscribe_url: str


def set_links(links_of: LinksOf) -> None:
    """Whoever keeps the readers' pages tells here where they are."""
    global _links_of
    _links_of = links_of


def read(batch: Sequence[Held]) -> dict[int, Draft | Skip]:
    """Drafts of messages of one mailing by their number; inside a transaction, writes nothing.

    How far a person lets us see is read here, at the last moment before the letter is written. A withdrawal that
    comes later acts where signals are taken in.
    """
    first = batch[0]
    assert first.version_id is not None
    version = _version(first.workspace_id, first.version_id)
    brand = accounts.brand(first.workspace_id)
    people = contacts.find_recipients(
        first.workspace_id, [held.contact_id for held in batch if held.contact_id]
    )
    grounds = consent.find_grounds(
        first.workspace_id, [held.permission_id for held in batch if held.permission_id]
    )
    return {held.n: _draft(held, version, brand, people, grounds) for held in batch}


def _version(workspace_id: UUID, version_id: UUID) -> LetterVersion:
    """A version from this process's memory: it never changes, and is read once for a mailing, not for a batch."""
    known = _versions.get(version_id)
    if known is None:
        known = versions.get_version(workspace_id, version_id)
        # Read whole and out of the session: a rollback would empty it there, and every later letter find it empty.
        session().refresh(known)
        session().expunge(known)
        _versions[version_id] = known
        while len(_versions) > _KEPT:
            _versions.pop(next(iter(_versions)), None)
    return known


def _draft(
    held: Held,
    version: LetterVersion,
    brand: Brand,
    people: dict[UUID, Any],
    grounds: dict[UUID, Ground],
) -> Draft | Skip:
    if held.contact_id not in people or held.permission_id not in grounds or held.reach_id is None:
        return ERASED
    if _links_of is None:
        raise RuntimeError("No room has told where readers leave.")
    contact, address = people[held.contact_id]
    ground = grounds[held.permission_id]
    pages = _links_of(held.permission_id, held.reach_id)
    level = ground.tracking
    reader = Reader(contact.first_name, contact.last_name, address.address, contact.fields)
    values = content.reader_values(
        reader,
        brand,
        topic=ground.interest_name,
        permission_at=ground.said_at,
        links={
            "unsubscribe": pages.unsubscribe,
            "preferences": pages.preferences,
            # Without individual tracking no further address may name a person: the page of leaving also says why.
            "why": pages.why if level is Level.INDIVIDUAL else pages.unsubscribe,
            "web_view": content.web_view_url(version.id),
        },
        language=version.language,
    )
    write = partial(
        _write,
        version,
        values,
        tracking.links_for(held.mailing_no, held.n, level),
        tracking.pixel_url(held.mailing_no, held.n, level),
        tracking.hidden_url(held.mailing_no, held.n, level),
    )
    return Draft(
        address.address, contact.name, write, ground.interest_id, ground.interest_name, pages.unsubscribe
    )


def _write(
    version: LetterVersion,
    values: dict[str, Any],
    links: content.Links,
    pixel_url: str | None,
    hidden_url: str | None,
) -> Content:
    shown = content.render(version, values, links=links, pixel_url=pixel_url, hidden_url=hidden_url)
    return Content(shown.subject, shown.text, shown.html)
