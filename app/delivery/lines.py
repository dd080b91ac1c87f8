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

from app.delivery.routes import Line, Route
from app.delivery.transports.base import NotOpen, Result
from app.delivery.transports.exchange import Ended, Mail
from app.delivery.transports.settings import SmtpSettings
from app.delivery.transports.smtp import SmtpTransport

WAITS_FROM: Final = 0.1
"""More lines are opened while at least so much of the time goes by in waiting for servers."""
MOMENT_SECONDS: Final = 0.001
"""Between the last octet of a mail and its dot: whoever hangs up in the middle of a mail is mostly heard by then."""
GOODBYE_SECONDS: Final = 1.0
CHECK_SECONDS: Final = 0.5

BeforeBody = Callable[[Mail], None]
AfterAnswer = Callable[[Mail, Result], None]


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
        self._begun = 0
        """Mails that have begun and not ended."""
        self._size = self._held = 0
        """How many may have begun, and how many are on lines that are held up, at the last look."""
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
            known = self._routes[name] = Route(name, settings, self._open_aside)
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
        return all(route.is_idle for route in self._routes.values()) and all(
            line.exchange.is_idle for _, line in self._by_number.values()
        )

    @property
    def count(self) -> int:
        """Open lines."""
        return len(self._by_number)

    @property
    def has_room(self) -> bool:
        """Whether two thirds of what may have begun over all of them may begin now: what is left lasts for a turn."""
        return 0 < self._size >= 3 * (self._begun - self._held)

    @property
    def is_held(self) -> bool:
        """Whether a mail keeps a line for far longer than it should."""
        return self._held > 0

    def _open_aside(self, route: Route) -> None:
        """Open a line in a thread of its own: greeting and signing in may take long, and the loop may not wait."""
        threading.Thread(target=self._open, args=(route,), daemon=True).start()

    def feed(self, route: Route, mails: list[Mail]) -> list[Ended]:
        """Give the route's lines mails that have begun."""
        ended: list[Ended] = []
        now = time.monotonic()
        self.is_waiting = self._waited > WAITS_FROM * (now - self._fed_at)
        self._fed_at, self._waited = now, 0.0
        self._begun += len(mails)
        route.put(mails)
        for line in list(route.open):
            if line.exchange.is_idle:
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
                self._welcome(ended)
                continue
            spoke.add(number)
            _, line = self._by_number[number]
            if what & ~select.EPOLLOUT:
                line.exchange.on_readable()
            if what & select.EPOLLOUT and not line.exchange.is_broken:
                line.exchange.on_writable()
            self._after(line, ended)
        for line in cleared:
            if line.fileno not in spoke and line.exchange.is_ready:
                self._by_number[line.fileno][0].follow(line)
                line.exchange.proceed()
                self._after(line, ended)
        heard |= spoke
        return bool(events or cleared or self._cleared)

    def return_waiting(self) -> list[Ended]:
        """Take back what has begun and not yet left."""
        ended = [end for route in self._routes.values() for end in route.return_waiting()]
        self._begun -= len(ended)
        return ended

    def _measure(self) -> None:
        now = time.monotonic()
        self._size = self._held = 0
        for _, line in self._by_number.values():
            if line.is_held(now):
                self._held += line.exchange.begun
            elif not line.is_ending:
                self._size += line.size

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

    def _welcome(self, ended: list[Ended]) -> None:
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
            route.add(line)
            self._by_number[line.fileno] = (route, line)
            self._size += line.size
            self._poll.register(line.fileno, select.EPOLLIN)
            self._after(line, ended)

    def _after(self, line: Line, ended: list[Ended]) -> None:
        """Give it the next mail and put right what the poller should know, after something happened to it."""
        exchange = line.exchange
        route, _ = self._by_number[line.fileno]
        route.supply(line)
        if exchange.has_ended:
            found, seconds = line.take_ended()
            self._begun -= len(found)
            route.end(found, seconds)
            ended += found
        if exchange.is_ready:
            self._cleared.append((time.monotonic() + MOMENT_SECONDS, line))
        elif line.is_spent:
            self._let_go(line)
            return
        if line.is_ending and not line.has_heir:
            # Its successor is greeted while it still works.
            line.has_heir = True
            route.open_another()
        if exchange.is_blocked is not line.is_watched_for_room:
            line.is_watched_for_room = exchange.is_blocked
            what = select.EPOLLIN | select.EPOLLOUT if exchange.is_blocked else select.EPOLLIN
            self._poll.modify(line.fileno, what)

    def _let_go(self, line: Line) -> None:
        found = self._by_number.pop(line.fileno, None)
        if found is None:
            return
        found[0].remove(line)
        self._poll.unregister(line.fileno)
        if line.exchange.is_broken:
            line.transport.connection.drop()
        else:
            line.exchange.say_goodbye()
            line.transport.connection.drop()

    def _check(self, heard: set[int]) -> list[Ended]:
        """Give up servers that have been silent for too long, and take back what waited for too long."""
        now = time.monotonic()
        if now - self._checked_at < CHECK_SECONDS:
            return []
        self._checked_at = now
        ended = [end for route in self._routes.values() for end in route.look_after(now)]
        self._begun -= len(ended)
        for number, (_, line) in list(self._by_number.items()):
            if number not in heard:
                line.exchange.check_time(now)
                self._after(line, ended)
        self._measure()
        return ended
