"""The kernel tidies up after itself."""

from __future__ import annotations

from sqlalchemy import func, select

from app.kernel import clock, limits, own
from app.kernel.db import session, transaction
from app.kernel.health import Heartbeat, beat, seconds_since_beat


def test_heartbeats_of_processes_long_gone_are_dropped(live):
    with transaction():
        beat("worker", "gone:1")
    own.forget()
    assert seconds_since_beat("worker") is not None
    clock.set_shift(8 * 86400)
    own.forget()
    assert session().execute(select(func.count()).select_from(Heartbeat)).scalar_one() == 0


def test_counters_are_kept_as_long_as_they_count(live):
    limits.count_in_database("x", b"k", clock.now(), 1)
    own.forget()
    assert session().execute(select(func.count()).select_from(limits.LimitCount)).scalar_one() == 1
    clock.set_shift(32 * 86400)
    own.forget()
    assert session().execute(select(func.count()).select_from(limits.LimitCount)).scalar_one() == 0
