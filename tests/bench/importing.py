"""What a file of people costs, with the real workers: new people, the same again, changed ones, and a permission each."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from uuid import UUID

from app.imports import service
from app.imports.models import Import
from app.imports.rules import Permission, Plan
from app.kernel.db import session, transaction
from tests.bench import plain_import, processes
from tests.bench.house import House
from tests.support import make

NAMES = ("Mara", "Jürgen", "Zoë", "Ada", "Łukasz", "Amara", "Benedek", "Saoirse", "Ida", "Renée", "Priya", "Ivo")
DOMAINS = ("postbox.example", "letters.example", "mail.example.org", "people.example.net", "harbour.example")
DECLARED = Permission((), "Yes, write to me.", "They signed our book at the counter.", "the shop", "2026-05-01")
COLUMNS = ("email", "first_name", "last_name", "language")


def file_of(count: int, *, first: int = 0, last_name: str = "Person") -> bytes:
    """A sheet of so many people."""
    out = io.StringIO()
    out.write("Email,First name,Last name,Language\n")
    for n in range(first, first + count):
        name = NAMES[n % 12]
        out.write(f"{name[:3].lower()}.person{n * 7919 % 9999991}@{DOMAINS[n % 5]},{name},{last_name} {n},en\n")
    return out.getvalue().encode()


def measure(house: House, rows: int, say: Callable[[str], None]) -> dict[str, float]:
    """Rows per second from the wish to take the file until all are in; what the check took is told beside it."""
    where = make.place()
    plain_new, plain_changed = plain_import.measure(
        house.admin_url, file_of(rows), file_of(rows, last_name="Other")
    )
    say(f"  PostgreSQL alone, into a plain table: {plain_new:,.0f} new, {plain_changed:,.0f} changed rows a second")
    with processes.workers(house.settings, house.folder) as workers:
        bench = _Bench(where, (house.database_pid, workers.roots["senders"]), say)
        bench.run("a tenth, first", file_of(max(1, rows // 10), first=2 * rows))
        small = processes.memory_mb(workers.roots["senders"], "VmHWM")
        new = bench.run("new", file_of(rows))
        large = processes.memory_mb(workers.roots["senders"], "VmHWM")
        say(f"  largest worker: {small:.0f} MB after the tenth, {large:.0f} MB after all")
        bench.run("unchanged", file_of(rows))
        changed = bench.run("changed", file_of(rows, last_name="Other"))
        permission = replace(DECLARED, interests=(where.interests[0].id,))
        permitted = bench.run("new, with a permission each", file_of(rows // 2, first=rows), permission)
    return {
        "import_new_rows_per_second": round(new),
        "import_update_rows_per_second": round(changed),
        "import_permitted_rows_per_second": round(permitted),
        "import_peak_rss_mb": round(large, 1),
        "import_peak_rss_mb_of_a_tenth": round(small, 1),
        "import_new_ratio": round(new / plain_new, 3),
        "import_update_ratio": round(changed / plain_changed, 3),
    }


class _Bench:
    def __init__(self, where: make.Place, pids: tuple[int, int], say: Callable[[str], None]) -> None:
        self._where, self._pids, self._say = where, pids, say

    def run(self, title: str, content: bytes, permission: Permission | None = None) -> float:
        rows, where = content.count(b"\n") - 1, self._where
        with transaction():
            import_id = service.upload(where.id, "people.csv", io.BytesIO(content), by=where.owner_id)
        marks = [self._used()]
        with transaction():
            service.start_reading(where.id, import_id, Plan(COLUMNS, permission=permission))
        checked = _wait(import_id, "checked")
        marks.append(self._used())
        with transaction():
            service.take(where.id, import_id, by=where.owner_id)
        taken = _wait(import_id, "done")
        marks.append(self._used())
        costs = [
            " and ".join(f"{(then - before) / rows * 1e6:.0f}" for before, then in zip(*pair, strict=True))
            for pair in pairwise(marks)
        ]
        self._say(
            f"  {title}: read and checked {rows / checked:,.0f} rows a second, taken {rows / taken:,.0f};"
            f" µs a row in PostgreSQL and in workers: {costs[0]}, {costs[1]}"
        )
        return rows / taken

    def _used(self) -> list[float]:
        return [processes.cpu_seconds(pid) for pid in self._pids]


def _wait(import_id: UUID, state: str) -> float:
    began = time.monotonic()
    while True:
        with transaction():
            found = session().get(Import, import_id, populate_existing=True)
            if found is None or found.state == "failed":
                raise RuntimeError("the import failed")
            if found.state == state:
                return time.monotonic() - began
        time.sleep(0.05)
