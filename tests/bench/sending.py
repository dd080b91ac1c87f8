"""One mailing through the real processes, from its launch to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import psycopg

from tests.bench import processes
from tests.bench.asking import Asking
from tests.bench.house import House, Sender
from tests.bench.sinks import Sink

LOOK_SECONDS = 0.1
MEMORY_SECONDS = 1.0
TELL_SECONDS = 5.0
STUCK_SECONDS = 120.0


class Wrong(Exception):
    """What came out is not what was sent."""


@dataclass(frozen=True, slots=True)
class Memory:
    """A worker's memory at a moment, in MB."""

    seconds: float
    megabytes: float


@dataclass(frozen=True, slots=True)
class Sent:
    """What one mailing took.

    Attributes:
        end_to_end_seconds: from before its launch until it is done.
        sending_seconds: from the first begin to the last answer.
        worker_cpu_seconds: of all of Nod's processes, by name.
        peak_rss_mb: of the largest process of the bulk lane.
        memory: of the same, second by second.
        waits: seconds until each system mail was accepted that somebody asked for meanwhile.
    """

    recipients: int
    end_to_end_seconds: float
    sending_seconds: float
    worker_cpu_seconds: dict[str, float]
    database_cpu_seconds: float
    peak_rss_mb: float
    memory: list[Memory] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """End to end."""
        return self.recipients / self.end_to_end_seconds

    @property
    def per_second_sending(self) -> float:
        """While mails went out."""
        return self.recipients / self.sending_seconds


def send(
    house: House,
    sender: Sender,
    sink: Sink,
    recipients: int,
    say: Callable[[str], None],
    asking: Asking | None = None,
) -> Sent:
    """Start the workers, launch, wait for the end, count on both sides; others may ask for a mail meanwhile.

    Raises:
        Wrong: not everybody got it once, or nothing moved any more.
    """
    settings = replace(house.settings, smtp_url=sink.url)
    with processes.workers(settings, house.folder) as workers:
        _wait_for_quiet(house)
        before, cpu = sink.count(), workers.cpu_seconds()
        database_cpu = processes.cpu_seconds(house.database_pid)
        began = time.monotonic()
        number = sender.launch()
        watch = _Watch(house, number, sink, before, workers, say, asking)
        memory = watch.until_done(began)
        took = time.monotonic() - began
        sent = Sent(
            recipients,
            took,
            watch.sending_seconds(),
            {name: now - cpu[name] for name, now in workers.cpu_seconds().items()},
            processes.cpu_seconds(house.database_pid) - database_cpu,
            processes.memory_mb(workers.roots["bulk"], "VmHWM"),
            memory,
            watch.waits(),
        )
        watch.check(recipients)
    return sent


def judge(states: dict[str, int], taken: int | None, recipients: int) -> None:
    """Say nothing when everybody got it exactly once.

    Args:
        states: messages of the mailing by state.
        taken: by the sink; None where it does not count.
        recipients: who were to get it.

    Raises:
        Wrong: not so.
    """
    if states != {"sent": recipients} or taken not in (None, recipients):
        raise Wrong(f"{recipients} were to be sent; the database says {states}, the sink {taken}.")


def _wait_for_quiet(house: House) -> None:
    """Until nothing else is due: a person who said yes is welcomed by a mail of its own."""
    with psycopg.connect(house.admin_url, autocommit=True) as connection:
        open_states = "('pending', 'claimed', 'attempting')"
        until = time.monotonic() + STUCK_SECONDS
        while (
            connection.execute(f"SELECT FROM messages WHERE state IN {open_states} LIMIT 1").fetchone()
            is not None
        ):
            if time.monotonic() > until:
                raise Wrong("Other mails than the measured ones do not go out.")
            time.sleep(LOOK_SECONDS)


class _Watch:
    """Looks at one mailing from outside, with a connection of its own."""

    def __init__(
        self,
        house: House,
        number: int,
        sink: Sink,
        before: int | None,
        workers: processes.Workers,
        say: Callable[[str], None],
        asking: Asking | None,
    ) -> None:
        self._connection = psycopg.connect(house.admin_url, autocommit=True)
        self._number = number
        self._sink = sink
        self._before = before
        self._workers = workers
        self._say = say
        self._asking = asking
        self._told_at = self._moved_at = time.monotonic()
        self._memory_at = 0.0
        self._last: object = None

    def until_done(self, began: float) -> list[Memory]:
        """Wait; the memory of the bulk lane meanwhile."""
        memory: list[Memory] = []
        while self._state() != "done":
            now = time.monotonic()
            if self._asking:
                self._asking.look()
            if now - self._memory_at >= MEMORY_SECONDS:
                self._memory_at = now
                found = processes.memory_mb(self._workers.roots["bulk"], "VmRSS")
                memory.append(Memory(now - began, found))
            if now - self._told_at >= TELL_SECONDS:
                self._tell(now - began)
            time.sleep(LOOK_SECONDS)
        return memory

    def sending_seconds(self) -> float:
        """Between the first begin and the last answer."""
        query = "SELECT extract(epoch FROM max(done_at) - min(began_at))::float FROM messages WHERE mailing_no = %s"
        return max(float(self._one(query)), 1e-3)

    def waits(self) -> list[float]:
        """Of those who asked for a mail meanwhile, in seconds."""
        return self._asking.seconds(self._connection) if self._asking else []

    def check(self, recipients: int) -> None:
        """Everybody has it, by the database and by the sink.

        Raises:
            Wrong: somebody has not, or got it twice.
        """
        states = dict(self._connection.execute(
            "SELECT state, count(*) FROM messages WHERE mailing_no = %s GROUP BY state", (self._number,)
        ).fetchall())  # fmt: skip
        taken = self._taken()
        self._connection.close()
        judge(states, taken, recipients)

    def _taken(self) -> int | None:
        count, others = self._sink.count(), self._asking.count if self._asking else 0
        return None if count is None or self._before is None else count - self._before - others

    def _state(self) -> str:
        return str(self._one("SELECT state FROM mailings WHERE no = %s"))

    def _one(self, query: str) -> object:
        row = self._connection.execute(query, (self._number,)).fetchone()
        assert row is not None
        return row[0]

    def _tell(self, seconds: float) -> None:
        """Where it stands: by the sink, else by the database, which costs it a count."""
        self._told_at = time.monotonic()
        taken = self._taken()
        if taken is None:
            taken = self._one("SELECT count(*) FROM messages WHERE mailing_no = %s AND state = 'sent'")
        self._say(f"  {seconds:5.0f} s: {taken:,} sent")
        if taken != self._last:
            self._last, self._moved_at = taken, self._told_at
        elif self._told_at - self._moved_at > STUCK_SECONDS:
            words = "\n".join(self._workers.words(name)[-1500:] for name in processes.NAMES)
            raise Wrong(f"Nothing moves any more, {taken} are sent. The workers say:\n{words}")
