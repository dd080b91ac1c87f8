"""By what people can be chosen that they did; only what people did themselves counts."""

from __future__ import annotations

from uuid import UUID

from app.kernel.segment_fields import Acts, SegmentField, Type
from app.tracking import queries
from app.tracking.rules.hits import Kind
from app.tracking.rules.kinds import OWN, SignalKind

_READING = "Reading"
_ACTS = "Acts"
_OF_PEOPLE = "signals s WHERE s.workspace_id = :workspace_id AND s.contact_id IS NOT NULL AND s.verdict = 'human'"


def _signals(kinds: str) -> Acts:
    return Acts(f"{_OF_PEOPLE} AND s.kind {kinds}", contact="s.contact_id", at="s.at", of="s.mailing_no")


FIELDS = (
    SegmentField(
        "tracking.open", "Opened a letter", _READING, Type.ACT, _signals(f"= '{Kind.OPEN}'"),
        phrase="opened a letter", of="mailing",
    ),
    SegmentField(
        "tracking.click", "Followed a link", _READING, Type.ACT, _signals(f"= '{Kind.CLICK}'"),
        phrase="followed a link", of="mailing",
    ),
    SegmentField(
        "tracking.read", "Opened or followed a link", _READING, Type.ACT, _signals(f"IN ('{Kind.OPEN}', '{Kind.CLICK}')"),
        phrase="opened a letter or followed a link", of="mailing",
    ),
)  # fmt: skip


def acts(workspace_id: UUID) -> list[SegmentField]:
    """One for each kind of signal that is about no letter: those of manifests, and the workspace's own."""
    old = {found.kind for found in queries.list_own_kinds(workspace_id) if found.archived_at}
    known = queries.signal_kinds(workspace_id).values()
    return [_act(kind, is_old=kind.name in old) for kind in known if kind.name not in set(Kind)]


def _act(kind: SignalKind, *, is_old: bool) -> SegmentField:
    rows = Acts(
        f"{_OF_PEOPLE} AND s.kind = {{kind}}", contact="s.contact_id", at="s.at", values={"kind": kind.name}
    )
    phrase = f"did “{kind.label}”" if kind.name.startswith(OWN) else ""
    return SegmentField(
        f"tracking.act.{kind.name}", kind.label, _ACTS, Type.ACT, rows, phrase=phrase, is_old=is_old
    )
