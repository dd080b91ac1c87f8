"""By what people can be chosen that they did with letters; only what people did themselves counts."""

from __future__ import annotations

from app.kernel.segment_fields import Acts, SegmentField, Type
from app.tracking.rules.hits import Kind

_GROUP = "Reading"


def _signals(kinds: str) -> Acts:
    return Acts(
        "signals s WHERE s.workspace_id = :workspace_id AND s.contact_id IS NOT NULL AND s.verdict = 'human'"
        f" AND s.kind {kinds}",
        contact="s.contact_id", at="s.at", of="s.mailing_no",
    )  # fmt: skip


FIELDS = (
    SegmentField(
        "tracking.open", "Opened a letter", _GROUP, Type.ACT, _signals(f"= '{Kind.OPEN}'"),
        phrase="opened a letter", of="mailing",
    ),
    SegmentField(
        "tracking.click", "Followed a link", _GROUP, Type.ACT, _signals(f"= '{Kind.CLICK}'"),
        phrase="followed a link", of="mailing",
    ),
    SegmentField(
        "tracking.read", "Opened or followed a link", _GROUP, Type.ACT, _signals(f"IN ('{Kind.OPEN}', '{Kind.CLICK}')"),
        phrase="opened a letter or followed a link", of="mailing",
    ),
)  # fmt: skip
