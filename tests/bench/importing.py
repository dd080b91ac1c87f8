"""What a file of people costs: read and checked, taken as new people, as changed ones, and with a permission each."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from uuid import UUID

from flask import Flask, current_app

from app.imports import jobs, service
from app.imports.models import Import
from app.imports.rules import Permission, Plan
from app.kernel.db import session, transaction
from tests.bench import processes
from tests.support import make

NAMES = ("Mara", "Jürgen", "Zoë", "Ada", "Łukasz", "Amara", "Benedek", "Saoirse", "Ida", "Renée", "Priya", "Ivo")
DOMAINS = ("postbox.example", "letters.example", "mail.example.org", "people.example.net", "harbour.example")
DECLARED = Permission((), "Yes, write to me.", "They signed our book at the counter.", "the shop", "2026-05-01")


def file_of(count: int, *, first: int = 0, last_name: str = "Person") -> bytes:
    """A sheet of so many people."""
    out = io.StringIO()
    out.write("Email,First name,Last name,Language\n")
    for n in range(first, first + count):
        name = NAMES[n % 12]
        out.write(f"{name[:3].lower()}.person{n * 7919 % 9999991}@{DOMAINS[n % 5]},{name},{last_name} {n},en\n")
    return out.getvalue().encode()


class Bench:
    """Brings files into one workspace with two workers, as the Procfile has them."""

    def __init__(self, database_pid: int, say: Callable[[str], None]) -> None:
        self._pid = database_pid
        self._say = say
        self._where = make.place()

    def run(self, title: str, content: bytes, *, permission: Permission | None = None) -> float:
        """Bring a file in; rows per second from the check to the end."""
        rows = content.count(b"\n") - 1
        if permission is not None:
            permission = Permission((self._where.interests[0].id,), *_rest(permission))
        plan = Plan(("email", "first_name", "last_name", "language"), permission=permission)
        with transaction():
            import_id = service.upload(self._where.id, "people.csv", io.BytesIO(content), by=self._where.owner_id)
            service.start_reading(self._where.id, import_id, plan)
        began, cpu = time.monotonic(), processes.cpu_seconds(self._pid)
        _work(import_id, "checked")
        checked = time.monotonic() - began
        with transaction():
            service.take(self._where.id, import_id, by=self._where.owner_id)
        began = time.monotonic()
        _work(import_id, "done")
        taken = time.monotonic() - began
        used = (processes.cpu_seconds(self._pid) - cpu) / rows * 1e6
        self._say(
            f"  {title}: read and checked {rows / checked:,.0f} rows a second, taken {rows / taken:,.0f},"
            f" both {rows / (checked + taken):,.0f}; PostgreSQL {used:.0f} µs a row"
        )
        return rows / (checked + taken)


def _rest(permission: Permission) -> tuple[str, str, str, str]:
    return permission.words, permission.declaration, permission.source, permission.said_on


def _work(import_id: UUID, until: str) -> None:
    app: Flask = current_app._get_current_object()
    helper = threading.Thread(target=_assist, args=(app, import_id, until), daemon=True)
    helper.start()
    while _state(import_id) != until:
        jobs.run()
    helper.join()


def _assist(app: Flask, import_id: UUID, until: str) -> None:
    with app.app_context():
        while _state(import_id) != until:
            jobs.assist()
            time.sleep(0.02)


def _state(import_id: UUID) -> str:
    with transaction():
        return str(session().get(Import, import_id, populate_existing=True).state)
