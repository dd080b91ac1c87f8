"""Reactions to what tracking tells."""

from __future__ import annotations

from app.consent.events import TrackingChanged
from app.consent.rules import Level
from app.engagement import service
from app.tracking.events import SignalsReclassified, SignalsRecorded


def on_signals(event: SignalsRecorded) -> None:
    """New signals count."""
    service.record(event)


def on_tracking(event: TrackingChanged) -> None:
    """Who withdraws has no score; who allows it again is counted anew."""
    if event.level is Level.INDIVIDUAL:
        service.recompute(event.workspace_id, [event.contact_id])
    else:
        service.forget(event.workspace_id, event.contact_id)


def on_reclassified(event: SignalsReclassified) -> None:
    """What turned out to be a program's does not count any more."""
    service.recompute(event.workspace_id, event.contact_ids)
