"""How long things of accounts last."""

from __future__ import annotations

from datetime import datetime, timedelta

IDLE = timedelta(hours=8)
"""A session that was not used for so long has ended, unless its owner asked to stay signed in."""
ABSOLUTE = timedelta(days=7)
"""No session lasts longer, whatever its owner asked."""
TOUCH = timedelta(minutes=1)
"""A use is written down at most once in this time."""
ENDED_SESSIONS_KEPT = timedelta(days=30)
DEVICES_KEPT = timedelta(days=180)


def idle_since(now: datetime) -> datetime:
    """Sessions seen last before this moment have ended."""
    return now - IDLE
