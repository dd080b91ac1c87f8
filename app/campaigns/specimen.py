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

    def links(self) -> list[str]:
        """Where its links lead for everybody; those that are each reader's own keep their merge tags."""
        return content.links_of_draft(self.draft, self.brand)

    def mail(self) -> bytes:
        """The bytes of its mail.

        Raises:
            BadInput: the letter does not compile, or nobody is the sender.
        """
        if self.sender is None:
            raise BadInput("Say first who your mails come from.")
        links = {name: f"{self.base}/{path}/preview" for name, path in _PAGES.items()}
        shown = content.preview_draft(self.draft, content.sample_values(self.brand, links))
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
    )
