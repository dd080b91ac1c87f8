"""Relative time in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.kernel import i18n

NOW = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("passed", "english", "german"),
    [
        (timedelta(seconds=2), "just now", None),
        (timedelta(minutes=3), "3 minutes ago", "vor 3 Minuten"),
        (timedelta(hours=26), "1 day ago", "vor 1 Tag"),
        (-timedelta(days=2), "in 2 days", "in 2 Tagen"),
    ],
)
def test_time_is_told_as_people_tell_it(passed, english, german):
    i18n.use("en")
    assert i18n.ago(NOW - passed, NOW) == english
    if german:
        i18n.use("de")
        assert i18n.ago(NOW - passed, NOW) == german
    i18n.use("en")
