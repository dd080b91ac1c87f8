"""One way out: its open lines, and the mails that have begun and wait for whichever of them is free first.

No mail waits behind another on a line, so whoever is slow holds the line that it has and nothing else.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from app.delivery.transports.base import Result
from app.delivery.transports.exchange import Ended, Exchange, Mail
from app.delivery.transports.settings import SmtpSettings
from app.delivery.transports.smtp import SmtpTransport
from app.delivery.windows import SLOW_SECONDS, Windows

PER_LINE: Final = 20
"""So many may have begun for each line: at most so many are in flight after a veto."""
BEGIN_FOR_SECONDS: Final = 0.8
"""So much sending is begun at once, by the pace of the last mails: a slow server gets few at a time."""
HELD_SECONDS: Final = 0.5
"""A line on which a mail takes longer, and twice as long as usual, is held up: nothing is planned for it."""
_CLOSING: Final = 421


class Line:
    """One open line with its pace."""

    __slots__ = ("_mark", "exchange", "fileno", "has_ended", "has_heir", "is_watched_for_room", "limit", "pace_seconds", "transport")

    def __init__(self, transport: SmtpTransport, exchange: Exchange, limit: int) -> None:
        self.transport = transport
        self.exchange = exchange
        self.fileno = transport.connection.line.fileno()
        self.limit = limit
        """Mails over this connection before it is made new."""
        self.pace_seconds = BEGIN_FOR_SECONDS / PER_LINE
        self.is_watched_for_room = False
        self.has_heir = False
        self.has_ended = False
        """Whether its pace is known."""
        self._mark = time.monotonic()

    @property
    def room(self) -> int:
        """How many more may begin for it now."""
        if self.exchange.is_broken:
            return 0
        return max(0, min(self.size - self.exchange.begun, self.limit - self.exchange.taken))

    @property
    def size(self) -> int:
        """How many may have begun for it at a time."""
        return max(1, min(PER_LINE, int(BEGIN_FOR_SECONDS / self.pace_seconds)))

    @property
    def is_ending(self) -> bool:
        """Whether nothing more may begin on it."""
        return self.exchange.taken >= self.limit

    @property
    def is_spent(self) -> bool:
        """Whether it has done what one connection may do, or broke."""
        return self.exchange.is_broken or (self.exchange.is_idle and self.is_ending)

    def waited(self, now: float) -> float:
        """Seconds since the mail in hand could begin; 0 for none."""
        return 0.0 if self.exchange.is_idle else now - self._mark

    def is_held(self, now: float) -> bool:
        """Whether its mail takes far longer than it should."""
        return self.waited(now) > max(HELD_SECONDS, 2 * self.pace_seconds)

    def begin(self, mail: Mail) -> None:
        """Send it, for an idle line."""
        self._mark = time.monotonic()
        self.exchange.put([mail])

    def take_ended(self) -> tuple[list[Ended], float]:
        """What has come to an end and the seconds that each took; the pace follows them."""
        ended = self.exchange.take_ended()
        count = sum(result is not None for _, result in ended)
        if not count:
            return ended, 0.0
        now = time.monotonic()
        seconds = (now - self._mark) / count
        self.pace_seconds += 0.3 * (seconds - self.pace_seconds)
        self._mark = now
        self.has_ended = True
        return ended, seconds


class Route:
    """The lines of one way out: one at first, twice as many as long as there is work for all, up to a limit."""

    def __init__(self, name: str, settings: SmtpSettings, open_aside: Callable[[Route], None]) -> None:
        """Know it; no line is open.

        Args:
            name: as of ``pacing.buckets.route_key``.
            settings: of its mail server.
            open_aside: opens a line in a thread of its own.
        """
        self.name = name
        self.settings = settings
        self.windows = Windows()
        self.open: list[Line] = []
        self.opening = 0
        self.away: Result | None = None
        """Why no line could be opened."""
        self._waiting: deque[Mail] = deque()
        self._open_aside = open_aside

    @property
    def room(self) -> int:
        """How many mails may begin now for those of its lines that are not held up."""
        now = time.monotonic()
        return max(0, sum(line.room for line in self.open if not line.is_held(now)) - len(self._waiting))

    @property
    def is_idle(self) -> bool:
        """Whether no mail waits for a line."""
        return not self._waiting

    @property
    def count(self) -> int:
        """Lines that are open or being opened."""
        return len(self.open) + self.opening

    def keep_to(self, cap: int) -> None:
        """Let the newest lines end with what they have in hand, where there are more than ``cap``."""
        working = [line for line in self.open if not line.is_ending]
        for line in working[max(cap, 0) :]:
            line.limit = line.exchange.taken
            line.has_heir = True

    def grow(self, cap: int, *, is_waiting: bool) -> None:
        """Open more lines, at most ``cap`` in all: as many as work, once their pace is known, or one.

        Who never waits for a server gains nothing from another line, and another worker may.
        """
        now = time.monotonic()
        working = [line for line in self.open if not line.is_held(now)]
        if self.away is not None or not all(line.has_ended for line in working) or (working and not is_waiting):
            return
        wanted = min(cap, len(self.open) + max(1, len(working))) - self.count
        for _ in range(max(0, wanted)):
            self.open_another()

    def open_another(self) -> None:
        """Open one line more."""
        self.opening += 1
        self._open_aside(self)

    def add(self, line: Line) -> None:
        """One that was opened."""
        if self.open:
            line.pace_seconds = sum(other.pace_seconds for other in self.open) / len(self.open)
        self.open.append(line)
        self.windows.lines = len(self.open)

    def remove(self, line: Line) -> None:
        """One that is over."""
        self.open.remove(line)
        self.windows.lines = len(self.open)

    def put(self, mails: list[Mail]) -> None:
        """These have begun."""
        self.windows.begun(map(_group_of, mails))
        self._waiting.extend(mails)

    def supply(self, line: Line) -> None:
        """Give a line that has nothing in hand the next mail."""
        while self._waiting and line.exchange.is_idle and not (line.is_ending or line.exchange.is_broken):
            line.begin(self._waiting.popleft())

    def follow(self, line: Line) -> None:
        """Give a line whose dot is about to leave the mail whose envelope leaves with it.

        None behind a slow receiver, and none that will be too late when the server has answered the dot and reads on.
        """
        if not self._waiting or line.is_ending or not line.exchange.is_overlapping:
            return
        head = line.exchange.head
        is_slow = head is not None and self.windows.is_slow(_group_of(head))
        if not is_slow and time.monotonic() + 2 * line.pace_seconds < self._waiting[0].good_until:
            line.exchange.put([self._waiting.popleft()])

    def end(self, ended: list[Ended], seconds: float) -> None:
        """Learn from what has come to an end, each after so long."""
        for mail, result in ended:
            if result is None or result.code is None or result.code == _CLOSING:
                self.windows.over(_group_of(mail))
            else:
                self.windows.answered(_group_of(mail), seconds)

    def look_after(self, now: float) -> list[Ended]:
        """Take back what waited for too long, and what would follow others to a receiver that has become slow."""
        heads = [line.exchange.head for line in self.open if line.waited(now) > SLOW_SECONDS]
        slow = {group for head in heads if head and not self.windows.is_slow(group := _group_of(head))}
        for group in slow:
            self.windows.waits_for(group)
        return self._take_back([mail for mail in self._waiting if now > mail.good_until or _group_of(mail) in slow])

    def return_waiting(self) -> list[Ended]:
        """Take back what has begun and not yet left."""
        return self._take_back(list(self._waiting))

    def _take_back(self, mails: list[Mail]) -> list[Ended]:
        gone = set(mails)
        if gone:
            self._waiting = deque(mail for mail in self._waiting if mail not in gone)
        ended: list[Ended] = [(mail, None) for mail in mails]
        self.end(ended, 0.0)
        return ended


def _group_of(mail: Mail) -> str:
    group: str = mail.tag.held.domain_group
    return group
