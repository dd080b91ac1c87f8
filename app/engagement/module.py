"""What engagement adds to the house."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app.consent.events import TrackingChanged
from app.engagement import bindings, jobs, queries, segment_fields, service
from app.kernel.jobs import Job
from app.kernel.module import Blends, Joining, Module, PersonalData, PersonPanel
from app.tracking.events import SignalsReclassified, SignalsRecorded


def _panel(workspace_id: UUID, contact_id: UUID) -> dict[str, Any]:
    return {"score": queries.score(workspace_id, contact_id)}


def _export(workspace_id: UUID, contact_id: UUID) -> dict[str, Any]:
    found = queries.score(workspace_id, contact_id)
    return {
        "value": found.value,
        "level": found.level.value if found.level else None,
        "because": [
            {
                "what": reason.label,
                "times": reason.count,
                "last_at": reason.last_at.isoformat(),
                "adds": reason.share,
            }
            for reason in found.reasons
        ],
    }


def _join(joining: Joining) -> None:
    """Scores are what signals come to: both are counted anew, whoever has them now."""
    service.recompute(joining.workspace_id, [joining.survivor_id, joining.merged_id])


def _part(joining: Joining, _memo: Any) -> None:
    _join(joining)


MODULE = Module(
    "engagement",
    blueprints=("app.engagement.pages:blueprint",),
    handlers={
        SignalsRecorded: (bindings.on_signals,),
        TrackingChanged: (bindings.on_tracking,),
        SignalsReclassified: (bindings.on_reclassified,),
    },
    jobs=(Job(service.RECOUNT, jobs.recount, every_seconds=2, is_rung=True),),
    person_panels=(PersonPanel("engagement", "engagement/panel.html", _panel, column="side", order=20),),
    personal_data=(PersonalData("engagement", ("engagement_scores",), _export, service.forget),),
    merging=(Blends(("engagement_scores",), _join, _part),),
    segment_fields=segment_fields.FIELDS,
)
