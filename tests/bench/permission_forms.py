"""How many posts a second a form takes over the real web server, and how soon the question is in the inbox."""

from __future__ import annotations

import re
import signal
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from sqlalchemy import delete

from app.config import Settings
from app.forms import service
from app.forms.models import Submission
from app.forms.wording import first_words
from app.kernel.db import session, transaction
from app.local.processes import end, start_tethered
from tests.bench import processes
from tests.bench.house import House
from tests.conftest import environment_of
from tests.support.installation import BIN, ROOT, free_port
from tests.support.outbox import place_with_sender
from tests.support.smtp_sink import SmtpSink

FORMS = 60
"""Limits and the brake count for each form: so many take the load of one busy moment without either."""
FEW_FORMS = 8
CONNECTIONS = 8
START_SECONDS = 60.0
_ANSWER = re.compile(rb"HTTP/1.1 (\d{3}) .*?content-length: (\d+)", re.DOTALL | re.IGNORECASE)


class Wrong(Exception):
    """A post was not taken, or a question did not come."""


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds from the post to the mail server's "250" after the question's last line."""

    p50: float
    p99: float
    questions: int


def form_posts_per_second(house: House, *, posts: int = 5000, say: Callable[[str], None]) -> float:
    """Posts with double opt-in a second over the real web server, each of a person and a network of its own.

    No worker runs meanwhile: it is the web server's own work, which ends with the row that a worker takes.

    Raises:
        Wrong: one of them was not answered with 303.
    """
    paths = paths_of_forms()
    with web_server(house, house.settings) as (port, pid):
        _post_all(port, [_post(paths, f"warm{n}", n) for n in range(200)])
        made = [_post(paths, f"person{n}", n + 200) for n in range(posts)]
        cpu = processes.cpu_seconds(pid), processes.cpu_seconds(house.database_pid)
        began = time.monotonic()
        _post_all(port, made)
        rate = posts / (time.monotonic() - began)
        web = (processes.cpu_seconds(pid) - cpu[0]) * 1000 / posts
        database = (processes.cpu_seconds(house.database_pid) - cpu[1]) * 1000 / posts
    # Nobody waits for these: what is measured next shall not stand behind them.
    with transaction():
        session().execute(delete(Submission))
    say(
        f"{rate:,.0f} form posts a second ({posts:,} posts); each takes {web:.1f} ms of CPU in the web server "
        f"and {database:.1f} ms in the database"
    )
    return rate


def confirmation_seconds(
    house: House, *, a_second: int = 50, seconds: float = 20, say: Callable[[str], None]
) -> Delays:
    """Under so many posts a second, the time from each to the acceptance of its mail, over the real processes.

    Raises:
        Wrong: a post was refused, or a question did not come within a minute.
    """
    paths = paths_of_forms()[:FEW_FORMS]
    with SmtpSink() as sink:
        settings = replace(house.settings, smtp_url=f"smtp://127.0.0.1:{sink.port}")
        with processes.workers(settings, house.folder) as workers, web_server(house, settings) as (port, web):
            _post_all(port, [_post(paths, f"early{n}", n + 1_000_000) for n in range(20)])
            sink.wait_for(20, seconds=60)
            roots = [web, house.database_pid, *workers.roots.values()]
            cpu = sum(processes.cpu_seconds(root) for root in roots)
            posted = post_steadily(port, paths, a_second, int(a_second * seconds))
            copies = sink.wait_for(20 + len(posted), seconds=120)
            cpu = sum(processes.cpu_seconds(root) for root in roots) - cpu
    accepted = {copy.rcpt_to[0]: copy.seen_at for copy in copies if copy.is_accepted}
    lacking = [address for address in posted if address not in accepted]
    if lacking:
        raise Wrong(f"{len(lacking)} of {len(posted)} questions did not come.")
    delays = [accepted[address] - at for address, at in posted.items()]
    cuts = statistics.quantiles(delays, n=100)
    say(
        f"{a_second} posts a second: a question is accepted after {cuts[49]:.2f} s, 99 of 100 within {cuts[98]:.2f} s"
    )
    return Delays(cuts[49], cuts[98], len(delays))


def paths_of_forms() -> list[tuple[str, str, str]]:
    """(path, version, topic) of forms in a workspace of their own, whose mails have a sender."""
    where = place_with_sender()
    topic = where.interests[0].id
    with transaction():
        words = first_words("Ostkai", "en", (topic,))
        made = [service.create(where.id, f"Form {n}", "en", {"en": words}) for n in range(FORMS)]
        return [(f"/f/{form.public_id}", "1.en", str(topic)) for form in made]


def _post(paths: Sequence[tuple[str, str, str]], person: str, number: int) -> bytes:
    path, version, topic = paths[number % len(paths)]
    body = urlencode(
        {"v": version, "email": _address(person), "topic": topic, "yes": "1", "first_name": "Mara"}
    ).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: news.bench.example\r\nX-Forwarded-For: 10.{_parts(number)}\r\n"
        f"X-Forwarded-Proto: https\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Accept: text/html\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _address(person: str) -> str:
    return f"{person}@bench.example"


def _parts(number: int) -> str:
    """Three octets: a network of its own for each post."""
    return f"{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def _post_all(port: int, made: Sequence[bytes]) -> None:
    """Post all, over some connections that are kept open."""
    faults: list[BaseException] = []

    def talk(mine: Sequence[bytes]) -> None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
                for request in mine:
                    _send(connection, request)
        except (OSError, Wrong) as fault:
            faults.append(fault)

    threads = [threading.Thread(target=talk, args=(made[n::CONNECTIONS],)) for n in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise Wrong(str(faults[0]))


def post_steadily(
    port: int, paths: Sequence[tuple[str, str, str]], a_second: int, count: int
) -> dict[str, float]:
    """Post at an even pace; when each post began, by address."""
    posted: dict[str, float] = {}
    began = time.monotonic()

    def talk(first: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            for number in range(first, count, CONNECTIONS):
                time.sleep(max(began + number / a_second - time.monotonic(), 0))
                posted[_address(f"steady{number}")] = time.monotonic()
                _send(connection, _post(paths, f"steady{number}", number + 2_000_000))

    threads = [threading.Thread(target=talk, args=(first,)) for first in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(posted) != count:
        raise Wrong(f"{count - len(posted)} posts were not made.")
    return posted


def _send(connection: socket.socket, request: bytes) -> None:
    connection.sendall(request)
    answer = connection.recv(65536)
    found = _ANSWER.match(answer)
    if found is None or found[1] != b"303":
        raise Wrong(answer[:400].decode(errors="replace"))
    missing = int(found[2]) - (len(answer) - answer.index(b"\r\n\r\n") - 4)
    while missing > 0:
        missing -= len(connection.recv(missing))


@contextmanager
def web_server(house: House, settings: Settings) -> Iterator[tuple[int, int]]:
    """The web server as the Procfile starts it, behind a proxy that names each visitor; its port and its process."""
    port = free_port()
    command = [word.replace("$NOD_WEB_PORT", str(port)) for word in processes.procfile()["web"]]
    environment = environment_of(settings, NOD_TRUSTED_PROXIES="1")
    del environment["PYTHONWARNINGS"]
    environment["PATH"] = f"{BIN}:{environment['PATH']}"
    with (house.folder / "web.log").open("wb") as log:
        process = start_tethered(
            command, folder=ROOT, output=log, death_signal=signal.SIGTERM, environment=environment
        )
    try:
        _wait_for(port)
        yield port, process.pid
    finally:
        end(process.pid, processes.STOP_STEPS)
        process.wait()


def _wait_for(port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise Wrong("The web server did not start.") from None
            time.sleep(0.1)
        else:
            return
