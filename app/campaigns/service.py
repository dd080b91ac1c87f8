"""The verbs of campaigns. What a mailing is and how far it is stays with delivery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from app.accounts import queries as accounts
from app.accounts.rules.brand import Brand
from app.campaigns import approval, closer, feeds, holding, queries, rehearsal, serial, trials
from app.campaigns.models import Campaign
from app.campaigns.rehearsal import Rehearsed
from app.campaigns.rules import LETTER_TEST, UNDERWAY, Check, Reckoning, State, blocks
from app.consent import queries as consent
from app.content import queries as letters
from app.content import service as content
from app.delivery import queries as outbox
from app.delivery import service as delivery
from app.delivery.rules import DkimState, Sender
from app.delivery.rules.hours import PLAIN, Timing
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict
from app.kernel.ids import uuid7
from app.segments import queries as segments

if TYPE_CHECKING:
    from app.content.models import Letter


def create(workspace_id: UUID, name: str, design: str, *, by: UUID | None = None) -> Campaign:
    """A draft with a letter that begins with a starter design.

    Raises:
        BadInput: the name does not fit.
        NotFound: there is no such design.
    """
    letter = content.create_letter(workspace_id, name, design=design, by=by)
    return _add(workspace_id, letter.name, letter.id, [], by)


def copy(
    workspace_id: UUID, campaign_id: UUID, *, by: UUID | None = None, with_variants: bool = True
) -> Campaign:
    """A draft with the same letter, audience and variants.

    Args:
        workspace_id: whose it is.
        campaign_id: of which campaign.
        by: who makes it.
        with_variants: else it goes out as one.

    Raises:
        NotFound: no campaign of this workspace.
    """
    other = queries.get_campaign(workspace_id, campaign_id)
    letter = content.copy_letter(workspace_id, other.letter_id, other.name, by=by)
    made = _add(workspace_id, letter.name, letter.id, list(other.interests), by)
    made.segment_id = other.segment_id
    if with_variants:
        trials.copy(other, made, by=by)
    return made


def _add(workspace_id: UUID, name: str, letter_id: UUID, interests: list[str], by: UUID | None) -> Campaign:
    made = Campaign(
        id=uuid7(), workspace_id=workspace_id, name=name, letter_id=letter_id, interests=interests,
        delay_seconds=60, created_by=by, created_at=clock.now(),
    )  # fmt: skip
    session().add(made)
    session().flush()
    return made


def archive(workspace_id: UUID, campaign_id: UUID) -> None:
    """Put a campaign away.

    Raises:
        NotFound: no campaign of this workspace.
        Conflict: it is on its way.
    """
    campaign = holding.locked(workspace_id, campaign_id)
    if queries.get_standing(workspace_id, campaign_id).state in UNDERWAY | {State.TRYING}:
        raise Conflict("It is on its way. Cancel it first.")
    if serial.find_series_of(campaign) is not None:
        raise Conflict("Its series needs it. End the series instead.")
    campaign.archived_at = campaign.archived_at or clock.now()


def choose(
    workspace_id: UUID, campaign_id: UUID, name: str, interests: Sequence[UUID], segment_id: UUID | None = None
) -> None:
    """Say whom a draft is for, and what it is called here.

    Raises:
        NotFound: no campaign of this workspace.
        Conflict: it has been launched.
        BadInput: none or an unknown interest, an unknown segment, or a name that does not fit.
    """
    campaign = holding.draft(workspace_id, campaign_id)
    known = [found.id for found in consent.list_interests(workspace_id)]
    if not interests:
        raise BadInput(fields={"interests": "Choose at least one interest: it is what people said yes to."})
    if set(interests) - set(known):
        raise BadInput(fields={"interests": "One of these interests is not here any more. Choose again."})
    if segment_id is not None and segment_id not in {found.id for found in segments.list_segments(workspace_id)}:
        raise BadInput(fields={"segment": "This segment is not here any more. Choose another one."})
    content.rename_letter(workspace_id, campaign.letter_id, name)
    campaign.name, campaign.segment_id = name, segment_id
    campaign.interests = [str(found) for found in known if found in set(interests)]


@dataclass(frozen=True, slots=True)
class Translated:
    """A translation of a draft's letter, as it would be sent."""

    one: content.InLanguage
    written: content.Written

    @property
    def step(self) -> str:
        """Where it is put right."""
        return f"write {self.one.letter.language}"


@dataclass(frozen=True, slots=True)
class Look:
    """All that is looked at before a draft leaves; ``checks`` begin with what blocks."""

    letter: Letter
    written: content.Written
    translations: list[Translated]
    languages: str
    """The signature of its translations; empty: it has none."""
    brand: Brand
    sender: Sender | None
    reckoned: Reckoning
    checks: list[Check]
    needs_approval: bool
    approval_of: str
    """What a second person's yes would be about; empty: none is asked for."""
    seen: trials.Seen | None = None
    """Its variants, where it goes out in some."""
    tried: Rehearsed | None = None
    """What came of trying it with everybody; None: nobody has asked."""


def look(workspace_id: UUID, campaign: Campaign, by: UUID | None = None) -> Look:
    """Look at a draft as it is now: whom it reaches, and what keeps it from leaving by this user's hand."""
    main, *others = content.get_languages(workspace_id, campaign.letter_id)
    letter, needs = main.letter, approval.needs_approval(workspace_id)
    brand = accounts.brand(workspace_id)
    sender = outbox.sender_of(workspace_id)
    reckoned = queries.reckon(workspace_id, [UUID(found) for found in campaign.interests], campaign.segment_id)
    written = content.written_of(letter, brand)
    translations = [Translated(one, content.written_of(one.letter, brand)) for one in others]
    languages = content.signature_of([one.letter for one in others])
    seen = trials.look(campaign, reckoned)
    about = approval.subject_with(campaign, letter.edition, languages, seen.signature if seen else "") if needs else ""
    tried = rehearsal.look(campaign)
    found = [
        *_check_letter(letter, written),
        *(check for one in translations for check in _check_translation(one)),
        *feeds.checks_of([letter, *(one.one.letter for one in translations)]),
        _check_audience(campaign, reckoned),
        _check_sender(sender),
        _check_brand(brand),
        _check_test(campaign, letter, translations),
        _check_signing(workspace_id, sender),
        *(_check_links(campaign, letter, languages, seen, sender) if written.is_usable else []),
        *(rehearsal.checks_of(tried) if written.is_usable else []),
        *(seen.checks if seen else []),
        *(approval.check(campaign, about, by) if needs else []),
    ]
    order = {"stop": 0, "warn": 1, "pass": 2}
    found.sort(key=lambda check: order[check.severity])
    return Look(letter, written, translations, languages, brand, sender, reckoned, found, needs, about, seen, tried)


def _check_links(
    campaign: Campaign, letter: Letter, languages: str, seen: trials.Seen | None, sender: Sender | None
) -> list[Check]:
    variants, domain = seen.signature if seen else "", sender.domain if sender else ""
    return closer.checks_of(campaign.id, letter.edition, languages, variants, domain)


def _check_letter(letter: Letter, written: content.Written) -> list[Check]:
    problems = written.problems
    if not problems:
        return [Check("pass", "The letter is whole: subject, pictures, links, size, the way to leave")]
    return [
        Check("stop" if problem.severity == "error" else "warn", problem.message, content.place_of(letter, problem), "write")
        for problem in problems
    ]


def _check_translation(translated: Translated) -> list[Check]:
    one, step = translated.one, translated.step
    found = [
        Check(
            "stop" if problem.severity == "error" else "warn", f"{one.name}: {problem.message}",
            content.place_of(one.letter, problem), step,
        )
        for problem in translated.written.problems
    ]  # fmt: skip
    if one.stage is content.Stage.COPY:
        says = "Translate it, or take the language out: its readers get the main letter then."
        found.append(Check("warn", f"{one.name} still says what the main letter says", says, step))
    elif one.stage is content.Stage.OLDER:
        says = "See whether it still says the same."
        found.append(Check("warn", f"The main letter was changed after {one.name}", says, step))
    return found or [Check("pass", f"{one.name} is whole")]


def _check_audience(campaign: Campaign, reckoned: Reckoning) -> Check:
    if not campaign.interests:
        return Check("stop", "Nobody is chosen", "Choose the interests whose people get it.", "audience")
    if reckoned.fault:
        return Check("stop", "Its segment cannot be counted", reckoned.fault, "audience")
    if not reckoned.reached:
        return Check(
            "stop", "Nobody would get it", "No one has said yes to the chosen interests.", "audience"
        )
    return Check("pass", "Everybody in the audience has said yes")


def _check_sender(sender: Sender | None) -> Check:
    if sender is None:
        return Check("stop", "Nobody is the sender", "Say who your mails come from.", "sender")
    return Check("pass", "The sender is known")


def _check_signing(workspace_id: UUID, sender: Sender | None) -> Check:
    domain = sender.domain if sender else ""
    pairs = outbox.list_key_pairs(workspace_id, domain) if domain else []
    if any(pair.state is DkimState.ACTIVE for pair in pairs):
        return Check("pass", f"Mails are signed for {domain}")
    return Check("warn", "Mails are not signed", "Large inboxes trust signed mail more. It takes two records.", "domain")


def _check_brand(brand: Brand) -> Check:
    if not brand.postal_address.strip():
        return Check("stop", "Your postal address is missing", "The law asks for it in each mail.", "brand")
    return Check("pass", "Postal address in the footer")


def _check_test(campaign: Campaign, letter: Letter, translations: Sequence[Translated]) -> Check:
    if campaign.tested_revision is None:
        return Check("warn", "Not tested yet", "Send yourself a test: inboxes differ from previews.", "test")
    if campaign.tested_revision != letter.edition:
        return Check("warn", "Changed since the last test", "Send yourself another one.", "test")
    tested = campaign.tested_translations
    missing = [found.one.name for found in translations if tested.get(str(found.one.letter.id)) != found.one.letter.edition]
    if missing:
        return Check("warn", f"Not tested as it is: {', '.join(missing)}", "Send yourself a test of each language.", "test")
    return Check("pass", "Tested as it is")


def send_test(
    workspace_id: UUID, campaign_id: UUID, *, user_id: UUID, mark: bool, label: str = "", language: str = ""
) -> None:
    """Wish for test mails to somebody who works here, one for each language; what they show becomes versions.

    Args:
        workspace_id: whose it is.
        campaign_id: which draft.
        user_id: who gets them.
        mark: whether the subject begins with [TEST].
        label: which variant; empty or unknown: the campaign as it is.
        language: this one only; empty: all that it has.

    Raises:
        NotFound: no campaign of this workspace.
        Conflict: it has been launched.
        BadInput: a letter does not compile, it has no such language, or nobody is the sender.
    """
    campaign = holding.draft(workspace_id, campaign_id)
    if outbox.sender_of(workspace_id) is None:
        raise BadInput("Say first who your mails come from.")
    letter_id, subject = trials.words_of(campaign, label)
    in_languages = content.list_languages(letters.get_letter(workspace_id, letter_id))
    chosen = [one for one in in_languages if language in {"", one.letter.language}]
    if not chosen:
        raise BadInput(fields={"language": "It has no text in this language any more. Choose another one."})
    for one in chosen:
        # The subject of a variant is the main letter's only.
        _send_test(campaign, one.letter, subject if one.is_main else "", user_id, mark)
        if one.is_main and letter_id == campaign.letter_id and not subject:
            campaign.tested_revision = one.letter.edition
        elif not one.is_main:
            campaign.tested_translations = {**campaign.tested_translations, str(one.letter.id): one.letter.edition}


def _send_test(campaign: Campaign, letter: Letter, subject: str, user_id: UUID, mark: bool) -> None:
    workspace_id = campaign.workspace_id
    version = content.freeze_version(workspace_id, letter.id, user_id, subject=subject)
    topics = consent.get_interests(workspace_id, [UUID(found) for found in campaign.interests])
    delivery.send_system(
        workspace_id,
        LETTER_TEST,
        dedupe=uuid7(),
        user_id=user_id,
        data={"version_id": str(version.id), "topic": topics[0].name if topics else "News", "mark": mark},
    )


def launch(
    workspace_id: UUID,
    campaign_id: UUID,
    *,
    revision: int,
    send_at: datetime | None,
    delay_seconds: int,
    by: UUID,
    variants: str = "",
    timing: Timing = PLAIN,
    languages: str = "",
) -> int:
    """Let a draft go: now after its delay, or at a time. Its letter becomes a version that never changes.

    So do its translations: each person gets the one that they read, everybody else the main letter.

    With variants each goes to its part of the sample, and what the rest gets is decided later (``deciding``).

    Args:
        workspace_id: whose it is.
        campaign_id: which draft.
        revision: edition of the letter, as it was reviewed.
        send_at: None: now.
        delay_seconds: time to change one's mind where it goes now.
        by: the user who pressed the button.
        variants: the signature of its variants as they were reviewed; empty: it had none.
        timing: when each mail leaves.
        languages: the signature of its translations as they were reviewed; empty: it had none.

    Returns:
        The number of its mailing; of a trial that of its first variant.

    Raises:
        NotFound: no campaign of this workspace.
        Conflict: it has been launched, the letter, its translations or its variants have changed since, it is a series' own,
            or an entry of its feed was in an earlier issue of its series.
        BadInput: a check blocks.
    """
    campaign = holding.draft(workspace_id, campaign_id)
    if serial.find_series_of(campaign) is not None:
        raise Conflict("It is the letter of a series. Its issues are sent, never it.")
    # What is looked at is what is frozen: nobody changes a word between the two.
    content.hold_languages(workspace_id, trials.letters_of(campaign))
    seen = look(workspace_id, campaign, by)
    if seen.letter.edition != revision:
        raise Conflict("The letter has changed since you reviewed it. Look at it once more.")
    if seen.languages != languages:
        raise Conflict("Its other languages have changed since you reviewed it. Look at it once more.")
    if blocks(seen.checks):
        raise BadInput(f"{seen.checks[0].title}. {seen.checks[0].says}")
    if (seen.seen.signature if seen.seen else "") != variants:
        raise Conflict("Its variants have changed since you reviewed it. Look at it once more.")
    campaign.delay_seconds = delay_seconds
    due = send_at or clock.now() + timedelta(seconds=delay_seconds)
    if seen.seen is not None:
        number = trials.launch(campaign, seen.seen, due, by, timing)
        own = [one.letter_id for one in seen.seen.trial.variants if one.has_own_letter]
        content.mark_entries(workspace_id, [campaign.letter_id, *own])
        return number
    version = content.freeze_languages(workspace_id, campaign.letter_id, by)
    campaign.mailing_no = delivery.launch(
        workspace_id,
        dedupe=campaign.id,
        title=campaign.name,
        version_id=version.id,
        interests=[UUID(found) for found in campaign.interests],
        narrowing=segments.snapshot(workspace_id, campaign.segment_id) if campaign.segment_id else None,
        send_at=due,
        timing=timing,
        by=by,
    )
    session().flush()
    content.mark_entries(workspace_id, [campaign.letter_id])
    return campaign.mailing_no


def hurry(workspace_id: UUID, campaign_id: UUID) -> None:
    """Send without waiting any longer.

    Raises:
        NotFound: no campaign of this workspace.
        Conflict: it is not waiting.
    """
    delivery.reschedule(workspace_id, holding.launched(workspace_id, campaign_id)[1], None)


def move(workspace_id: UUID, campaign_id: UUID, at: datetime) -> None:
    """Choose another time for one that has not begun.

    Raises:
        NotFound: no campaign of this workspace.
        Conflict: it is not waiting.
    """
    delivery.reschedule(workspace_id, holding.launched(workspace_id, campaign_id)[1], at)


def pause(workspace_id: UUID, campaign_id: UUID) -> None:
    """Let nothing more begin; what has begun ends.

    Raises:
        NotFound: no campaign of this workspace.
        Conflict: it is not on its way.
    """
    delivery.pause(workspace_id, holding.launched(workspace_id, campaign_id)[1])


def resume(workspace_id: UUID, campaign_id: UUID) -> None:
    """Go on, also with one that would have begun too late by itself.

    Raises:
        NotFound: no campaign of this workspace.
        Conflict: it does not stand still.
    """
    delivery.resume(workspace_id, holding.launched(workspace_id, campaign_id)[1])


def cancel(workspace_id: UUID, campaign_id: UUID) -> bool:
    """Send no more of it. Where nothing has left yet it is a draft again.

    Returns:
        Whether it is a draft again; a part of a trial never is.

    Raises:
        NotFound: no campaign of this workspace.
        Conflict: it is over.
    """
    campaign, number = holding.launched(workspace_id, campaign_id)
    delivery.cancel(workspace_id, number)
    # Asked only now: its audience may have been made while we waited for its row.
    nothing_left = queries.get_standing(workspace_id, campaign_id).frozen_at is None and campaign.part_of is None
    if nothing_left:
        campaign.mailing_no = None
        content.unmark_entries(workspace_id, campaign.letter_id)
        session().flush()
    return nothing_left


def send_unknown(workspace_id: UUID, campaign_id: UUID) -> int:
    """Send once more to those of whom nobody can say whether they got it; gives how many."""
    return delivery.send_unknown(workspace_id, holding.launched(workspace_id, campaign_id)[1])


def send_rest(workspace_id: UUID, campaign_id: UUID) -> int:
    """Try once more for those whose mail failed; gives how many."""
    return delivery.send_rest(workspace_id, holding.launched(workspace_id, campaign_id)[1])
