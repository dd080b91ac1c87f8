"""Redis (or Valkey) for one machine: kept on disk, loopback only, password required."""

from __future__ import annotations

import signal
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.local.places import Place
from app.local.programs import find_redis
from app.local.supervised import Supervised

NO_RETRY = Retry(NoBackoff(), 0)
CONFIGURATION = """\
bind 127.0.0.1
protected-mode yes
port {port}
requirepass {password}
dir "{folder}"
pidfile "{folder}/server.pid"
daemonize no
supervised no
databases 16
save ""
appendonly yes
appendfsync {fsync}
maxmemory-policy noeviction
"""


class RedisServer(Supervised):
    """A Redis server whose data survives a crash but for its last second.

    Args:
        place: folder for data and log, and the account to run as.
        port: loopback port.
        password: needed by each client.
        is_throwaway: never wait for the disk; for tests only.
    """

    title = "Redis"
    death_signal = signal.SIGTERM
    stop_steps = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))

    def __init__(self, place: Place, port: int, password: str, *, is_throwaway: bool = False) -> None:
        super().__init__(place, port)
        self.password = password
        self.is_throwaway = is_throwaway

    @property
    def folder(self) -> Path:
        """Its append-only file, configuration and number."""
        return self.place.folder / "redis"

    @property
    def url(self) -> str:
        """Address of database 0."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def _command(self) -> list[str]:
        return [str(find_redis(self.place)), str(self.folder / "redis.conf")]

    def _prepare(self) -> None:
        folder = self.place.private_folder("redis")
        text = CONFIGURATION.format(
            port=self.port, password=self.password, folder=folder,
            fsync="no" if self.is_throwaway else "everysec",
        )  # fmt: skip
        path = folder / "redis.conf"
        path.write_text(text)
        path.chmod(0o600)
        self.place.hand_over(path)

    def _leftover(self) -> int | None:
        try:
            return int((self.folder / "server.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _answers(self) -> bool:
        client = redis.Redis(port=self.port, password=self.password, socket_timeout=5, retry=NO_RETRY)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()
