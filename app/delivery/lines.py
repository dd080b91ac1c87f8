"""Lines to mail servers, many at once in one thread: opened beside the loop, fed in it, watched by one poller."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from app.delivery.transports.base import NotOpen, Result
from app.delivery.transports.exchange import Ended, Exchange, Mail
from app.delivery.transports.settings import SmtpSettings
from app.delivery.transports.smtp import SmtpTransport
from app.delivery.windows import Windows

PER_LINE: Final = 20
"""So many may have begun on one line: at most so many are in flight after a veto."""
BEGIN_FOR_SECONDS: Final = 0.8
"""So much sending is begun at once, by the pace of the last mails: a slow server gets few at a time."""
WAITS_FROM: Final = 0.1
"""More lines are opened while at least so much of the time goes by in waiting for servers."""
MOMENT_SECONDS: Final = 0.001
"""Between the last octet of a mail and its dot: whoever hangs up in the middle of a mail is mostly heard by then."""
GOODBYE_SECONDS: Final = 1.0
CHECK_SECONDS: Final = 0.5

BeforeBody = Callable[[Mail], None]
AfterAnswer = Callable[[Mail, Result], None]


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
        """How many more may begin on it now."""
        exchange = self.exchange
        if exchange.is_broken:
            return 0
        left = self.limit - exchange.taken - exchange.waits
        return max(0, min(self.size - exchange.begun, left))

    @property
    def size(self) -> int:
        """How many may have begun on it at a time."""
        return max(1, min(PER_LINE, int(BEGIN_FOR_SECONDS / self.pace_seconds)))

    @property
    def is_ending(self) -> bool:
        """Whether nothing more may begin on it."""
        return self.exchange.taken + self.exchange.waits >= self.limit

    @property
    def is_spent(self) -> bool:
        """Whether it has done what one connection may do, or broke."""
        exchange = self.exchange
        return exchange.is_broken or (exchange.is_idle and exchange.taken >= self.limit)

    def put(self, mails: list[Mail]) -> None:
        """Send these; they have begun."""
        if self.exchange.is_idle:
            self._mark = time.monotonic()
        self.exchange.put(mails)

    def take_ended(self) -> list[Ended]:
        """What has come to an end; the pace follows it."""
        ended = self.exchange.take_ended()
        count = sum(result is not None for _, result in ended)
        if count:
            now = time.monotonic()
            self.pace_seconds += 0.3 * ((now - self._mark) / count - self.pace_seconds)
            self._mark = now
            self.has_ended = True
        return ended


class Route:
    """The lines of one way out: one at first, twice as many as long as there is work for all, up to a limit."""

    def __init__(self, name: str, settings: SmtpSettings, lines: Lines) -> None:
        self.name = name
        self.settings = settings
        self.windows = Windows(PER_LINE)
        self.open: list[Line] = []
        self.opening = 0
        self.away: Result | None = None
        """Why no line could be opened."""
        self._lines = lines

    @property
    def room(self) -> int:
        """How many mails may begin on its lines now."""
        return sum(line.room for line in self.open)

    @property
    def count(self) -> int:
        """Lines that are open or being opened."""
        return len(self.open) + self.opening

    def keep_to(self, cap: int) -> None:
        """Let the newest lines end with what they have in hand, where there are more than ``cap``."""
        working = [line for line in self.open if not line.is_ending]
        for line in working[max(cap, 0) :]:
            line.limit = line.exchange.taken + line.exchange.waits
            line.has_heir = True

    def grow(self, cap: int) -> None:
        """Open more lines, at most ``cap`` in all; once the pace of those that are open is known.

        Who never waits for a server gains nothing from another line, and another worker may.
        """
        if self.away is not None or not all(line.has_ended for line in self.open):
            return
        if self.open and not self._lines.is_waiting:
            return
        wanted = min(cap, max(1, 2 * len(self.open))) - len(self.open) - self.opening
        for _ in range(max(0, wanted)):
            self.opening += 1
            self._lines.open_aside(self)

    def hand_out(self, mails: list[Mail]) -> list[Line]:
        """Give mails to the lines that have room, evenly; as many as there is room for.

        Returns:
            The lines that got some.
        """
        # In runs of one group, so that a slow receiver holds few lines.
        waiting, fed = deque(sorted(mails, key=_group_of)), []
        for line in sorted(self.open, key=lambda line: -line.room):
            share = [waiting.popleft() for _ in range(min(line.room, len(waiting)))]
            if share:
                line.put(share)
                fed.append(line)
        assert not waiting, "more has begun than there is room for"
        return fed


def _group_of(mail: Mail) -> str:
    group: str = mail.tag.held.domain_group
    return group


class Lines:
    """All lines of one slice. Not shared between threads, but for the opening."""

    def __init__(self, before_body: BeforeBody, after_answer: AfterAnswer) -> None:
        self._before_body = before_body
        self._after_answer = after_answer
        self._routes: dict[str, Route] = {}
        self._by_number: dict[int, tuple[Route, Line]] = {}
        self._poll = select.epoll()
        self._ear, self._mouth = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._poll.register(self._ear, select.EPOLLIN)
        self._opened: deque[tuple[Route, SmtpTransport, Result | None]] = deque()
        self._cleared: deque[tuple[float, Line]] = deque()
        """All of their mail but the dot has left; when it may follow, if nothing was heard by then."""
        self._checked_at = time.monotonic()
        self._lock = threading.Lock()
        self._begun = self._size = 0
        """Mails that have begun and not ended, and how many may, over all lines at the last feeding."""
        self._is_closed = False
        self._fed_at = time.monotonic()
        self._waited = 0.0
        """Seconds since the last feeding in which nothing but waiting was to be done."""
        self.is_waiting = True
        """Whether much of the time before the last feeding went by in waiting for servers."""

    def route(self, name: str, settings: SmtpSettings) -> Route:
        """The lines of a way out."""
        known = self._routes.get(name)
        if known is None:
            known = self._routes[name] = Route(name, settings, self)
        return known

    def knows(self, name: str) -> bool:
        """Whether it was asked for before."""
        return name in self._routes

    def counts(self) -> dict[str, int]:
        """Lines that are open or being opened, by route."""
        return {name: route.count for name, route in self._routes.items()}

    def named(self, name: str) -> Route:
        """One that is known already."""
        return self._routes[name]

    @property
    def is_opening(self) -> bool:
        """Whether a line is being opened."""
        return any(route.opening for route in self._routes.values())

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in flight."""
        return all(line.exchange.is_idle for _, line in self._by_number.values())

    @property
    def count(self) -> int:
        """Open lines."""
        return len(self._by_number)

    @property
    def has_room(self) -> bool:
        """Whether two thirds of what may have begun over all of them may begin now: what is left lasts for a turn."""
        return 3 * self._begun <= self._size

    def open_aside(self, route: Route) -> None:
        """Open a line in a thread of its own: greeting and signing in may take long, and the loop may not wait."""
        threading.Thread(target=self._open, args=(route,), daemon=True).start()

    def feed(self, route: Route, mails: list[Mail]) -> list[Ended]:
        """Give the route's lines mails that have begun."""
        ended: list[Ended] = []
        now = time.monotonic()
        self.is_waiting = self._waited > WAITS_FROM * (now - self._fed_at)
        self._fed_at, self._waited = now, 0.0
        self._begun += len(mails)
        for line in route.hand_out(mails):
            self._after(line, ended)
        self._measure()
        return ended

    def serve(self, seconds: float) -> list[Ended]:
        """Let servers speak and go on with each, until time is up or none says anything; what has come to an end."""
        until = time.monotonic() + seconds
        ended: list[Ended] = []
        heard: set[int] = set()
        while (left := until - time.monotonic()) > 0:
            if not self._hear(left, heard, ended):
                break
        return ended + self._check(heard)

    def _hear(self, seconds: float, heard: set[int], ended: list[Ended]) -> bool:
        """One look at all lines; whether anything happened."""
        since = time.monotonic()
        cleared: list[Line] = []
        while self._cleared and self._cleared[0][0] <= since:
            cleared.append(self._cleared.popleft()[1])
        if self._cleared:
            seconds = min(seconds, self._cleared[0][0] - since)
        events = self._poll.poll(0 if cleared else seconds)
        self._waited += time.monotonic() - since
        spoke: set[int] = set()
        for number, what in events:
            if number == self._ear:
                self._welcome()
                continue
            spoke.add(number)
            _, line = self._by_number[number]
            if what & ~select.EPOLLOUT:
                line.exchange.on_readable()
            if what & select.EPOLLOUT and not line.exchange.is_broken:
                line.exchange.on_writable()
            self._after(line, ended)
        for line in cleared:
            if line.fileno not in spoke:
                line.exchange.proceed()
                self._after(line, ended)
        heard |= spoke
        return bool(events or cleared or self._cleared)

    def return_waiting(self) -> list[Ended]:
        """Take back what has begun and not yet left."""
        ended: list[Ended] = []
        for _, line in self._by_number.values():
            line.exchange.return_waiting()
            ended += line.take_ended()
        self._begun -= len(ended)
        return ended

    def _measure(self) -> None:
        self._size = sum(line.size for _, line in self._by_number.values() if not line.is_ending)

    def close(self) -> None:
        """Say goodbye to every server; what is still in flight is cut off."""
        with self._lock:
            self._is_closed = True
        until = time.monotonic() + GOODBYE_SECONDS
        idle = [line for _, line in self._by_number.values() if line.exchange.is_idle]
        for line in idle:
            line.exchange.say_goodbye()
        for line in idle:
            line.exchange.await_goodbye(until - time.monotonic())
        for _, line in self._by_number.values():
            line.transport.connection.drop()
        self._by_number.clear()
        while self._opened:
            self._opened.popleft()[1].close()
        self._poll.close()
        with self._lock:
            os.close(self._mouth)
        os.close(self._ear)

    def _open(self, route: Route) -> None:
        transport = SmtpTransport(route.settings)
        result: Result | None = None
        try:
            transport.open()
        except NotOpen as fault:
            result = fault.result
        with self._lock:
            if self._is_closed:
                transport.close()
                return
            self._opened.append((route, transport, result))
            with contextlib.suppress(BlockingIOError):
                os.write(self._mouth, b"\0")

    def _welcome(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._ear, 4096)
        while self._opened:
            route, transport, result = self._opened.popleft()
            route.opening -= 1
            if result is not None:
                if not route.open:
                    route.away = result
                continue
            line = Line(transport, transport.exchange(self._before_body, self._after_answer), route.settings.max_messages)
            if route.open:
                line.pace_seconds = sum(other.pace_seconds for other in route.open) / len(route.open)
            route.open.append(line)
            self._by_number[line.fileno] = (route, line)
            self._size += line.size
            self._poll.register(line.fileno, select.EPOLLIN)

    def _after(self, line: Line, ended: list[Ended]) -> None:
        """Put right what the poller should know of a line, after something happened to it."""
        exchange = line.exchange
        if exchange.has_ended:
            found = line.take_ended()
            self._begun -= len(found)
            ended += found
        if exchange.is_ready:
            self._cleared.append((time.monotonic() + MOMENT_SECONDS, line))
        elif line.is_spent:
            self._let_go(line)
            return
        if line.is_ending and not line.has_heir:
            # Its successor is greeted while it still works.
            line.has_heir = True
            route, _ = self._by_number[line.fileno]
            route.opening += 1
            self.open_aside(route)
        if exchange.is_blocked is not line.is_watched_for_room:
            line.is_watched_for_room = exchange.is_blocked
            what = select.EPOLLIN | select.EPOLLOUT if exchange.is_blocked else select.EPOLLIN
            self._poll.modify(line.fileno, what)

    def _let_go(self, line: Line) -> None:
        found = self._by_number.pop(line.fileno, None)
        if found is None:
            return
        found[0].open.remove(line)
        self._poll.unregister(line.fileno)
        if line.exchange.is_broken:
            line.transport.connection.drop()
        else:
            line.exchange.say_goodbye()
            line.transport.connection.drop()

    def _check(self, heard: set[int]) -> list[Ended]:
        """Give up servers that have been silent for too long."""
        now = time.monotonic()
        if now - self._checked_at < CHECK_SECONDS:
            return []
        self._checked_at = now
        self._measure()
        ended: list[Ended] = []
        for number, (_, line) in list(self._by_number.items()):
            if number not in heard:
                line.exchange.check_time(now)
                self._after(line, ended)
        return ended


