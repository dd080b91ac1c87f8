"""A draft as a made-up reader would get it: the bytes of its mail, and where its links lead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from app.accounts import queries as accounts
from app.accounts.rules.brand import Brand
from app.campaigns import queries, rehearsal, variants
from app.campaigns.models import Campaign
from app.content import queries as letters
from app.content import service as content
from app.delivery import queries as outbox
from app.delivery import service as delivery
from app.delivery.rules import Content, Sender
from app.kernel.errors import BadInput

if TYPE_CHECKING:
    from app.content.models import Letter

READER = "reader@example.org"


@dataclass(frozen=True, slots=True)
class Specimen:
    """What is read of a draft for it; compiling and writing it need no database any more."""

    draft: content.Draft
    edition: int
    brand: Brand
    sender: Sender | None
    base: str
    drafts: tuple[tuple[str, content.Draft], ...]
    """Each letter that it sends, in all languages, with the variants that send it, in words; empty words: it goes out as one."""
    translations: tuple[content.Draft, ...] = ()
    languages: str = ""
    """The signature of its translations."""
    signature: str = ""
    """Of its variants."""

    def links(self) -> dict[str, str]:
        """Where its links lead for everybody, in all languages, each with the variants that have it.

        Those that are each reader's own keep their merge tags.
        """
        found: dict[str, list[str]] = {}
        for labels, draft in self.drafts:
            for url in content.links_of_draft(draft, self.brand):
                found.setdefault(url, []).extend([labels] if labels else [])
        return {url: ", ".join(dict.fromkeys(labels)) for url, labels in found.items()}

    def mails(self) -> list[bytes]:
        """The bytes of its mail in each language, the main one first.

        Raises:
            BadInput: a letter does not compile, or nobody is the sender.
        """
        return [self.mail(language) for language in ("", *(draft.language for draft in self.translations))]

    def mail(self, language: str = "") -> bytes:
        """The bytes of its mail in one language; where it has none such, of the main letter.

        Raises:
            BadInput: the letter does not compile, or nobody is the sender.
        """
        draft = next((one for one in self.translations if one.language == language), self.draft)
        if self.sender is None:
            raise BadInput("Say first who your mails come from.")
        links = {name: f"{self.base}/{path}/preview" for name, path in _PAGES.items()}
        shown = content.preview_draft(draft, content.sample_values(self.brand, links, draft.names))
        told = Content(shown.subject, shown.text, shown.html)
        return delivery.specimen(self.sender, READER, told, links["unsubscribe"])


_PAGES = {"unsubscribe": "u", "preferences": "p", "why": "w", "web_view": "v"}


def specimen_of(workspace_id: UUID, campaign_id: UUID) -> Specimen:
    """The draft of a campaign.

    Raises:
        NotFound: no campaign of this workspace.
    """
    campaign = queries.get_campaign(workspace_id, campaign_id)
    letter, *translations = letters.get_in_languages(workspace_id, [campaign.letter_id])[campaign.letter_id]
    draft, trial = content.draft_of(letter), variants.find_trial(workspace_id, campaign_id)
    return Specimen(
        draft,
        letter.edition,
        accounts.brand(workspace_id),
        outbox.sender_of(workspace_id),
        content.base_url(),
        _drafts_of(campaign),
        tuple(content.draft_of(one) for one in translations),
        content.signature_of(translations),
        variants.signature(trial) if trial is not None else "",
    )


def _drafts_of(campaign: Campaign) -> tuple[tuple[str, content.Draft], ...]:
    labels: dict[Letter, list[str]] = {}
    for one in rehearsal.scripts_of(campaign):
        labels.setdefault(one.letter, []).append(one.variant)
    return tuple((", ".join(names), content.draft_of(letter)) for letter, names in labels.items())
