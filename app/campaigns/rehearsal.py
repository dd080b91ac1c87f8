"""A campaign's letter, tried with everybody before it is sent: asking for it, calling it off, what came of it.

The work itself is ``rehearsing``. Nothing but rows of its own is written, and no mail is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert

from app.accounts import queries as accounts
from app.campaigns import findings, holding, queries, variants
from app.campaigns.findings import Tally
from app.campaigns.models import Campaign, CampaignRehearsal, CampaignRehearsalCase, CampaignRehearsalPerson
from app.campaigns.rules import Check
from app.content import queries as letters
from app.content import service as content
from app.delivery import queries as outbox
from app.delivery.rules import Sender
from app.kernel import clock, jobs
from app.kernel.db import session
from app.kernel.errors import BadInput
from app.kernel.i18n import NAMES
from app.segments import queries as segments

if TYPE_CHECKING:
    from app.content.models import Letter

JOB: Final = "campaigns.rehearse"
COUNTS_FOR: Final = timedelta(days=1)
"""People change too: what was found counts for so long."""


@dataclass(frozen=True, slots=True)
class Script:
    """One of the letters that a campaign sends.

    Attributes:
        label: what findings are told under: of the variant, empty where it goes out as one; of a translation its language.
        language: of a translation; empty: everybody gets it who reads none of the others of ``variant``.
        variant: the letter of the variant that it belongs to.
    """

    label: str
    letter: Letter
    subject: str
    sender_name: str
    language: str = ""
    variant: str = ""

    def sender(self, sender: Sender) -> Sender:
        """Who it comes from."""
        return replace(sender, name=self.sender_name) if self.sender_name else sender


def scripts_of(campaign: Campaign) -> list[Script]:
    """What it sends: its letter, or that of each variant. Any of them may go to anybody, as the rest gets one of them."""
    trial = variants.find_trial(campaign.workspace_id, campaign.id)
    if trial is None:
        main, *translations = letters.get_in_languages(campaign.workspace_id, [campaign.letter_id])[campaign.letter_id]
        return _in_languages(Script("", main, "", ""), translations)
    texts = variants.texts_of(trial)
    found = [
        Script(one.label, texts[one.letter_id][0], one.row.subject, one.row.sender_name, variant=one.label)
        for one in trial.variants
    ]
    return [script for one in found for script in _in_languages(one, texts[one.letter.id][1:])]


def _in_languages(main: Script, translations: Sequence[Letter]) -> list[Script]:
    """A script, and its letter's translations, which have subjects of their own."""
    return [
        main,
        *(
            replace(
                main, letter=one, subject="", language=one.language,
                label=", ".join(filter(None, (main.label, NAMES.get(one.language, one.language)))),
            )
            for one in translations
        ),
    ]  # fmt: skip


def about_of(campaign: Campaign) -> str:
    """What is tried: these letters from this sender for this audience. Whatever changes of it makes another one."""
    workspace_id = campaign.workspace_id
    parts: list[object] = [accounts.brand(workspace_id), outbox.sender_of(workspace_id), *campaign.interests]
    if campaign.segment_id is not None:
        parts.append(segments.snapshot(workspace_id, campaign.segment_id))
    for one in scripts_of(campaign):
        parts += [one.label, content.draft_fingerprint(one.letter, subject=one.subject), one.sender_name]
    return sha256("\0".join(map(repr, parts)).encode()).hexdigest()[:32]


def ask(workspace_id: UUID, campaign_id: UUID, *, by: UUID | None = None) -> None:
    """Wish for a draft to be tried with everybody, in the background; what was found before is forgotten.

    Asked for again while it is being tried as it is, it just goes on.

    Raises:
        NotFound: no campaign of this workspace.
        Conflict: it has been launched.
        BadInput: a letter of it does not compile, nobody is chosen, or nobody is the sender.
    """
    campaign = holding.draft(workspace_id, campaign_id)
    if outbox.sender_of(workspace_id) is None:
        raise BadInput("Say first who your mails come from.")
    if not campaign.interests:
        raise BadInput("Choose first whom it is for.")
    for one in scripts_of(campaign):
        content.draft_version(one.letter, subject=one.subject)
    about = about_of(campaign)
    known = find(workspace_id, campaign_id)
    if known is None or known.ended_at is not None or known.about != about:
        begin(campaign, about, by)
    jobs.ring_job(JOB)


def begin(campaign: Campaign, about: str, by: UUID | None) -> None:
    """From the first person on; what is known of an earlier time goes."""
    revision = letters.get_letter(campaign.workspace_id, campaign.letter_id).edition
    values = {
        "about": about, "revision": revision, "asked_by": by, "asked_at": clock.now(), "gathered_at": None, "people": 0,
        "tried": 0, "position": None, "found": {}, "ended_at": None, "fault": "",
    }  # fmt: skip
    new = insert(CampaignRehearsal).values(campaign_id=campaign.id, workspace_id=campaign.workspace_id, **values)
    # First the row: whoever works on it has written all of its people by the time that it is ours.
    session().execute(new.on_conflict_do_update(index_elements=["campaign_id"], set_=values))
    _forget(campaign.workspace_id, campaign.id)


def call_off(workspace_id: UUID, campaign_id: UUID) -> None:
    """Try it no further, and forget what was found; the slice that is at work is waited for.

    Raises:
        NotFound: no campaign of this workspace.
    """
    queries.get_campaign(workspace_id, campaign_id)
    # First the row, as in ``begin``.
    session().execute(
        delete(CampaignRehearsal).where(
            CampaignRehearsal.workspace_id == workspace_id, CampaignRehearsal.campaign_id == campaign_id
        )
    )
    _forget(workspace_id, campaign_id)


def _forget(workspace_id: UUID, campaign_id: UUID) -> None:
    for table in (CampaignRehearsalPerson, CampaignRehearsalCase):
        session().execute(delete(table).where(table.workspace_id == workspace_id, table.campaign_id == campaign_id))


def find(workspace_id: UUID, campaign_id: UUID) -> CampaignRehearsal | None:
    """How far it is, or what came of it; None: it was never asked for, or called off."""
    query = select(CampaignRehearsal).where(
        CampaignRehearsal.workspace_id == workspace_id, CampaignRehearsal.campaign_id == campaign_id
    )
    return session().execute(query.execution_options(populate_existing=True)).scalar_one_or_none()


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A rehearsal as it is looked at.

    Attributes:
        is_stale: the letter, its sender or the audience has changed since, or more than a day has passed.
        at: when it was written down for whom; None: not yet.
    """

    is_over: bool
    is_stale: bool
    people: int
    tried: int
    at: datetime | None
    fault: str
    tally: Tally


def look(campaign: Campaign) -> Rehearsed | None:
    """What is known of a draft; None: nobody has asked."""
    row = find(campaign.workspace_id, campaign.id)
    if row is None:
        return None
    is_old = row.gathered_at is not None and row.gathered_at < clock.now() - COUNTS_FOR
    is_stale = is_old or row.about != about_of(campaign)
    return Rehearsed(
        row.ended_at is not None, is_stale, row.people, row.tried, row.gathered_at, row.fault, findings.read(row.found)
    )


def checks_of(seen: Rehearsed | None) -> list[Check]:
    """What it means for the draft as it is now."""
    says = "Let Nod make each person’s copy, and tell you what would go wrong."
    if seen is None:
        return [Check("warn", "Not tried with everybody yet", says, "rehearsal")]
    if not seen.is_over:
        return [Check("warn", "Being tried with everybody", f"{seen.tried:,} of {seen.people:,}", "rehearsal")]
    if seen.is_stale:
        return [Check("warn", "Not tried with everybody as it is now", says, "rehearsal")]
    if seen.fault:
        return [Check("warn", "It could not be tried with everybody", seen.fault, "rehearsal")]
    return findings.checks(seen.tally)


_CASES = text(
    "SELECT k.place, k.contact_id FROM campaign_rehearsal_cases k WHERE k.workspace_id = :workspace_id"
    " AND k.campaign_id = :campaign_id ORDER BY k.place, k.contact_id"
)


def cases_of(workspace_id: UUID, campaign_id: UUID) -> dict[int, list[UUID]]:
    """Some of the people of each finding, by its place."""
    found: dict[int, list[UUID]] = {}
    values = {"workspace_id": workspace_id, "campaign_id": campaign_id}
    for place, contact_id in session().execute(_CASES, values):
        found.setdefault(place, []).append(contact_id)
    return found


def keep_cases(row: CampaignRehearsal, wanted: Sequence[tuple[int, UUID]]) -> None:
    """Remember people of findings, up to some of each."""
    counts = {place: len(ids) for place, ids in cases_of(row.workspace_id, row.campaign_id).items()}
    rows = []
    for place, contact_id in dict.fromkeys(wanted):
        counts[place] = counts.get(place, 0) + 1
        if counts[place] <= findings.NAMED:
            rows.append(
                {"campaign_id": row.campaign_id, "place": place, "contact_id": contact_id, "workspace_id": row.workspace_id}
            )
    if rows:
        session().execute(insert(CampaignRehearsalCase).on_conflict_do_nothing(), rows)


_OF_PERSON = text(
    "SELECT c.name, r.found, k.place, r.asked_at FROM campaign_rehearsal_cases k JOIN campaigns c ON c.id = k.campaign_id"
    " JOIN campaign_rehearsals r ON r.campaign_id = k.campaign_id"
    " WHERE k.workspace_id = :workspace_id AND k.contact_id = :contact_id ORDER BY r.asked_at, k.place"
)


def export(workspace_id: UUID, contact_id: UUID) -> list[dict[str, Any]]:
    """What was found of a person's copies, where they are named with it."""
    rows = session().execute(_OF_PERSON, {"workspace_id": workspace_id, "contact_id": contact_id})
    named = [(row, findings.read(row.found).findings[row.place]) for row in rows]
    return [
        {"campaign": row.name, "found": one.kind.value, "about": one.about, "at": row.asked_at.isoformat()}
        for row, one in named
    ]


def forget_person(workspace_id: UUID, contact_id: UUID) -> None:
    """Of somebody who is erased nothing stays here but their part of the counts."""
    for table in (CampaignRehearsalPerson, CampaignRehearsalCase):
        session().execute(delete(table).where(table.workspace_id == workspace_id, table.contact_id == contact_id))
