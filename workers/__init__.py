"""The worker processes: Dramatiq's engine around ``app``; no business rule lives here.

``python -m workers --queues system jobs`` and ``python -m workers --queues bulk`` run them, ``python -m
workers.clock`` runs the scheduler. Redis carries names only, the tables say what is due: with Redis away, a
thread in each worker looks for itself.
"""

from __future__ import annotations

import dramatiq
from dramatiq.middleware import TimeLimit

from app import create_app
from app.config import Settings
from app.kernel.bell import make_broker
from workers.middleware import AppContext, Memory, Threads

settings = Settings.from_env()
app = create_app(settings, for_workers=True)
broker = make_broker(settings.redis_url, [AppContext(app), TimeLimit(), Memory(), Threads(app)])
dramatiq.set_broker(broker)

from workers import actors  # noqa: E402, F401  the actors declare themselves on this broker
