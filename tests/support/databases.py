"""Copies of the migrated template, made ahead of the test that needs one and thrown away behind its back."""

from __future__ import annotations

import itertools
import threading
from queue import Empty, Queue
from typing import Final

import psycopg

from app.local.servers import OwnServers

AHEAD: Final = 2


def create(servers: OwnServers, name: str, template: str | None = None) -> str:
    """A new database; its address."""
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        suffix = f' TEMPLATE "{template}"' if template else ""
        connection.execute(f'CREATE DATABASE "{name}"{suffix}')
    return f"{servers.database_url.rpartition('/')[0]}/{name}"


class Copies:
    """Databases of one run. A copy takes a tenth of a second of waiting, which a thread of its own does.

    Args:
        servers: where they are.
        template: what they are copies of.
    """

    def __init__(self, servers: OwnServers, template: str) -> None:
        self._servers = servers
        self._template = template
        self._ready: Queue[str | Exception] = Queue(AHEAD)
        self._old: Queue[str] = Queue()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="copies", daemon=True)
        self._thread.start()

    def take(self) -> str:
        """The address of a fresh one."""
        found = self._ready.get()
        if isinstance(found, Exception):
            raise found
        return found

    def throw_away(self, url: str) -> None:
        """Drop it, soon."""
        self._old.put(url.rpartition("/")[2])

    def close(self) -> None:
        """Make no more."""
        self._is_over.set()
        while self._thread.is_alive():
            try:
                self._ready.get(timeout=0.1)
            except Empty:
                continue

    def _run(self) -> None:
        for number in itertools.count(1):
            if self._is_over.is_set():
                return
            try:
                made: str | Exception = create(self._servers, f"nod_copy_{number}", self._template)
            except psycopg.Error as fault:
                made = fault
            self._ready.put(made)
            self._drop_old()

    def _drop_old(self) -> None:
        while not self._old.empty():
            # As superuser: a connection of one may not have ended yet.
            with psycopg.connect(self._servers.postgres.admin_url, autocommit=True) as connection:
                connection.execute(f'DROP DATABASE IF EXISTS "{self._old.get()}" WITH (FORCE)')
