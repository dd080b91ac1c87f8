"""How far a file is, how fast it goes and how long it will take, by a clock that stands still."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import insert, update

from app.imports import pages
from app.imports.models import Import, ImportSlice
from app.kernel.db import session, transaction

BEGAN = datetime(2026, 5, 1, 12, tzinfo=UTC)


def words_of(staff, monkeypatch, seconds: float, url: str) -> str:
    """What the page says so long after the work began."""
    monkeypatch.setattr(pages, "clock", SimpleNamespace(now=lambda: BEGAN + timedelta(seconds=seconds)))
    page = staff.get(url).text
    assert 'hx-trigger="every 1s"' in page, "it follows by itself"
    return " ".join(re.sub("<[^>]*>", " ", page.partition('<p class="row"><span class="big">')[2].partition("</p>")[0]).split())


def put(staff, **values) -> str:
    url = staff.give("email\n" + "".join(f"p{n}@example.org\n" for n in range(100)))
    with transaction():
        found = staff.found(url)
        values = {"began_at": BEGAN, "octets": 80_000, **values}
        session().execute(update(Import).where(Import.id == found.id).values(**values))
        if values["state"] == "taking":
            slices = [
                {"import_id": found.id, "first_n": n, "last_n": n + 4_999, "counts": {"new": 5_000} if n < 15_000 else None}
                for n in range(1, 40_000, 5_000)
            ]
            session().execute(insert(ImportSlice), slices)
    session().expire_all()
    return url


@pytest.mark.parametrize(
    ("values", "seconds", "wanted"),
    [
        ({"octets_read": 20_000, "rows": 10_000}, 30, "25% Reading and checking: 10,000 rows, 333 a second, about 1 min 30 s left"),
        ({"octets_read": 64_000, "rows": 10_000}, 8, "80% Reading and checking: 10,000 rows, 1,250 a second, about 2 s left"),
        ({"octets_read": 2_000, "rows": 1_000}, 200, "2% Reading and checking: 1,000 rows, 5 a second, about 2 h 10 min left"),
        ({"octets_read": 800, "rows": 400}, 4, "1% Reading and checking: 400 rows, 100 a second"),
        ({"octets_read": 20_000, "rows": 10_000}, 0.5, "25% Reading and checking: 10,000 rows"),
        ({"octets_read": 0, "rows": 0}, 0, "0% Reading and checking: 0 rows"),
    ],
)
def test_reading_tells_its_rate_and_the_time_that_is_left(staff, monkeypatch, values, seconds, wanted):
    assert words_of(staff, monkeypatch, seconds, put(staff, state="reading", **values)) == wanted


def test_taking_counts_the_rows_of_slices_that_are_in(staff, monkeypatch):
    words = words_of(staff, monkeypatch, 12, put(staff, state="taking", rows=40_000))
    assert words == "37% Bringing people in: 15,000 rows, 1,250 a second, about 20 s left"
