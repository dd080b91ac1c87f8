"""A draft as a made-up reader would get it: the bytes of its mail, and where its links lead."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.accounts import queries as accounts
from app.accounts.rules.brand import Brand
from app.campaigns import queries
from app.content import queries as letters
from app.content import service as content
from app.delivery import queries as outbox
from app.delivery import service as delivery
from app.delivery.rules import Content, Sender
from app.kernel.errors import BadInput

READER = "reader@example.org"


@dataclass(frozen=True, slots=True)
class Specimen:
    """What is read of a draft for it; compiling and writing it need no database any more."""

    draft: content.Draft
    revision: int
    brand: Brand
    sender: Sender | None
    base: str
    translations: tuple[content.Draft, ...] = ()
    languages: str = ""
    """The signature of its translations."""

    def links(self) -> list[str]:
        """Where its links lead for everybody, in all languages; those that are each reader's own keep their merge tags."""
        drafts = (self.draft, *self.translations)
        return list(dict.fromkeys(link for draft in drafts for link in content.links_of_draft(draft, self.brand)))

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
        shown = content.preview_draft(draft, content.sample_values(self.brand, links))
        told = Content(shown.subject, shown.text, shown.html)
        return delivery.specimen(self.sender, READER, told, links["unsubscribe"])


_PAGES = {"unsubscribe": "u", "preferences": "p", "why": "w", "web_view": "v"}


def specimen_of(workspace_id: UUID, campaign_id: UUID) -> Specimen:
    """The draft of a campaign.

    Raises:
        NotFound: no campaign of this workspace.
    """
    letter = letters.get_letter(workspace_id, queries.get_campaign(workspace_id, campaign_id).letter_id)
    return Specimen(
        content.draft_of(letter),
        letter.revision,
        accounts.brand(workspace_id),
        outbox.sender_of(workspace_id),
        content.base_url(),
        tuple(content.draft_of(one) for one in content.list_translations(workspace_id, letter.id)),
        content.languages_of(workspace_id, letter.id),
    )
