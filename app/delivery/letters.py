"""One reader's letter: what it stands on, where its links lead, and how it is merged as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from app.consent.queries import Ground
from app.consent.rules import Level
from app.contacts.queries import ReaderRow
from app.content import service as content
from app.content.service import Reader
from app.delivery.editions import Edition
from app.delivery.outbox import Held
from app.delivery.rules import Content, ReaderLinks, ReaderTokens, Skip
from app.tracking import service as tracking

if TYPE_CHECKING:
    from app.content.models import LetterVersion

LinksOf = Callable[[UUID, UUID], ReaderLinks]
"""Takes a permission and its reach."""


class TokensOf(Protocol):
    """Takes a permission and its reach, and whether the token of "why" is wanted."""

    def __call__(self, permission_id: UUID, reach_id: UUID, *, with_why: bool) -> ReaderTokens:
        """The tokens."""


ERASED = Skip("erased")
_links_of: LinksOf | None = None
_tokens_of: TokensOf | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """One reader's letter, not yet rendered.

    Attributes:
        write: renders it; needs no database.
        unsubscribe_url: ends the permission that this letter stands on.
    """

    write: Callable[[], Content]
    unsubscribe_url: str


def set_links(links_of: LinksOf, tokens_of: TokensOf) -> None:
    """Whoever keeps the readers' pages tells here where they are."""
    global _links_of, _tokens_of
    _links_of, _tokens_of = links_of, tokens_of


def pages_of(permission_id: UUID, reach_id: UUID) -> ReaderLinks:
    """Where a reader leaves, chooses, and learns why."""
    if _links_of is None:
        raise RuntimeError("No room has told where readers leave.")
    return _links_of(permission_id, reach_id)


def tokens_of(permission_id: UUID, reach_id: UUID, *, with_why: bool) -> ReaderTokens:
    """What is the reader's own in these addresses."""
    assert _tokens_of is not None
    return _tokens_of(permission_id, reach_id, with_why=with_why)


def links_in(pages: ReaderLinks, level: Level, version_id: UUID) -> dict[str, str]:
    """The addresses that a letter may name."""
    return {
        "unsubscribe": pages.unsubscribe,
        "preferences": pages.preferences,
        # Without individual tracking no further address may name a person: the page of leaving also says why.
        "why": pages.why if level is Level.INDIVIDUAL else pages.unsubscribe,
        "web_view": content.web_view_url(version_id),
    }


def draft(
    edition: Edition, held: Held, person: ReaderRow, ground: Ground, links: content.Links | None = None
) -> Draft:
    """A letter to this person on this ground; ``links``: how they are written in place of the mailing's.

    How far a person lets us see is what the ground says, read at the last moment before the letter is written. A
    withdrawal that comes later acts where signals are taken in.
    """
    assert held.permission_id is not None
    assert held.reach_id is not None
    version, level = edition.version, ground.tracking
    pages = pages_of(held.permission_id, held.reach_id)
    values = content.reader_values(
        Reader(person.first_name, person.last_name, person.address, person.fields),
        edition.brand,
        topic=ground.interest_name,
        permission_at=ground.said_at,
        links=links_in(pages, level, version.id),
        language=version.language,
    )
    write = partial(
        _write,
        version,
        values,
        links or edition.links(held.n, level),
        tracking.pixel_url(held.mailing_no, held.n, level),
        tracking.hidden_url(held.mailing_no, held.n, level),
    )
    return Draft(write, pages.unsubscribe)


def _write(
    version: LetterVersion,
    values: dict[str, Any],
    links: content.Links,
    pixel_url: str | None,
    hidden_url: str | None,
) -> Content:
    shown = content.render(version, values, links=links, pixel_url=pixel_url, hidden_url=hidden_url)
    return Content(shown.subject, shown.text, shown.html)
