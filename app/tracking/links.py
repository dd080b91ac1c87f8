"""Where links lead, kept by each process: a mailing's links never change, so they are read once."""

from __future__ import annotations

import threading
from typing import Final

from flask import current_app

from app.kernel import clock
from app.kernel.db import transaction
from app.kernel.errors import NotFound
from app.tracking import queries
from app.tracking.queries import Mailing

EXTENSION: Final = "nod.tracking.links"
KEPT: Final = 2000
"""Mailings whose links a process keeps; the one that was read first goes first."""


class LinkCache:
    """The links of one application, safe for threads."""

    def __init__(self) -> None:
        self._mailings: dict[int, Mailing] = {}
        self._lock = threading.Lock()

    def known(self, mailing_no: int) -> Mailing | None:
        """The mailing where this process has read it; asks nobody."""
        return self._mailings.get(mailing_no)

    def get(self, mailing_no: int) -> Mailing:
        """The mailing; from the database the first time.

        Raises:
            NotFound: it has no links to follow.
            OperationalError: not known yet, and the database is away.
        """
        known = self.known(mailing_no)
        if known is not None:
            return known
        with transaction():
            clock.now()  # so that this process knows the database's time when it is away
            found = queries.find_mailing(mailing_no)
        if found is None:
            raise NotFound
        with self._lock:
            self._mailings[mailing_no] = found
            while len(self._mailings) > KEPT:
                del self._mailings[next(iter(self._mailings))]
        return found


def get(mailing_no: int) -> Mailing:
    """The links of a mailing from this application's cache (see ``LinkCache.get``)."""
    cache: LinkCache = current_app.extensions[EXTENSION]
    return cache.get(mailing_no)
