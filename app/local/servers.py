"""The two servers that Nod stands on: those that are given, else our own on this machine."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.local.places import place_for, remove_place
from app.local.postgres import Postgres
from app.local.redis_server import RedisServer
from app.local.state import State
from app.local.supervised import Supervised, free_port, is_taken


@dataclass(frozen=True)
class Servers:
    """Addresses of PostgreSQL and Redis, and the processes where they are ours."""

    database_url: str
    redis_url: str
    postgres: Postgres | None
    redis: RedisServer | None

    def stop(self) -> None:
        """End those that are ours, Redis first."""
        for server in (self.redis, self.postgres):
            if server is not None:
                server.stop()


@dataclass(frozen=True)
class OwnServers(Servers):
    """Both servers are ours, to be stopped, killed and restarted at will."""

    postgres: Postgres
    redis: RedisServer


def start_servers(
    folder: Path, state: State, environment: Mapping[str, str], say: Callable[[str], None]
) -> Servers:
    """Start what DATABASE_URL and REDIS_URL do not name already.

    Args:
        folder: the checkout's data folder, `.nod`.
        state: remembers ports and passwords.
        environment: may hold DATABASE_URL and REDIS_URL.
        say: told in plain words what happens.

    Raises:
        LocalError: a server did not start; none is left running then.
    """
    postgres: Postgres | None = None
    redis: RedisServer | None = None
    database_url, redis_url = environment.get("DATABASE_URL", ""), environment.get("REDIS_URL", "")
    try:
        if not database_url:
            place = place_for(folder)
            postgres = Postgres(place, state.port("postgres_port"), state.password("postgres_password"))
            say(f"Starting PostgreSQL {postgres.programs.major}, data in {postgres.folder}")
            _start(postgres, state, "postgres_port")
            database_url = postgres.url
        if not redis_url:
            redis = RedisServer(place_for(folder), state.port("redis_port"), state.password("redis_password"))
            say(f"Starting Redis, data in {redis.folder}")
            _start(redis, state, "redis_port")
            redis_url = redis.url
    except BaseException:
        Servers(database_url, redis_url, postgres, redis).stop()
        raise
    return Servers(database_url, redis_url, postgres, redis)


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
    password = secrets.token_hex(16)
    postgres = Postgres(place, free_port(), password, is_throwaway=fast)
    redis = RedisServer(place, free_port(), password, is_throwaway=fast)
    try:
        postgres.start()
        redis.start()
        yield OwnServers(postgres.url, redis.url, postgres, redis)
    finally:
        redis.stop()
        postgres.stop()
        remove_place(place)


def _start(server: Supervised, state: State, port_name: str) -> None:
    """Start on the remembered port; on another when a stranger took it, since only Nod knows the number."""
    server.end_leftover()
    if is_taken(server.port):
        server.port = state.fresh_port(port_name)
    server.start()
