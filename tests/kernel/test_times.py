"""Times by the clocks of a zone, also on the days on which they are put on or back."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from app.kernel.times import instant


@pytest.mark.parametrize(
    ("zone", "wall", "expected"),
    [
        ("Europe/Berlin", datetime(2026, 11, 24, 10), "2026-11-24 09:00"),
        ("Europe/Berlin", datetime(2026, 10, 25, 2, 30), "2026-10-25 00:30"),  # comes twice: the first
        ("Europe/Berlin", datetime(2026, 10, 25, 2, 30, fold=1), "2026-10-25 00:30"),
        ("Europe/Berlin", datetime(2027, 3, 28, 2, 30), "2027-03-28 01:30"),  # left out: 03:30
        ("Australia/Lord_Howe", datetime(2026, 10, 4, 2, 15), "2026-10-03 15:45"),  # half an hour is left out: 02:45
        ("Africa/Cairo", datetime(2026, 4, 24), "2026-04-23 22:00"),  # midnight is left out: 01:00
        ("Europe/Berlin", datetime(2026, 11, 24, 10, tzinfo=UTC), "2026-11-24 09:00"),
    ],
)
def test_what_clocks_show_is_one_instant(zone, wall, expected):
    assert instant(wall, ZoneInfo(zone)) == datetime.fromisoformat(expected).replace(tzinfo=UTC)
