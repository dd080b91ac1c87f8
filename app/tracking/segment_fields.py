"""By what people can be chosen that they did; what programs did, or nobody knows who, is apart and says so."""

from __future__ import annotations

from uuid import UUID

from app.kernel.segment_fields import Acts, SegmentField, Type
from app.tracking import queries
from app.tracking.rules.hits import Kind
from app.tracking.rules.kinds import OWN, SignalKind
from app.tracking.rules.verdicts import Verdict

_READING = "Reading"
_ACTS = "Acts"
_SIGNALS = "signals s WHERE s.workspace_id = :workspace_id AND s.contact_id IS NOT NULL"
_OF_PEOPLE = f"{_SIGNALS} AND s.verdict = 'human'"
_READ = f"IN ('{Kind.OPEN}', '{Kind.CLICK}')"


def _signals(kinds: str, rows: str = _OF_PEOPLE) -> Acts:
    return Acts(f"{rows} AND s.kind {kinds}", contact="s.contact_id", at="s.at", of="s.mailing_no")


def _not_by_hand(kind: Kind, verdict: Verdict, word: str, label: str, phrase: str) -> SegmentField:
    rows = _signals(f"= '{kind}'", f"{_SIGNALS} AND s.verdict = '{verdict}'")
    return SegmentField(f"tracking.{kind}.{word}", label, _READING, Type.ACT, rows, phrase=phrase, of="mailing")


def _on_device(device: str) -> SegmentField:
    rows = _signals(_READ, f"{_OF_PEOPLE} AND s.program IS NOT NULL AND {queries.DEVICE_SQL.format(program='s.program')} = '{device}'")
    called = device.lower()
    return SegmentField(
        f"tracking.device.{called}", f"Read on a {called}, last 30 days", _READING, Type.ACT, rows,
        phrase=f"read a letter on a {called} in the last 30 days", of="mailing",
    )  # fmt: skip


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
        "tracking.read", "Opened or followed a link", _READING, Type.ACT, _signals(_READ),
        phrase="opened a letter or followed a link", of="mailing",
    ),
    _not_by_hand(Kind.OPEN, Verdict.MACHINE, "machine", "A machine opened their letter", "had a letter opened by a machine"),
    _not_by_hand(Kind.CLICK, Verdict.MACHINE, "machine", "A machine followed their link", "had a link followed by a machine"),
    _not_by_hand(Kind.OPEN, Verdict.UNKNOWN, "unsure", "They or a machine opened", "had a letter opened, by nobody knows whom"),
    _not_by_hand(Kind.CLICK, Verdict.UNKNOWN, "unsure", "They or a machine followed a link", "had a link followed, by nobody knows whom"),
    *map(_on_device, queries.DEVICES),
    SegmentField(
        "tracking.ordered", "Ordered because of a letter", _READING, Type.ACT,
        Acts("mailing_orders o WHERE o.workspace_id = :workspace_id", contact="o.contact_id", at="o.at", of="o.mailing_no"),
        phrase="ordered because of a letter", of="mailing",
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
