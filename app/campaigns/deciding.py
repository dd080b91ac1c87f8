"""What becomes of trials on their way: the sample has gone, the test or a person decides, the rest gets one variant.

The trial's row is held while it is decided and says afterwards that it was; its rest is launched in the same
transaction under a key of its own. So whoever decides at the same time, or again after a crash, makes one mailing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select, text
from sqlalchemy.exc import InterfaceError, OperationalError

from app.accounts import queries as accounts
from app.campaigns import queries, trials, variants
from app.campaigns import trial as rules
from app.campaigns.models import Campaign, CampaignHeldOut, CampaignTrial
from app.campaigns.queries import Standing
from app.campaigns.rules import Progress, State
from app.campaigns.trial import HELD_OUT, REST, Lift, Verdict
from app.campaigns.variants import Trial, Variant
from app.consent import queries as consent
from app.content import service as content
from app.delivery import queries as outbox
from app.delivery import service as delivery
from app.delivery.rules import LATE, TOO_LATE
from app.kernel import clock
from app.kernel.db import release, session, transaction
from app.kernel.errors import BadInput, Conflict, NotFound
from app.segments import queries as segments

log = logging.getLogger(__name__)

JOB: Final = "campaigns.decide"
EVERY_SECONDS: Final = 30
STRAGGLERS: Final = 0.01
"""A sample has gone when no more than this share of each part still waits for servers that ask for patience."""


def run() -> None:
    """Decide what is due; a job. Several may run at once."""
    with transaction():
        query = select(CampaignTrial.workspace_id, CampaignTrial.campaign_id)
        found = session().execute(
            query.where(CampaignTrial.launched_at.is_not(None), CampaignTrial.decided_at.is_(None))
        )
        open_trials = [(row.workspace_id, row.campaign_id) for row in found]
    for workspace_id, campaign_id in open_trials:
        try:
            with transaction():
                step(workspace_id, campaign_id)
        except (OperationalError, InterfaceError):
            raise  # the database is away: all of them come again
        except Exception:
            # Others go on; this one is tried again, and its page offers a person to decide.
            log.exception("trial %s cannot be decided", campaign_id)
    release()


def step(workspace_id: UUID, campaign_id: UUID) -> None:
    """Take one trial as far as it is due: notice that its sample has gone, then decide after the wait."""
    trial = variants.hold_trial(workspace_id, campaign_id)
    if trial is None or not trial.is_launched or trial.row.decided_at is not None:
        return
    now, parts = clock.now(), queries.list_parts(workspace_id, campaign_id)
    if trial.row.sampled_at is None:
        if not _have_gone(workspace_id, parts):
            return
        trial.row.sampled_at = now
        _keep_held_out(trial)
    due = due_at(trial)
    assert due is not None
    if now >= due and not any(part.state is State.CANCELLED for part in parts):
        verdict = verdict_of(trial, parts)
        _decide(trial, parts, verdict.winner, verdict, None, is_late=now > due + LATE)


def due_at(trial: Trial) -> datetime | None:
    """When the test decides; None while the sample has not gone."""
    sampled = trial.row.sampled_at
    return sampled + timedelta(hours=trial.row.wait_hours) if sampled else None


def verdict_of(trial: Trial, parts: Sequence[Standing]) -> Verdict:
    """What the variants have come to by now."""
    numbers = [(part.part, part.mailing_no) for part in parts if part.part != REST and part.mailing_no is not None]
    return rules.judge(variants.count_acted(trial, numbers))


def lift_of(trial: Trial, parts: Sequence[Standing]) -> tuple[Lift, datetime] | None:
    """What it brought beyond those held out, and until when orders count; None: nobody is known to be held out yet."""
    made = {part.mailing_no: part.frozen_at for part in parts if part.mailing_no is not None and part.frozen_at is not None}
    is_kept = trial.row.sampled_at is not None or trial.row.decided_at is not None
    if not trial.row.holdout or not is_kept or not made:
        return None
    until = max(made.values()) + rules.LIFT_WITHIN
    return variants.count_lift(trial, sorted(made), min(made.values()), until), until


def _have_gone(workspace_id: UUID, parts: Sequence[Standing]) -> bool:
    running = [part.mailing_no for part in parts if part.state is State.SENDING and part.mailing_no is not None]
    progress = queries.progress_of(workspace_id, running)
    return all(_has_gone(part, progress.get(part.mailing_no or 0)) for part in parts)


def _has_gone(part: Standing, progress: Progress | None) -> bool:
    if part.state in {State.DONE, State.CANCELLED}:
        return True
    if part.frozen_at is None or progress is None:
        return False
    return progress.waiting <= STRAGGLERS * (part.audience or 0)


def decide_by_hand(workspace_id: UUID, campaign_id: UUID, label: str, *, by: UUID) -> None:
    """Let the rest have a variant now. Parts that have not begun never will: their people are of the rest.

    Raises:
        NotFound: no trial of this workspace.
        Conflict: it is decided, or was not launched.
        BadInput: there is no such variant, or it cannot be sent now.
    """
    trial = _open(workspace_id, campaign_id)
    if label not in {one.label for one in trial.variants}:
        raise BadInput(fields={"label": "Choose one of the variants."})
    parts = queries.list_parts(workspace_id, campaign_id)
    _decide(trial, parts, label, verdict_of(trial, parts), by, is_late=False)


def stop(workspace_id: UUID, campaign_id: UUID, *, by: UUID) -> bool:
    """Send no variant to the rest, and no part that has not begun. Where nothing has left it is a draft again.

    Returns:
        Whether it is a draft again.

    Raises:
        NotFound: no trial of this workspace.
        Conflict: it is decided, or was not launched.
    """
    trial = _open(workspace_id, campaign_id)
    parts = queries.list_parts(workspace_id, campaign_id)
    if _call_off(workspace_id, parts) == len(parts):
        session().execute(
            delete(Campaign).where(Campaign.workspace_id == workspace_id, Campaign.part_of == campaign_id)
        )
        trial.row.launched_at = trial.row.launched_by = trial.row.narrowing = None
        content.unmark_entries(workspace_id, queries.get_campaign(workspace_id, campaign_id).letter_id)
        session().flush()
        return True
    _keep_held_out(trial)
    _close(trial, None, verdict_of(trial, parts), by)
    return False


def _open(workspace_id: UUID, campaign_id: UUID) -> Trial:
    queries.get_campaign(workspace_id, campaign_id)
    trial = variants.hold_trial(workspace_id, campaign_id)
    if trial is None:
        raise NotFound("This campaign has no variants.")
    if not trial.is_launched:
        raise Conflict("It has not been sent.")
    if trial.row.decided_at is not None:
        raise Conflict("It is decided already.")
    return trial


def _decide(
    trial: Trial, parts: Sequence[Standing], label: str, verdict: Verdict, by: UUID | None, *, is_late: bool
) -> None:
    row = trial.row
    _call_off(row.workspace_id, parts)
    _keep_held_out(trial)
    _close(trial, label, verdict, by)
    log.info("trial %s is decided: the rest gets %s", row.campaign_id, label)
    rest = trial.parts[-1]
    if rest.start == rest.stop:
        return
    send_at, tried = _time_of_rest(trial, label), next(part for part in parts if part.part == label)
    number = trials.launch_part(
        queries.get_campaign(row.workspace_id, row.campaign_id),
        trial,
        next(one for one in trial.variants if one.label == label),
        rest_of(trial),
        REST,
        send_at=send_at,
        by=by,
        version_id=tried.version_id,
        timing=replace(tried.timing, at=send_at or tried.timing.at),
        without=[part.mailing_no for part in parts if part.mailing_no is not None],
    )
    if is_late:
        delivery.pause(row.workspace_id, number, TOO_LATE)


def rest_of(trial: Trial) -> rules.Part:
    """Everybody who is not held out: who is in the sample has a mail already, who joined since has none."""
    return rules.Part(REST, trial.parts[0].stop, rules.WHOLE)


def _close(trial: Trial, winner: str | None, verdict: Verdict, by: UUID | None) -> None:
    row = trial.row
    row.decided_at, row.decided_by, row.winner, row.verdict = clock.now(), by, winner, verdict.stored()
    session().flush()


def _call_off(workspace_id: UUID, parts: Sequence[Standing]) -> int:
    """Cancel the parts whose audience is not made; gives how many parts have none now."""
    count = 0
    for part in parts:
        assert part.mailing_no is not None
        # Held: it is made by others, and what is looked at here must still be so when the rest is launched.
        mailing = outbox.get_mailing(workspace_id, part.mailing_no, is_held=True)
        if mailing.frozen_at is None:
            count += 1
            if mailing.ended_at is None and mailing.state != State.CANCELLED.value:
                delivery.cancel(workspace_id, part.mailing_no)
    return count


def _time_of_rest(trial: Trial, label: str) -> datetime | None:
    """Where times were tried, the next time like the winner's; else now."""
    times = {one.label: one.row.send_at for one in trial.variants}
    chosen = times[label]
    if chosen is None:
        return None
    zone = accounts.brand(trial.row.workspace_id).time_zone
    days = {moment.astimezone(ZoneInfo(zone)).weekday() for moment in times.values() if moment is not None}
    return rules.next_like(chosen, zone, clock.now(), weekday=len(days) > 1)


def _keep_held_out(trial: Trial) -> None:
    """Write down who is held out, of those who would get it now; who is known stays."""
    row = trial.row
    held = next(part for part in trial.parts if part.name == HELD_OUT)
    if held.start == held.stop:
        return
    campaign = queries.get_campaign(row.workspace_id, row.campaign_id)
    audience, binds = consent.audience_sql([UUID(found) for found in campaign.interests])
    narrowed, more = "", dict[str, Any]()
    if row.narrowing is not None:
        people, more = segments.narrow(row.workspace_id, row.narrowing)
        narrowed = f" AND a.contact_id IN ({people})"
    slot = delivery.slot_sql("a.contact_id")
    statement = text(
        "INSERT INTO campaign_held_out (campaign_id, contact_id, workspace_id, held_at)"  # noqa: S608  no input in it
        f" SELECT :campaign_id, a.contact_id, :workspace_id, :now FROM ({audience}) AS a WHERE {slot} < :stop{narrowed}"
        " ON CONFLICT DO NOTHING"
    )
    values = {
        "campaign_id": row.campaign_id, "workspace_id": row.workspace_id, "now": clock.now(),
        "slot_key": row.campaign_id.bytes, "stop": held.stop,
    }  # fmt: skip
    session().execute(statement, {**more, **values, **binds})


_HELD_FROM = text(
    "SELECT c.name, h.held_at FROM campaign_held_out h JOIN campaigns c ON c.id = h.campaign_id"
    " WHERE h.workspace_id = :workspace_id AND h.contact_id = :contact_id ORDER BY h.held_at"
)


def export(workspace_id: UUID, contact_id: UUID) -> list[dict[str, Any]]:
    """The campaigns that a person was held out of."""
    values = {"workspace_id": workspace_id, "contact_id": contact_id}
    rows = session().execute(_HELD_FROM, values)
    return [{"campaign": row.name, "is": "held out, to compare", "at": row.held_at.isoformat()} for row in rows]


def erase(workspace_id: UUID, contact_id: UUID) -> None:
    """Forget that somebody was held out of any."""
    session().execute(
        delete(CampaignHeldOut).where(
            CampaignHeldOut.workspace_id == workspace_id, CampaignHeldOut.contact_id == contact_id
        )
    )


def variant_words(variant: Variant) -> str:
    """What is its own, in a line."""
    return ", ".join(variant.differs_in) or "as it is"
