"""What a sender asks before it claims and tells after it was answered; where nothing is limited it costs one read."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text

from app.delivery.pacing import buckets
from app.delivery.pacing.buckets import HORIZON, Limits, Queue
from app.delivery.pacing.rules import CIRCUIT, WHOLE, Said, is_put_off, read_signs
from app.delivery.retries import Blame
from app.delivery.rules import Lane
from app.kernel import clock
from app.kernel.db import session

WINDOW_SECONDS: Final = 30.0
_HORIZON_SECONDS: Final = HORIZON.total_seconds()
_QUIET: Final = frozenset(Blame) - {Blame.HOST, Blame.DOMAIN, Blame.TRANSPORT}
_OWNERS = text(
    "SELECT greatest(1, count(*)) FROM slots WHERE route = :route AND owner <> '' AND lease_until > :now"
)


class Meter:
    """Messages a second by route and group over the last half minute, in this process."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], deque[tuple[float, int]]] = {}
        self._since: dict[tuple[str, str], float] = {}

    def add(self, route: str, groups: Mapping[str, int]) -> None:
        """Note so many messages of each group."""
        now = time.monotonic()
        for group, number in [*groups.items(), (WHOLE, sum(groups.values()))]:
            counts = self._counts.setdefault((route, group), deque())
            if not counts or counts[0][0] < now - WINDOW_SECONDS:
                self._drop_old(counts, now)
            if not counts:
                self._since[route, group] = now
            counts.append((now, number))

    def rate(self, route: str, group: str) -> float:
        """Messages a second, over one second at least."""
        counts, now = self._counts.get((route, group), deque()), time.monotonic()
        self._drop_old(counts, now)
        if not counts:
            return 0.0
        seconds = min(WINDOW_SECONDS, max(1.0, now - self._since[route, group]))
        return sum(number for _, number in counts) / seconds

    @staticmethod
    def _drop_old(counts: deque[tuple[float, int]], now: float) -> None:
        while counts and counts[0][0] < now - WINDOW_SECONDS:
            counts.popleft()


class Pacer:
    """The limits as one sender sees them. Each call works in the caller's transaction; not shared between threads.

    The order of a turn: ``look``, claim without what is shut, ``grant``, give back what was not granted, begin;
    later ``learn``, in the transaction that writes the results and after their mailings were locked, if they are.
    """

    def __init__(self, lane: Lane = Lane.BULK) -> None:
        """Of a lane: system mail may go a little ahead of the clock."""
        self._lane = lane
        self._limits: Limits | None = None
        self._meter = Meter()
        self._put_off: Counter[tuple[str, str]] = Counter()
        """Messages in a row that a group did not take for now."""
        self._taken: dict[tuple[str, str], datetime] = {}
        """Until when the turns of a limited group are given away to postponed messages."""

    def look(self) -> Limits:
        """What is limited now, over all routes: one statement."""
        self._limits = buckets.limits(self._lane)
        return self._limits

    def grant(self, route: str, wanted: Mapping[str, int]) -> dict[str, int]:
        """How many messages of each group may begin now; one statement, and none where nothing limits them.

        Args:
            route: as of ``buckets.route_key``.
            wanted: how many were claimed by group; the empty group is whoever has no domain.
        """
        known = self._limits or self.look()
        if not known.touches(route, wanted):
            return dict(wanted)
        return buckets.grant(route, wanted, lane=self._lane)

    def give_back(self, route: str, unused: Mapping[str, int]) -> None:
        """Return what was granted and did not begin; no statement where nothing limits it."""
        if self._limits is None or self._limits.touches(route, unused):
            buckets.give_back(route, unused)

    def postpone(self, route: str, mailing_no: int) -> int:
        """Move due messages of a mailing whose turn it is not out of the way of claims; how many were moved.

        One statement, and none where no group of the route is limited.
        """
        known = self._limits or self.look()
        queues = {
            group: self._behind(known, route, group, line) for group, line in known.queues(route).items()
        }
        if not queues:
            return 0
        moved = buckets.postpone(mailing_no, queues)
        for group, number in moved.items():
            line = queues[group]
            self._taken[route, group] = known.now + timedelta(seconds=line.first + line.gap * number)
        return sum(moved.values())

    def _behind(self, known: Limits, route: str, group: str, line: Queue) -> Queue:
        """The line as it goes on behind those who stand in it already, as far as this sender knows."""
        taken = self._taken.get((route, group))
        if not line.gap or taken is None:
            return line
        first = max(line.first, (taken - known.now).total_seconds())
        # Whoever would come after the horizon looks again sooner; by then the receiver may want more.
        return replace(line, first=first if first < _HORIZON_SECONDS else _HORIZON_SECONDS / 2)

    def learn(self, route: str, said: Sequence[Said]) -> None:
        """Take in what servers said to a batch of messages; no statement where all is well and nothing was limited."""
        self._meter.add(route, Counter(answer.group for answer in said if answer.group))
        uneasy = self._uneasy(route)
        putting_off = self._count_put_off(route, said, uneasy)
        if not (uneasy or putting_off) and all(answer.verdict.blame in _QUIET for answer in said):
            return
        owners: list[int] = []

        def measured(group: str) -> float:
            # Slots are shared evenly, so the others do about as much as this one.
            if not owners:
                owners.append(_owners(route))
            return self._meter.rate(route, group) * owners[0]

        signs = read_signs(said)
        for group, number in putting_off.items():
            signs[group] = signs[group].as_away(number)
        buckets.write_learnt(route, signs, uneasy, measured)

    def _count_put_off(self, route: str, said: Sequence[Said], uneasy: Collection[str]) -> dict[str, int]:
        """Groups that take nothing at all for now, with how many in a row they put off: as good as away.

        What is said about one message limits nobody, so this is written down only once it is said about all.
        """
        found: dict[str, int] = {}
        for group in {answer.group for answer in said if answer.group}:
            answers = [answer for answer in said if answer.group == group]
            if not all(is_put_off(answer) for answer in answers):
                self._put_off.pop((route, group), None)
                continue
            self._put_off[route, group] += len(answers)
            if group in uneasy or self._put_off[route, group] >= CIRCUIT:
                found[group] = self._put_off[route, group]
        return found

    def _uneasy(self, route: str) -> set[str]:
        """Groups that an answer may relieve."""
        paces = self._limits.paces.items() if self._limits else ()
        return {
            group for (of, group), pace in paces if of == route and (pace.rest is not None or pace.faults)
        }


def _owners(route: str) -> int:
    return int(session().execute(_OWNERS, {"route": route, "now": clock.now()}).scalar_one())
