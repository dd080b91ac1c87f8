"""What opens and clicks cost: answering them, and taking them in."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable

import click
from flask import current_app
from sqlalchemy import text

from app.kernel.db import session, transaction
from app.tracking import recorder, state
from app.tracking.recorder import Recorder
from app.tracking.rules.hits import NO_LINK, Kind
from tests.bench import processes
from tests.bench.hitting import Answered
from tests.bench.house import House
from tests.bench.permission_forms import web_server
from tests.bench.readers import Sent
from tests.support.installation import ROOT
from tests.support.reading import FIREFOX, LINKS
from tests.support.workers import until

Say = Callable[[str], None]
LONGEST_SECONDS = 600.0
_KEPT = text("SELECT n, kind, count(*) FROM signals WHERE mailing_no = :no GROUP BY n, kind")
_COUNTED = text("SELECT coalesce(sum(count), 0) FROM signal_counts WHERE mailing_no = :no")


def endpoint(built: House, letter: Sent, seconds: float, connections: int, say: Say) -> Answered:
    """Pictures and links in turn over the real web server; then each answer must be one signal.

    Raises:
        click.ClickException: one was lost, or counted twice.
    """
    paths = letter.paths()
    with web_server(built, built.settings) as (port, web):
        roots = {"the web server": web, "PostgreSQL": built.database_pid, "Redis": _redis_pid(built)}
        warm = _hit(port, paths, 0.5, connections)
        before = {name: processes.cpu_seconds(root) for name, root in roots.items()}
        found = _hit(port, paths, seconds, connections)
        cpu = {
            name: (processes.cpu_seconds(root) - before[name]) * 1e6 / found.count for name, root in roots.items()
        }
    say(
        f"  {found.count / found.seconds:,.0f} answers a second over {connections} connections,"
        f" half of them within {found.p50_ms:.1f} ms, 99 of 100 within {found.p99_ms:.1f} ms"
    )
    say("  CPU for each: " + ", ".join(f"{took:.0f} µs in {name}" for name, took in cpu.items()))
    _take_in(built, say)
    _check(letter, _asked(letter, warm.count) + _asked(letter, found.count))
    return found


def ingest(built: House, letter: Sent, rounds: int, say: Say) -> float:
    """Signals a second from where the endpoint leaves them to the tables and scores, by the workers.

    Raises:
        click.ClickException: one was lost, or counted twice.
    """
    taker: Recorder = current_app.extensions[recorder.EXTENSION]
    for _ in range(rounds):
        for n in range(1, letter.readers + 1):
            taker.record(letter.no, n, Kind.OPEN, NO_LINK, is_head=False, is_prefetch=False, program=FIREFOX)
            link = n % len(LINKS)
            taker.record(letter.no, n, Kind.CLICK, link, is_head=False, is_prefetch=False, program=FIREFOX)
    rate = _take_in(built, say)
    _check(letter, _asked(letter, letter.readers * 2 * rounds))
    return rate


def _hit(port: int, paths: list[str], seconds: float, connections: int) -> Answered:
    command = [sys.executable, "-m", "tests.bench.hitting", str(port), str(seconds), str(connections)]
    done = subprocess.run(command, cwd=ROOT, input="\n".join(paths), capture_output=True, text=True, check=False)
    if done.returncode:
        raise click.ClickException(done.stderr[-2000:])
    return Answered(**json.loads(done.stdout))


def _redis_pid(built: House) -> int:
    pid = built.servers.redis.pid
    assert pid is not None
    return pid


def _take_in(built: House, say: Say) -> float:
    """By the real workers, until nothing waits; signals a second, from their first to their last."""
    waiting = _waiting()
    with processes.workers(built.settings, built.folder) as workers:
        roots = {"the workers": workers.roots["senders"], "PostgreSQL": built.database_pid, "Redis": _redis_pid(built)}
        until(lambda: _waiting() < waiting, LONGEST_SECONDS)
        before = {name: processes.cpu_seconds(root) for name, root in roots.items()}
        began, first = time.perf_counter(), _waiting()
        until(lambda: not _waiting(), LONGEST_SECONDS)
        seconds = time.perf_counter() - began
        cpu = {name: (processes.cpu_seconds(root) - before[name]) * 1e6 / first for name, root in roots.items()}
    say(f"  {waiting:,} signals taken in at {first / seconds:,.0f} a second")
    say("  CPU for each: " + ", ".join(f"{took:.0f} µs in {name}" for name, took in cpu.items()))
    return first / seconds


def _waiting() -> int:
    with transaction():
        return state.read().waiting


def _asked(letter: Sent, count: int) -> Counter[tuple[int, str]]:
    """What the first so many paths ask for, round and round: (reader, kind)."""
    rounds, rest = divmod(count, 2 * letter.readers)
    places = [(n, kind) for n in range(1, letter.readers + 1) for kind in (Kind.OPEN.value, Kind.CLICK.value)]
    return Counter(dict.fromkeys(places, rounds)) + Counter(places[:rest])


def _check(letter: Sent, asked: Counter[tuple[int, str]]) -> None:
    with transaction():
        kept = Counter({(n, kind): count for n, kind, count in session().execute(_KEPT, {"no": letter.no})})
        counted = session().execute(_COUNTED, {"no": letter.no}).scalar_one()
        lost = state.read().lost
    if kept != asked or counted != asked.total() or lost:
        raise click.ClickException(
            f"{asked.total()} were asked for, {kept.total()} kept, {counted} counted, {lost} are said to be lost."
        )
