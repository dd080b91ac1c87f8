"""Work of accounts that may happen later."""

from __future__ import annotations

from app.accounts import service
from app.kernel.db import transaction
from app.kernel.jobs import Job

DAY_SECONDS = 24 * 3600


def _forget() -> None:
    with transaction():
        service.forget_old()


FORGET = Job("accounts.forget", _forget, every_seconds=DAY_SECONDS)
"""Drops sessions that ended a month ago and browsers not seen for half a year."""
