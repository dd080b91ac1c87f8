"""The two servers that Nod stands on: those that are given, else our own on this machine."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.local.places import mark_throwaway, place_for, remove_place
from app.local.postgres import Postgres
from app.local.redis_server import RedisServer
from app.local.state import State
from app.local.supervised import ServerError, Supervised, free_port, is_taken

FURTHER_PORTS = 3


@dataclass(frozen=True)
class Servers:
    """PostgreSQL and Redis: our own processes, or the addresses of servers that are there already."""

    postgres: Postgres | str
    redis: RedisServer | str

    @property
    def database_url(self) -> str:
        """Where the application finds PostgreSQL."""
        return self.postgres if isinstance(self.postgres, str) else self.postgres.url

    @property
    def redis_url(self) -> str:
        """Where the application finds Redis."""
        return self.redis if isinstance(self.redis, str) else self.redis.url

    @property
    def own(self) -> tuple[Supervised, ...]:
        """Those that are ours to start and stop."""
        return tuple(server for server in (self.postgres, self.redis) if isinstance(server, Supervised))

    def stop(self) -> None:
        """End those that are ours, Redis first."""
        for server in reversed(self.own):
            server.stop()


@dataclass(frozen=True)
class OwnServers(Servers):
    """Both servers are ours, to be stopped, killed and restarted at will."""

    postgres: Postgres
    redis: RedisServer


def find_servers(folder: Path, state: State, environment: Mapping[str, str]) -> Servers:
    """What DATABASE_URL and REDIS_URL name, else our own servers on their remembered ports; starts none.

    Args:
        folder: the checkout's data folder, `.nod`.
        state: remembers ports and passwords.
        environment: may hold DATABASE_URL and REDIS_URL.

    Raises:
        LocalError: there is no account to run servers as.
    """
    place = place_for(folder)
    return Servers(
        environment.get("DATABASE_URL")
        or Postgres(place, state.port(Postgres.title), state.password(Postgres.title)),
        environment.get("REDIS_URL")
        or RedisServer(place, state.port(RedisServer.title), state.password(RedisServer.title)),
    )


def start_servers(servers: Servers, state: State, say: Callable[[str], None]) -> None:
    """Start those that are ours, each on another port when a stranger took the remembered one.

    Raises:
        LocalError: a server did not start; none is left running then.
    """
    try:
        for server in servers.own:
            server.end_leftover()
            if is_taken(server.port):
                server.port = state.fresh_port(server.title)
            say(f"starting {server.title}, data in {server.folder}")
            server.start()
    except BaseException:
        servers.stop()
        raise


@contextmanager
def throwaway_servers(folder: Path, *, fast: bool = True) -> Iterator[OwnServers]:
    """Run new, empty servers for tests and delete their data afterwards.

    Args:
        folder: for data and logs; as root it may be another one, which the servers' account may enter.
        fast: do not wait for the disk; pass False where a test is about losing power.

    Yields:
        The servers. The role `nod` may create databases; `postgres.admin_url` is the superuser's.
    """
    place = place_for(folder)
    mark_throwaway(place)
    password = secrets.token_hex(16)
    postgres = Postgres(place, free_port(), password, is_throwaway=fast)
    redis = RedisServer(place, free_port(), password, is_throwaway=fast)
    try:
        _start_somewhere(postgres)
        _start_somewhere(redis)
        yield OwnServers(postgres, redis)
    finally:
        redis.stop()
        postgres.stop()
        remove_place(place)


def _start_somewhere(server: Supervised) -> None:
    """On another port where somebody has taken the chosen one meanwhile: making a cluster takes its time."""
    for _ in range(FURTHER_PORTS):
        try:
            server.start()
        except ServerError:
            if not is_taken(server.port):
                raise
            server.port = free_port()
        else:
            return
    server.start()
