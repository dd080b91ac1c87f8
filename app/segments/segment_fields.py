"""By what people can be chosen that is another choice of people."""

from __future__ import annotations

from uuid import UUID

from app.kernel.segment_fields import Bound, Condition, People, SegmentField, Type
from app.segments import queries


def _member(condition: Condition, bound: Bound) -> People:
    return People(bound.others(UUID(condition.value)))


def own_fields(workspace_id: UUID) -> list[SegmentField]:
    """One field, whose values are the workspace's segments; none where there are none."""
    known = queries.list_names(workspace_id)
    if not known:
        return []
    choices = tuple((str(segment_id), name) for segment_id, name in known)
    return [
        SegmentField(
            queries.MEMBER_KEY,
            "Another segment",
            "Segments",
            Type.MEMBER,
            _member,
            phrase="the person",
            choices=choices,
        )
    ]
