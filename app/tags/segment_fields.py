"""By which tags people can be chosen."""

from __future__ import annotations

from uuid import UUID

from app.kernel.segment_fields import Bound, Condition, People, SegmentField, Type
from app.tags import queries

_CARRIED = "SELECT t.contact_id FROM contact_tags t"


def _tag(condition: Condition, bound: Bound) -> People:
    if condition.op == "is_known":
        return People(f"{_CARRIED} JOIN tags g ON g.id = t.tag_id AND g.removed_at IS NULL WHERE t.workspace_id = :workspace_id")
    return People(f"{_CARRIED} WHERE t.tag_id = {bound.bind(UUID(condition.value))}")


def own_fields(workspace_id: UUID) -> list[SegmentField]:
    """One field, whose values are the workspace's list; none where that is empty."""
    choices = tuple((str(tag_id), word) for tag_id, word in queries.list_words(workspace_id))
    if not choices:
        return []
    return [SegmentField("tags.tag", "Tag", "Profile", Type.CHOICES, _tag, phrase="their tags", choices=choices)]
