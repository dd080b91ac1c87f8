"""Reads of a campaign's variants: what they are, how many people each has, what each has come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy import select, text

from app.campaigns import trial as rules
from app.campaigns.models import Campaign, CampaignTrial, CampaignVariant
from app.campaigns.trial import HELD_OUT, LABELS, Counted, Goal, Lift, Part
from app.consent import queries as consent
from app.content import queries as letters
from app.content import service as content
from app.delivery import service as delivery
from app.kernel import clock
from app.kernel.db import session
from app.kernel.shared import Shared
from app.segments import queries as segments

if TYPE_CHECKING:
    from app.content.models import Letter


@dataclass(frozen=True, slots=True)
class Variant:
    """What one variant is; ``letter_id`` is the campaign's unless ``has_own_letter``."""

    label: str
    row: CampaignVariant
    letter_id: UUID
    has_own_letter: bool

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for variants that nobody could tell from each other."""
        return self.row.subject, self.row.sender_name, self.letter_id, self.row.send_at

    @property
    def differs_in(self) -> list[str]:
        """What is its own, in words."""
        words = [
            (bool(self.row.subject), "subject"), (bool(self.row.sender_name), "sender’s name"),
            (self.has_own_letter, "content"), (self.row.send_at is not None, "time"),
        ]  # fmt: skip
        return [word for is_own, word in words if is_own]


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial with its variants and how the audience is dealt out."""

    row: CampaignTrial
    variants: tuple[Variant, ...]

    @property
    def parts(self) -> list[Part]:
        """The held-out, each variant, and the rest."""
        return rules.parts_of([one.row.share for one in self.variants], self.row.sample, self.row.holdout)

    @property
    def goal(self) -> Goal:
        """What readers do that decides."""
        return Goal(self.row.goal)

    @property
    def is_launched(self) -> bool:
        """Whether it is on its way or over."""
        return self.row.launched_at is not None


def find_trial(workspace_id: UUID, campaign_id: UUID) -> Trial | None:
    """The trial of a campaign; None: it goes out as one."""
    query = select(CampaignTrial).where(
        CampaignTrial.workspace_id == workspace_id, CampaignTrial.campaign_id == campaign_id
    )
    found = session().execute(query).scalar_one_or_none()
    return None if found is None else _whole(found)


def _whole(found: CampaignTrial) -> Trial:
    campaign = session().get(Campaign, found.campaign_id)
    assert campaign is not None
    query = select(CampaignVariant).where(CampaignVariant.campaign_id == found.campaign_id)
    rows = session().execute(query.order_by(CampaignVariant.place)).scalars()
    own = [
        Variant(LABELS[row.place], row, row.letter_id or campaign.letter_id, row.letter_id is not None) for row in rows
    ]
    return Trial(found, tuple(own))


def hold_trial(workspace_id: UUID, campaign_id: UUID) -> Trial | None:
    """The trial of a campaign, which nobody else changes until the transaction ends."""
    query = select(CampaignTrial).where(
        CampaignTrial.workspace_id == workspace_id, CampaignTrial.campaign_id == campaign_id
    )
    held = query.with_for_update().execution_options(populate_existing=True)
    found = session().execute(held).scalar_one_or_none()
    return None if found is None else _whole(found)


Texts = Mapping[UUID, tuple["Letter", ...]]
"""Letters by their id, each followed by its translations."""


def texts_of(trial: Trial) -> Texts:
    """What its variants say, in all languages; read together."""
    return letters.get_in_languages(trial.row.workspace_id, {one.letter_id for one in trial.variants})


def signature(trial: Trial, texts: Texts | None = None) -> str:
    """Of what was looked at: whatever of it changes makes another one; ``texts``: from who has read them anyway."""
    row, texts = trial.row, texts or texts_of(trial)
    parts: list[object] = [row.sample, row.wait_hours, row.holdout, row.goal]
    for one in trial.variants:
        parts += [*one.key, one.row.share, *(_words_of(*texts[one.letter_id]) if one.has_own_letter else [0])]
    return sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]


def _words_of(main: Letter, *translations: Letter) -> list[object]:
    languages = content.signature_of(translations)
    return [main.edition, languages] if languages else [main.edition]


def count_people(campaign: Campaign, trial: Trial) -> dict[str, int]:
    """How many people are in each part now, by its name.

    Raises:
        Conflict: the segment names what is not here any more.
        Unavailable: it takes too long to be counted.
    """
    audience, binds = consent.audience_sql([UUID(found) for found in campaign.interests])
    values = {**binds, "workspace_id": campaign.workspace_id, "now": clock.now(), "slot_key": campaign.id.bytes}
    values["edges"] = [part.start for part in trial.parts]
    # The number of edges that are not above a slot says in which part it is.
    sql = (
        f"SELECT width_bucket({delivery.slot_sql('a.contact_id')}, CAST(:edges AS bigint[])), count(*)"  # noqa: S608
        f" FROM ({audience}) AS a"
    )
    if campaign.segment_id is None:
        found = session().execute(text(f"{sql} GROUP BY 1"), values).all()
    else:
        people, more = segments.members_sql(campaign.workspace_id, campaign.segment_id)
        with segments.planned():
            narrowed = text(f"{sql} WHERE a.contact_id IN ({people}) GROUP BY 1")
            found = session().execute(narrowed, {**more, **values}).all()
    counts = {place: number for place, number in found}  # noqa: C416  rows, not pairs
    return {part.name: counts.get(i, 0) for i, part in enumerate(trial.parts, 1)}


# Which signal is of a mail: a click says so, and a reply where the mailbox handed it on; an order is of whoever got it.
_IS_OF: Final = {
    Goal.CLICK: "s.mailing_no = m.mailing_no AND s.n = m.n",
    Goal.ORDER: "s.contact_id = m.contact_id AND s.at >= m.began_at",
    Goal.REPLY: (
        "s.contact_id = m.contact_id AND s.at >= m.began_at"
        " AND coalesce(s.data ->> 'mailing', CAST(m.mailing_no AS text)) = CAST(m.mailing_no AS text)"
    ),
}
# For each mail it is counted for the same time, so that what left earlier is not ahead for that alone.
_COUNT: Final = """
SELECT m.mailing_no, count(*), count(*) FILTER (WHERE EXISTS (
  SELECT FROM signals s WHERE s.workspace_id = :workspace_id AND {is_of}
  AND s.kind = :kind AND s.verdict = 'human' AND s.at < m.began_at + CAST(:within AS interval)))
FROM messages m WHERE m.workspace_id = :workspace_id AND m.mailing_no = ANY(:nos) AND m.state = 'sent'
GROUP BY m.mailing_no
"""


def count_acted(trial: Trial, mailings: Sequence[tuple[str, int]]) -> list[Counted]:
    """Who got each of these parts, and who of them did in time what decides.

    Args:
        trial: whose they are.
        mailings: (label, number of its mailing).
    """
    values = {
        "workspace_id": trial.row.workspace_id, "nos": [number for _, number in mailings],
        "within": timedelta(hours=trial.row.wait_hours), "kind": trial.goal.value,
    }  # fmt: skip
    statement = text(_COUNT.format(is_of=_IS_OF[trial.goal]))
    found = {number: (sent, acted) for number, sent, acted in session().execute(statement, values)}
    return [Counted(label, *found.get(number, (0, 0))) for label, number in mailings]


_HELD = text("SELECT count(*) FROM campaign_held_out WHERE workspace_id = :workspace_id AND campaign_id = :campaign_id")


def count_held_out(workspace_id: UUID, campaign_id: UUID) -> int:
    """How many people were held out of a campaign."""
    values = {"workspace_id": workspace_id, "campaign_id": campaign_id}
    count: int = session().execute(_HELD, values).scalar_one()
    return count


# Both sides over the same days, and all of each whatever became of their mails: else they are not alike any more.
_LIFT = text("""
SELECT p.is_held, count(*), count(*) FILTER (WHERE EXISTS (
  SELECT FROM signals s WHERE s.workspace_id = :workspace_id AND s.contact_id = p.contact_id
  AND s.kind = 'order' AND s.verdict = 'human' AND s.at >= :since AND s.at < :until))
FROM (
  SELECT false AS is_held, contact_id FROM messages
  WHERE workspace_id = :workspace_id AND mailing_no = ANY(:nos) AND contact_id IS NOT NULL
  UNION ALL
  SELECT true, contact_id FROM campaign_held_out WHERE workspace_id = :workspace_id AND campaign_id = :campaign_id
) AS p GROUP BY p.is_held
""")
_lifts: Shared[Lift] = Shared()


def count_lift(trial: Trial, mailing_nos: Sequence[int], since: datetime, until: datetime) -> Lift:
    """Who of those whom these mailings were made for ordered in this time, and of the held-out; of many some seconds old."""
    row = trial.row
    key = (row.campaign_id, tuple(mailing_nos), since, until)
    known = _lifts.find(key)
    if known is not None:
        return known
    values = {
        "workspace_id": row.workspace_id, "campaign_id": row.campaign_id, "nos": list(mailing_nos),
        "since": since, "until": until,
    }  # fmt: skip
    found = {is_held: (people, ordered) for is_held, people, ordered in session().execute(_LIFT, values)}
    lift = Lift(Counted("got it", *found.get(False, (0, 0))), Counted(HELD_OUT, *found.get(True, (0, 0))))
    return _lifts.keep(key, lift, lift.got.sent + lift.held.sent)


_OF_TRIALS = text(
    "SELECT part_of, mailing_no FROM campaigns WHERE workspace_id = :workspace_id AND part_of = ANY(:ids)"
    " AND mailing_no IS NOT NULL"
)


def mailings_of(workspace_id: UUID, campaign_ids: Sequence[UUID]) -> dict[UUID, list[int]]:
    """The mailings of the parts of these trials."""
    found: dict[UUID, list[int]] = {one: [] for one in campaign_ids}
    if campaign_ids:
        for trial, number in session().execute(_OF_TRIALS, {"workspace_id": workspace_id, "ids": list(campaign_ids)}):
            found[trial].append(number)
    return found
