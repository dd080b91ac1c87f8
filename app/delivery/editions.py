"""What all mails of one mailing share, read once for many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from uuid import UUID

from app.accounts import queries as accounts
from app.accounts.rules.brand import Brand
from app.consent.rules import Level
from app.content import queries as versions
from app.content import service as content
from app.content.service import Links
from app.delivery import dkim_keys, outlets, queries
from app.delivery.dkim import Signer
from app.delivery.identity import RETURN_PATH
from app.delivery.outbox import Head
from app.delivery.rules import Sender
from app.delivery.transports.settings import SmtpSettings
from app.kernel import languages, tokens
from app.kernel.db import session
from app.tracking import service as tracking

if TYPE_CHECKING:
    from app.content.models import LetterVersion

BOUNCES = "bounces"
"""The subdomain of the sender's domain that takes bounces, so that SPF aligns."""
_KEPT: Final = 32
_versions: dict[UUID, LetterVersion] = {}


class NoSender(Exception):
    """Nobody has said yet who the workspace's mails come from."""


@dataclass(frozen=True, slots=True)
class Imprint:
    """A mailing with its brand, its sender, the way out, and who signs its mails."""

    head: Head
    brand: Brand
    sender: Sender
    route: SmtpSettings
    signer: Signer | None


@dataclass(frozen=True, slots=True)
class Edition(Imprint):
    """A mailing to many with its letter, in one language.

    Attributes:
        version: the letter.
        language: of a translation; empty: the main letter.
        places: of a translation's links among the mailing's; None: they are the first of them.
        translations: the same mailing in other languages, by language; only the main letter has them.
    """

    version: LetterVersion
    language: str = ""
    places: tuple[int, ...] | None = None
    translations: Mapping[str, Edition] = field(default_factory=dict)

    def for_reader(self, language: str) -> Edition:
        """What somebody gets who reads this language: its text where there is one, else the main letter."""
        found = languages.pick(language, self.translations, "")
        return self.translations[found] if found else self

    def links(self, n: int, level: Level) -> Links:
        """How the links of one message are written."""
        write, places = tracking.links_for(self.head.no, n, level), self.places
        return write if places is None else lambda index, url: write(places[index], url)

    def list_headers(self, interest_id: UUID, interest_name: str) -> tuple[tuple[str, str], ...]:
        """The fields that say which list a letter belongs to."""
        interest, tenant = interest_id.hex, self.brand.public_id
        return (
            ("List-Id", f"{interest_name} <{interest}.{tenant}.{self.sender.domain}>"),
            # Campaign, list, tenant, sender: what a receiver may sum up by, and nothing that names a person.
            ("Feedback-ID", f"{self.head.no}:{interest}:{tenant}:nod-{tenant}"),
        )


def imprint_of(head: Head) -> Imprint:
    """What is the same for all mails of a mailing; inside a transaction.

    Raises:
        NoSender: see there.
    """
    # Who the mails come from: the mailing's own sender, or whoever is the workspace's now.
    sender = head.sender or queries.sender_of(head.workspace_id)
    if sender is None:
        raise NoSender
    return Imprint(
        head,
        accounts.brand(head.workspace_id),
        sender,
        outlets.route_of(sender.transport_id),
        # From's domain, not the first attempt's: receivers compare the signature with From.
        dkim_keys.signer_for(head.workspace_id, sender.domain),
    )


def edition_of(head: Head) -> Edition:
    """The edition of a mailing to many; inside a transaction.

    Raises:
        NoSender: see there.
    """
    assert head.version_id is not None
    own = imprint_of(head)
    shared = (head, own.brand, own.sender, own.route, own.signer)
    version = version_of(head.workspace_id, head.version_id)
    if not version.translations:
        return Edition(*shared, version)
    others = {language: version_of(head.workspace_id, UUID(one)) for language, one in version.translations.items()}
    places = content.link_places(version, others)
    translations = {
        language: Edition(*shared, one, language, places[language]) for language, one in others.items()
    }
    return Edition(*shared, version, translations=translations)


def version_of(workspace_id: UUID, version_id: UUID) -> LetterVersion:
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


def return_path_key() -> bytes:
    """The key behind mailboxes that name one message."""
    return tokens.purpose_key(RETURN_PATH)


def bounce_domain(domain: str) -> str:
    """Where the bounces of a sender's domain arrive."""
    return f"{BOUNCES}.{domain}"


