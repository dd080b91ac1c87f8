"""Trials of variants while they are drafts, and their launch. What comes after is ``deciding``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from sqlalchemy import delete, update

from app.campaigns import feeds, holding, serial, variants
from app.campaigns import trial as rules
from app.campaigns.models import Campaign, CampaignTrial, CampaignVariant
from app.campaigns.rules import MAX_NAME, Check, Reckoning
from app.campaigns.trial import LABELS, REST, Goal, Part
from app.campaigns.variants import Texts, Trial, Variant
from app.content import queries as letters
from app.content import service as content
from app.delivery import service as delivery
from app.delivery.rules.hours import PLAIN, Timing
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict, Unavailable
from app.segments import queries as segments

LEAST: Final = 2
FEW: Final = 100
"""With fewer people each, hardly anything can be told apart."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A variant as somebody wishes it; empty or None: as the campaign."""

    subject: str = ""
    sender_name: str = ""
    has_own_letter: bool = False
    send_at: datetime | None = None
    share: int = 1


def keep(
    workspace_id: UUID,
    campaign_id: UUID,
    *,
    sample: int,
    wait_hours: int,
    holdout: int,
    wanted: Sequence[Wanted],
    goal: Goal = Goal.CLICK,
    by: UUID | None = None,
) -> None:
    """Let a draft go out in variants; what was said before is replaced. Letters of their own are copied once.

    Args:
        workspace_id: whose it is.
        campaign_id: which draft.
        sample: percent of the audience, without the held-out, that gets a variant; 10 to 100.
        wait_hours: 1 to 168.
        holdout: percent of the audience that gets nothing; 0 to 20.
        wanted: two to five; the first is the campaign as it is, but for its time.
        goal: what readers do that decides.
        by: who says so.

    Raises:
        NotFound: no campaign of this workspace.
        Conflict: it has been launched, or is a series' own.
        BadInput: a number is out of its bounds.
    """
    campaign = holding.draft(workspace_id, campaign_id)
    if serial.find_series_of(campaign) is not None:
        raise Conflict("It is the letter of a series, whose issues go out as one.")
    if not LEAST <= len(wanted) <= len(LABELS):
        raise BadInput("A trial has two to five variants.")
    _within({"sample": (sample, 10, 100), "wait": (wait_hours, 1, 168), "holdout": (holdout, 0, 20)})
    found = session().get(CampaignTrial, campaign.id)
    if found is None:
        found = CampaignTrial(campaign_id=campaign.id, workspace_id=workspace_id)
        session().add(found)
    found.sample, found.wait_hours, found.holdout, found.goal = sample, wait_hours, holdout, goal.value
    session().flush()
    for place, one in enumerate(wanted):
        _put(campaign, place, one, by)
    for place in range(len(wanted), len(LABELS)):
        _take_out(campaign, place)
    session().flush()


def copy(campaign: Campaign, to: Campaign, *, by: UUID | None = None) -> None:
    """Give a draft the variants of another campaign of its workspace, with copies of their letters; times that are over stay behind.

    Args:
        campaign: whose variants; where it has none, nothing happens.
        to: a new draft with a copy of that campaign's letter.
        by: who says so.
    """
    trial = variants.find_trial(campaign.workspace_id, campaign.id)
    if trial is None:
        return
    row = trial.row
    made = CampaignTrial(
        campaign_id=to.id, workspace_id=to.workspace_id, sample=row.sample, wait_hours=row.wait_hours, holdout=row.holdout,
        goal=row.goal,
    )  # fmt: skip
    session().add(made)
    session().flush()
    for one in trial.variants:
        is_to_come = one.row.send_at is not None and one.row.send_at > clock.now()
        letter_id = _copied(to, one.label, one.letter_id, by) if one.has_own_letter else None
        session().add(
            CampaignVariant(
                campaign_id=to.id, place=one.row.place, workspace_id=to.workspace_id, subject=one.row.subject,
                sender_name=one.row.sender_name, letter_id=letter_id, send_at=one.row.send_at if is_to_come else None,
                share=one.row.share,
            )
        )  # fmt: skip
    session().flush()


def _copied(campaign: Campaign, label: str, letter_id: UUID, by: UUID | None) -> UUID:
    """A copy of a letter for a variant of this campaign; it is of the same series."""
    name = f"{campaign.name[: MAX_NAME - 3]}: {label}"
    made = content.copy_letter(campaign.workspace_id, letter_id, name, by=by)
    main = letters.get_letter(campaign.workspace_id, campaign.letter_id)
    if main.series_id is not None:
        content.join_series(campaign.workspace_id, made.id, main.series_id)
    return made.id


def _within(numbers: dict[str, tuple[int, int, int]]) -> None:
    faults = {
        name: f"Choose a number from {least} to {most}."
        for name, (number, least, most) in numbers.items()
        if not least <= number <= most
    }
    if faults:
        raise BadInput(fields=faults)


def _put(campaign: Campaign, place: int, wanted: Wanted, by: UUID | None) -> None:
    row = session().get(CampaignVariant, (campaign.id, place))
    if row is None:
        row = CampaignVariant(campaign_id=campaign.id, place=place, workspace_id=campaign.workspace_id)
        session().add(row)
    row.send_at, row.share = wanted.send_at, wanted.share
    if place == 0:
        return
    row.subject, row.sender_name = wanted.subject, wanted.sender_name
    if wanted.has_own_letter and row.letter_id is None:
        row.letter_id = _copied(campaign, LABELS[place], campaign.letter_id, by)
    elif row.letter_id is not None and not wanted.has_own_letter:
        content.archive_letter(campaign.workspace_id, row.letter_id)
        row.letter_id = None


def _take_out(campaign: Campaign, place: int) -> None:
    row = session().get(CampaignVariant, (campaign.id, place))
    if row is not None:
        if row.letter_id is not None:
            content.archive_letter(campaign.workspace_id, row.letter_id)
        session().delete(row)
        session().flush()


def remove(workspace_id: UUID, campaign_id: UUID, label: str) -> None:
    """Take a variant out; those behind it move up. With the last one beside the first the trial is gone.

    Raises:
        NotFound: no campaign of this workspace.
        Conflict: it has been launched.
    """
    campaign = holding.draft(workspace_id, campaign_id)
    trial = variants.find_trial(workspace_id, campaign_id)
    if trial is None or label not in {one.label for one in trial.variants[1:]}:
        return
    if len(trial.variants) == LEAST:
        drop(workspace_id, campaign_id)
        return
    place = LABELS.index(label)
    _take_out(campaign, place)
    for behind in range(place + 1, len(trial.variants)):
        moved = update(CampaignVariant).where(
            CampaignVariant.workspace_id == workspace_id,
            CampaignVariant.campaign_id == campaign_id,
            CampaignVariant.place == behind,
        )
        session().execute(moved.values(place=behind - 1))
    session().expire_all()


def drop(workspace_id: UUID, campaign_id: UUID) -> None:
    """Let a draft go out as one again; letters of variants are put away.

    Raises:
        NotFound: no campaign of this workspace.
        Conflict: it has been launched.
    """
    campaign = holding.draft(workspace_id, campaign_id)
    for place in range(len(LABELS)):
        _take_out(campaign, place)
    session().execute(
        delete(CampaignTrial).where(
            CampaignTrial.workspace_id == workspace_id, CampaignTrial.campaign_id == campaign_id
        )
    )
    session().expire_all()


@dataclass(frozen=True, slots=True)
class Seen:
    """A draft's trial as it is looked at: how many people each part has, by its name; the signature of all of it."""

    trial: Trial
    people: dict[str, int]
    signature: str
    checks: tuple[Check, ...]

    @property
    def sample(self) -> int:
        """People who get a variant."""
        return sum(self.people.get(one.label, 0) for one in self.trial.variants)

    @property
    def reach(self) -> str:
        """Which difference the sample can show, in a sentence; empty without a sample."""
        least = min(self.people.get(one.label, 0) for one in self.trial.variants)
        return seen_words(least, len(self.trial.variants), self.trial.goal)


def seen_words(people: int, variants_count: int, goal: Goal) -> str:
    """Which difference so many people in each variant can show, in a sentence."""
    words = rules.GOALS[goal]
    usual = words.usual_rate
    seen = rules.rate_seen(people, usual, variants_count - 1)
    if not people or seen is None:
        return "So few people can show no difference."
    needed = rules.people_needed(usual, usual * 1.2, variants_count - 1)
    return (
        f"If {usual:.0%} of the readers of one variant {words.verb}, another one is told from it four times of five if at least"
        f" {seen:.1%} {words.verb} there. To tell {usual:.0%} from {usual * 1.2:.1%} takes {needed:,} people in each variant,"
        f" which is {round(needed * usual):,} {words.plural}."
    )


def look(campaign: Campaign, reckoned: Reckoning) -> Seen | None:
    """Look at the trial of a draft; None: there is none."""
    trial = variants.find_trial(campaign.workspace_id, campaign.id)
    if trial is None:
        return None
    people: dict[str, int] = {}
    if campaign.interests and not reckoned.fault:
        try:
            people = variants.count_people(campaign, trial)
        except (Conflict, Unavailable):
            people = {}
    texts = variants.texts_of(trial)
    found = [check for place in range(len(trial.variants)) for check in _check_variant(trial, texts, place, people)]
    if not any(check.severity == "stop" for check in found):
        names = ", ".join(one.label for one in trial.variants)
        found.append(Check("pass", f"Variants {names} differ and are fit to send"))
    found += _check_size(trial, people)
    return Seen(trial, people, variants.signature(trial, texts), tuple(found))


def letters_of(campaign: Campaign) -> set[UUID]:
    """The letters that a draft sends: its own, and those of its variants."""
    trial = variants.find_trial(campaign.workspace_id, campaign.id)
    return {campaign.letter_id, *(one.letter_id for one in (trial.variants if trial else ()))}


def words_of(campaign: Campaign, label: str) -> tuple[UUID, str]:
    """The letter of a variant, and the subject in place of that letter's; of the campaign where there is no such one."""
    trial = variants.find_trial(campaign.workspace_id, campaign.id)
    found = [one for one in trial.variants if one.label == label] if trial else []
    return (found[0].letter_id, found[0].row.subject) if found else (campaign.letter_id, "")


def _check_variant(trial: Trial, texts: Texts, place: int, people: dict[str, int]) -> list[Check]:
    one = trial.variants[place]
    found = []
    twin = next((other for other in trial.variants[:place] if _looks(texts, other) == _looks(texts, one)), None)
    if twin is not None:
        says = "Change its subject, its sender’s name, its content or its time."
        found.append(Check("stop", f"{one.label} is the same as {twin.label}", says, "variants"))
    if one.row.send_at is not None and one.row.send_at <= clock.now():
        found.append(Check("stop", f"The time of {one.label} is over", "Choose one to come.", "variants"))
    if people and not people[one.label]:
        found.append(Check("stop", f"Nobody would get {one.label}", "Take a larger sample.", "variants"))
    return found + _check_words(texts, one)


def _looks(texts: Texts, one: Variant) -> tuple[Any, ...]:
    """What a reader sees of it; a subject that its letter has anyway is none of its own."""
    return one.row.subject or texts[one.letter_id][0].subject, *one.key[1:]


def _check_words(texts: Texts, one: Variant) -> list[Check]:
    """Its letter and its subject, where they are its own: the campaign's are looked at anyway."""
    if not one.has_own_letter and not one.row.subject:
        return []
    problems = content.written_of(texts[one.letter_id][0], subject=one.row.subject).problems
    found = [
        Check("stop" if found.severity == "error" else "warn", f"{one.label}: {found.message}", "", "variants")
        for found in problems
        if one.has_own_letter or found.place == "subject"
    ]
    return [*found, *_check_feeds(texts, one), *_check_languages(texts, one)]


def _check_feeds(texts: Texts, one: Variant) -> list[Check]:
    """The feeds of its letter, where that is its own."""
    if not one.has_own_letter:
        return []
    return feeds.faults_of(texts[one.letter_id], f"{one.label}: its feed", "variants")


def _check_languages(texts: Texts, one: Variant) -> list[Check]:
    """The translations of its letter: those of its own are looked at, and none of them has its subject."""
    main, *translations = texts[one.letter_id]
    _main, *others = content.staged(main, translations)
    found = [
        Check("stop", f"{one.label}, {other.name}: {problem.message}", "", "variants")
        for other in (others if one.has_own_letter else ())
        for problem in content.written_of(other.letter).problems
        if problem.severity == "error"
    ]
    if one.row.subject and others:
        names = ", ".join(other.name for other in others)
        says = "Who reads another language gets the subject of that text. To try subjects in each, give it content of its own."
        found.append(Check("warn", f"The subject of {one.label} is not tried in {names}", says, "variants"))
    return found


def _check_size(trial: Trial, people: dict[str, int]) -> list[Check]:
    least = min((people.get(one.label, 0) for one in trial.variants), default=0)
    if not least or least >= FEW:
        return []
    says = seen_words(least, len(trial.variants), trial.goal)
    return [Check("warn", f"Only {least:,} people in a variant: small differences will not be seen", says, "variants")]


def part_id(campaign_id: UUID, name: str) -> UUID:
    """The id of a part, which is also what its mailing is launched under: whoever makes it makes the same one."""
    return uuid5(campaign_id, name)


def launch(campaign: Campaign, seen: Seen, send_at: datetime, by: UUID, timing: Timing = PLAIN) -> int:
    """Launch every variant to its part of the audience; the rest waits for the decision.

    Returns:
        The number of the first variant's mailing.
    """
    trial, now = seen.trial, clock.now()
    row, parts = trial.row, {part.name: part for part in trial.parts}
    row.narrowing = segments.snapshot(campaign.workspace_id, campaign.segment_id) if campaign.segment_id else None
    row.launched_at, row.launched_by = now, by
    row.sampled_at = row.decided_at = row.decided_by = row.winner = row.verdict = None
    numbers = [
        launch_part(
            campaign, trial, one, parts[one.label], one.label, send_at=one.row.send_at or send_at, by=by,
            timing=replace(timing, at=one.row.send_at or timing.at),
        )
        for one in trial.variants
    ]
    return numbers[0]


def launch_part(
    campaign: Campaign,
    trial: Trial,
    variant: Variant,
    part: Part,
    name: str,
    *,
    send_at: datetime | None,
    by: UUID | None,
    version_id: UUID | None = None,
    without: Sequence[int] = (),
    timing: Timing = PLAIN,
) -> int:
    """Send a variant to a part of the audience: as a campaign of its own with a mailing of its own.

    Args:
        campaign: the trial's.
        trial: the trial.
        variant: what they get.
        part: who gets it.
        name: of the part: the variant's, or ``rest``.
        send_at: None: now.
        by: who decided so; None: the test.
        version_id: what was sent before; None: the letter becomes a version now.
        without: mailings of other parts; whoever is in one of them gets nothing.
        timing: when each mail leaves.

    Returns:
        The number of its mailing.
    """
    workspace_id, one = campaign.workspace_id, variant.row
    if version_id is None:
        version_id = content.freeze_languages(workspace_id, variant.letter_id, by, subject=one.subject).id
    words = name if name != REST else f"rest, {variant.label}"
    made = Campaign(
        id=part_id(campaign.id, name), workspace_id=workspace_id, name=f"{campaign.name[: MAX_NAME - 9]}: {words}",
        letter_id=variant.letter_id, interests=list(campaign.interests), segment_id=campaign.segment_id,
        delay_seconds=campaign.delay_seconds, created_by=by, created_at=clock.now(), part_of=campaign.id, part=name,
    )  # fmt: skip
    session().add(made)
    session().flush()
    made.mailing_no = delivery.launch(
        workspace_id,
        dedupe=made.id,
        title=made.name,
        version_id=version_id,
        interests=[UUID(found) for found in campaign.interests],
        narrowing=delivery.part_of(campaign.id, part.start, part.stop, trial.row.narrowing, without),
        sender_name=one.sender_name,
        send_at=send_at,
        timing=timing,
        by=by,
    )
    session().flush()
    return made.mailing_no
