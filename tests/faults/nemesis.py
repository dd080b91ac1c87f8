"""Hurts what it is given, at moments and in ways that its seed decides. It ends only what tests have started."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from app.kernel import redis
from app.local.postgres import Postgres
from app.local.redis_server import RedisServer
from tests.support.workers import Process

_ESTABLISHED = "01"


class Nemesis:
    """Chance with a seed, and the blows.

    Attributes:
        kills: how often a process was ended by it.
        connections: how many connections to the mail server those had open.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.kills = 0
        self.connections = 0

    def pause(self, most_seconds: float) -> None:
        """Wait for up to so long."""
        time.sleep(self.chance.uniform(0, most_seconds))

    def kill(self, process: Process, mail_port: int = 0) -> int:
        """``kill -9`` for a process and its children; how many connections to the mail server they had."""
        freeze(process)
        lost = connections(process, mail_port) if mail_port else 0
        process.kill()
        process.close()
        self.kills += 1
        self.connections += lost
        return lost

    def empty_redis(self) -> None:
        """FLUSHALL."""
        redis.client().flushall()

    def kill_redis(self, server: RedisServer, away_seconds: float) -> None:
        server.kill()
        self.pause(away_seconds)
        server.start()
        self.kills += 1

    def crash_postgres(self, server: Postgres, away_seconds: float, before_start: Callable[[], None]) -> None:
        """Stop it at once, one way or the other, and start it again after up to so long."""
        if self.chance.random() < 0.5:
            server.kill()
        else:
            os.kill(server.pid, signal.SIGQUIT)  # what `pg_ctl stop -m immediate` sends
            server.stop()
        before_start()
        self.pause(away_seconds)
        server.start()
        self.kills += 1


def freeze(process: Process) -> None:
    """SIGSTOP for it and its children."""
    if process.is_alive:
        os.killpg(process._process.pid, signal.SIGSTOP)


def thaw(process: Process) -> None:
    """SIGCONT."""
    if process.is_alive:
        os.killpg(process._process.pid, signal.SIGCONT)


def connections(process: Process, port: int) -> int:
    """How many connections to a port of this machine a process and its children have open now."""
    sockets = _sockets_to(port)
    return sum(len(sockets & _sockets_of(pid)) for pid in members(process))


def members(process: Process) -> list[int]:
    """Numbers of the processes in its group."""
    group = process._process.pid
    found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in found if _group(pid) == group]


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def _sockets_to(port: int) -> set[str]:
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    wanted = f":{port:04X}"
    return {f"socket:[{row[9]}]" for row in rows if row[2].endswith(wanted) and row[3] == _ESTABLISHED}


def _sockets_of(pid: int) -> set[str]:
    try:
        return {str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    except OSError:
        return set()
