"""What a person sets on their page: topics by channel, how often, what may be seen, name, language, postal address."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.consent import queries as consent_queries
from app.consent import service as consent
from app.consent.rules import Channel, Digest, Level, Proof, Shown
from app.contacts import service as contacts
from app.kernel.errors import BadInput
from app.preferences import guardians, service
from app.preferences.queries import Reader
from app.preferences.rules import change_of


class GuardianForgotten(BadInput):
    """A child ticked something new, and who would have to say yes first is not known any more."""

    def __init__(self) -> None:
        super().__init__("Nobody can be asked.", fields={"topic": "Use the form, and name a parent or guardian there."})


@dataclass(frozen=True, slots=True)
class Saved:
    """What a person set.

    Args:
        ticked: topics by channel; a channel that is missing was not on the page.
        words: those beside the topics, by channel; tracking_words: the level's.
        digest: None: every mail.
        postal: None where the page does not ask for it.
    """

    ticked: Mapping[Channel, Collection[UUID]]
    tracking: Level
    first_name: str
    language: str
    words: Mapping[Channel, str]
    tracking_words: str
    page_url: str
    digest: Digest | None
    paused_until: datetime | None
    postal: str | None = None


def save(reader: Reader, saved: Saved, proof: Proof) -> None:
    """Put a person's choices into force: a no at once, a new yes after the button in one mail.

    Raises:
        BadInput: the name or the postal address does not fit.
        GuardianForgotten: as its name says; nothing is put into force.
    """
    workspace_id, contact_id = reader.workspace_id, reader.contact_id
    contacts.update_profile(workspace_id, contact_id, first_name=saved.first_name, language=saved.language)
    if saved.postal is not None:
        contacts.set_postal(workspace_id, contact_id, saved.postal)
    for channel, ticked in saved.ticked.items():
        _choose(reader, channel, ticked, saved, proof)
    consent.set_pace(
        workspace_id, contact_id, digest=saved.digest, paused_until=saved.paused_until, by=service.PERSON, proof=proof
    )
    if saved.tracking is not consent_queries.choices(workspace_id, contact_id).tracking:
        shown = _page(workspace_id, "tracking", saved.language, saved.tracking_words, saved.page_url)
        consent.set_tracking(
            workspace_id, contact_id, saved.tracking, by=service.PERSON, proof=proof, shown=shown
        )


def _choose(reader: Reader, channel: Channel, ticked: Collection[UUID], saved: Saved, proof: Proof) -> None:
    workspace_id, contact_id = reader.workspace_id, reader.contact_id
    offered = [found.id for found in consent_queries.list_interests(workspace_id)]
    before = consent_queries.choices(workspace_id, contact_id, channel)
    change = change_of(before.interests, offered, ticked)
    if change.withdraw:
        consent.withdraw(
            workspace_id, contact_id, change.withdraw, by=service.PERSON, proof=proof, channel=channel
        )
    if change.ask:
        guardian = guardians.of_child(workspace_id, contact_id)
        if guardian is not None and not guardian.address:
            raise GuardianForgotten
        shown = _page(workspace_id, "consent", saved.language, saved.words[channel], saved.page_url)
        service.ask(workspace_id, contact_id, change.ask, None, reader.address, shown, proof, channel=channel,
                    guardian=guardian, is_new=True)  # fmt: skip


def _page(workspace_id: UUID, kind: str, language: str, words: str, page_url: str) -> Shown:
    text_id = consent.ensure_text(workspace_id, kind, language, words)
    return Shown(language=language, text_ids=(text_id,), page_url=page_url, boxes=("topic",))
