"""Work of engagement that happens later: counting everybody anew."""

from __future__ import annotations

import time
from typing import Final

from app.engagement import queries, service
from app.kernel.db import transaction

SECONDS: Final = 20.0


def recount() -> None:
    """Go on with every workspace that is being counted anew, for at most SECONDS; a slice is one transaction.

    Workspaces take turns, so a large one keeps no small one waiting.
    """
    until = time.monotonic() + SECONDS
    left = True
    while left and time.monotonic() < until:
        left = False
        with transaction():
            waiting = queries.list_underway()
        for workspace_id in waiting:
            with transaction():
                left = service.recount_slice(workspace_id) or left
