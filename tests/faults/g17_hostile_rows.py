"""G17: a file whose cells are hostile, its rows broken, its octets not even text; every row is taken or refused in words."""

from __future__ import annotations

import csv
import io
import random
import re
from collections.abc import Callable

from app.contacts import service as contacts
from app.kernel.db import transaction
from tests.bench.processes import tree
from tests.faults.checker import Outcome
from tests.faults.site import Site
from tests.imports.conftest import Importer
from tests.security.test_g17_hostile_rows import FIELDS, STRINGS
from tests.support import make
from tests.support.workers import until

NAME = "G17"
SHORT = {"rows": 300}
LONG = {"rows": 100_000}
COLUMNS = ("Email", "First name", "Last name", "Language", "Tags", "Company", *(label for label, _ in FIELDS))
WORST_STATUS = 500
ALL_THERE = 3
"""The parent of the senders and the two that work."""


def file_of(rows: int, seed: int) -> bytes:
    """A heading and so many rows: most well written with hostile cells, some broken in one way or another."""
    dice = random.Random(seed)
    head = ",".join(COLUMNS).encode() + b"\n"
    return head + b"".join(_row(dice, number) for number in range(rows))


def _row(dice: random.Random, number: int) -> bytes:
    cells = [f"p{number}@example.org", *[""] * (len(COLUMNS) - 1)]
    for _ in range(dice.randrange(1, 4)):
        cells[dice.randrange(len(cells))] = dice.choice(STRINGS)
    kinds: tuple[Callable[[random.Random, list[str]], bytes], ...] = (_other_delimiter, _open_quote, _any_octets, _too_many)
    write = dice.choice(kinds) if dice.random() < 0.1 else _well
    return write(dice, cells)


def _well(_: random.Random, cells: list[str]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerow(cells)
    return out.getvalue().encode("utf-8", "surrogatepass")


def _other_delimiter(dice: random.Random, cells: list[str]) -> bytes:
    return dice.choice((";", "\t", "|", "\x1f")).join(cells).encode("utf-8", "surrogatepass") + b"\n"


def _open_quote(dice: random.Random, cells: list[str]) -> bytes:
    line = _well(dice, cells)
    place = dice.randrange(len(line))
    return line[:place] + b'"' + line[place:]


def _any_octets(dice: random.Random, _: list[str]) -> bytes:
    return dice.randbytes(dice.randrange(1, 400)) + b"\n"


def _too_many(dice: random.Random, cells: list[str]) -> bytes:
    return _well(dice, cells * dice.randrange(2, 30))


def run(site: Site, rows: int) -> Outcome:
    """Brought through the pages, read and taken by the real workers."""
    place = make.place()
    with transaction():
        for label, kind in FIELDS:
            contacts.define_field(place.id, label, kind)
    site.start_all(workers=1)
    until(lambda: len(tree(site.processes["senders"].pid)) >= ALL_THERE, 60, site.logs)
    before = [tree(found.pid) for found in _serving(site)]
    statuses: list[int] = []
    staff = Importer(site.app.test_client(), place)
    url = staff.give(file_of(rows, site.nemesis.seed))
    _choose(staff, url, statuses)
    _wait(site, staff, url, "checked", statuses)
    statuses.append(staff.post(f"{url}/take", page=url).status_code)
    _wait(site, staff, url, "done", statuses)
    statuses.extend(staff.get(page).status_code for page in (url, "/people", "/people?q=p1"))
    left = list(csv.reader(io.StringIO(staff.get(f"{url}/left-out.csv").text)))[1:]
    found = staff.found(url)
    outcome = Outcome(messages=rows)
    outcome.lost = found.rows - sum(staff.counts(url).values()) - len(left)
    outcome.demand(outcome.lost == 0, f"of {found.rows} rows {outcome.lost} came to nothing")
    new = staff.counts(url).get("new", 0)
    outcome.demand(found.rows > rows // 2, f"only {found.rows} rows were found")
    # Of a row with one to three hostile cells a fifth holds none where an address or a date is asked for.
    outcome.demand(new > rows // 10, f"of {found.rows} rows only {new} were taken")
    outcome.demand(all(row[-1] for row in left), "rows are left out without a reason")
    outcome.demand(max(statuses) < WORST_STATUS, f"answers: {sorted(set(statuses))}")
    outcome.demand(before == [tree(one.pid) for one in _serving(site)], f"workers ended: {site.logs()}")
    outcome.with_figure("rows_left_out", len(left))
    return outcome


def _serving(site: Site) -> list:
    return [site.processes[name] for name in ("senders", "clock")]


def _choose(staff: Importer, url: str, statuses: list[int]) -> None:
    """As the page offers it; where it asks for a decimal sign, the dot."""
    page = staff.get(url).text
    columns = re.findall(r'<select[^>]*name="column".*?</select>', page, re.DOTALL)
    chosen = [re.search(r'value="([^"]*)" selected', found) for found in columns]
    values = {"column": [found[1] if found else "" for found in chosen], "decimal": ["."] * len(columns)}
    statuses.append(staff.post(f"{url}/columns", page=url, **values).status_code)


def _wait(site: Site, staff: Importer, url: str, wanted: str, statuses: list[int]) -> None:
    """Look at its page until it is there."""

    def is_there() -> bool:
        statuses.append(staff.get(url).status_code)
        ((state,),) = site.query("SELECT state FROM imports WHERE id = %s", url.rpartition("/")[2])
        return state in {wanted, "failed"}

    until(is_there, 1_200, site.logs)
