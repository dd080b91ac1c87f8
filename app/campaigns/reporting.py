"""What came of a campaign, in numbers: the same for the page, the file, the paper and the public link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.campaigns import queries, shares
from app.campaigns.queries import Standing
from app.campaigns.rules import Progress
from app.campaigns.shares import Shares
from app.delivery import queries as outbox
from app.delivery.rules import Leaving, Refusal, Word
from app.tracking import queries as tracking
from app.tracking.queries import NO_ORDERS, HourCount, LinkCount, Orders, Readers
from app.tracking.rules.hits import Kind
from app.tracking.rules.verdicts import Verdict

COMPARED: int = 5
"""So many former campaigns stand beside it."""


@dataclass(frozen=True, slots=True)
class Rates:
    """A campaign beside others, in percent of what was sent (not reached: of the audience)."""

    standing: Standing
    sent: int
    not_reached: float
    opened: float
    clicked: float
    left: float
    orders: Orders


@dataclass(frozen=True, slots=True)
class Report:
    """All numbers of a campaign whose audience is made, read within one transaction.

    Attributes:
        reasons: why messages ended as they did, by word.
        refusals: those that did not arrive, by class.
        totals: signals by kind and verdict.
    """

    standing: Standing
    progress: Progress
    reasons: Mapping[Word, Mapping[str, int]]
    refusals: Mapping[Refusal, int]
    readers: Readers
    leavings: Mapping[Leaving, int]
    hours: Sequence[HourCount]
    links: Sequence[LinkCount]
    shares: Shares
    orders: Orders

    @property
    def totals(self) -> dict[Kind, dict[Verdict, int]]:
        """Signals by kind and by who made them; all are there."""
        sums = {kind: dict.fromkeys(Verdict, 0) for kind in Kind}
        for found in self.hours:
            sums[found.kind][found.verdict] += found.count
        return sums


def gather(workspace_id: UUID, standing: Standing) -> Report:
    """The numbers of a campaign of this workspace that has a mailing."""
    number = standing.mailing_no
    assert number is not None
    ends = queries.count_ends(workspace_id, [number])[number]
    progress = queries.progress(ends)
    return Report(
        standing,
        progress,
        ends.reasons,
        ends.refusals,
        tracking.count_readers(workspace_id, [number]).get(number, Readers(0, 0)),
        outbox.count_leavings(workspace_id, number),
        tracking.by_hour(workspace_id, number),
        tracking.by_link(workspace_id, number),
        shares.find(workspace_id, number, progress.audience, standing.frozen_at),
        tracking.count_orders(workspace_id, [number]).get(number, NO_ORDERS),
    )


def compare(workspace_id: UUID, report: Report) -> list[Rates]:
    """This campaign and up to five that began before it, the newest first; empty where there is none before it."""
    others = beside(workspace_id, queries.list_former(workspace_id, report.standing, COMPARED))
    own = _rates(report.standing, report.progress, report.readers, report.leavings[Leaving.LEFT], report.orders)
    return [own, *others] if others else []


def beside(workspace_id: UUID, standings: Sequence[Standing]) -> list[Rates]:
    """The rates of campaigns whose audience is made, in their order."""
    numbers = [found.mailing_no for found in standings if found.mailing_no is not None]
    ends = queries.count_ends(workspace_id, numbers)
    readers = tracking.count_readers(workspace_id, numbers)
    left = outbox.count_left_of(workspace_id, numbers)
    orders = tracking.count_orders(workspace_id, numbers)
    return [
        _rates(
            found, queries.progress(ends[number]), readers.get(number, Readers(0, 0)), left.get(number, 0),
            orders.get(number, NO_ORDERS),
        )
        for found, number in zip(standings, numbers, strict=True)
    ]  # fmt: skip


def _rates(standing: Standing, progress: Progress, readers: Readers, left: int, orders: Orders) -> Rates:
    def of(number: int, whole: int) -> float:
        return 100 * number / whole if whole else 0.0

    sent = progress.sent
    return Rates(
        standing, sent, of(progress.failed, progress.audience), of(readers.opened, sent), of(readers.clicked, sent), of(left, sent),
        orders,
    )  # fmt: skip
