"""By what people can be chosen that they said: permission by interest, whether they may be written to, what we may see."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from app.consent import queries
from app.consent.queries.gate import REACHED, TRACKED, VETOED, gate_sql, word_sql
from app.consent.rules import Level, Word
from app.kernel.segment_fields import Bound, Condition, People, SegmentField, Type

_GROUP = "Permission"
_WORDS = tuple((word.value, word.value) for word in Word)
_LEVELS = (
    (Level.INDIVIDUAL.value, "their own opens and clicks"),
    (Level.AGGREGATE.value, "opens and clicks in totals"),
    (Level.DATE.value, "the day of the last open"),
    (Level.NONE.value, "nothing"),
)
_NEVER = (
    "SELECT contact_id FROM reach WHERE workspace_id = :workspace_id AND channel = 'email'"
    " AND num_nonnulls(suppressed_at, objected_at, erased_at) > 0"
)
# Of every permission of the workspace, by the gate that sending asks.
_REACHABLE = (
    f"SELECT p.contact_id FROM permissions p {REACHED} WHERE p.workspace_id = :workspace_id AND p.purpose = 'marketing'"  # noqa: S608  no input in it
    f" AND p.channel = 'email' AND p.interest_id IS NOT NULL AND {gate_sql()}"
)


def _word(interest_id: UUID, condition: Condition, bound: Bound) -> People:
    if condition.value == Word.NEVER:
        return People(_NEVER)
    wanted = [Word.YES, Word.ASKED] if condition.value == Word.NO else [condition.value]
    said = (
        f"SELECT p.contact_id FROM permissions p {VETOED} WHERE p.workspace_id = :workspace_id"  # noqa: S608  bound values only
        f" AND p.purpose = 'marketing' AND p.channel = 'email' AND p.interest_id = {bound.bind(interest_id)}"
        f" AND {word_sql()} = ANY(CAST({bound.bind([str(word) for word in wanted])} AS text[]))"
    )
    # Who was never asked has no row: no is what is left when the other three words are taken away.
    return People(f"{said} UNION ALL {_NEVER}", are_not=True) if condition.value == Word.NO else People(said)


def _reachable(condition: Condition, _bound: Bound) -> People:
    return People(_REACHABLE, are_not=condition.value == "no")


def _level(condition: Condition, bound: Bound) -> People:
    if condition.value == Level.NONE:
        return People(f"{TRACKED} AND p.level <> 'none'", are_not=True)
    return People(f"{TRACKED} AND p.level = {bound.bind(condition.value)}")


FIELDS = (
    SegmentField(
        "consent.reachable", "Email right now", _GROUP, Type.CHOICE, _reachable,
        operators=("is",), choices=(("yes", "allowed"), ("no", "not allowed")),
    ),
    SegmentField(
        "consent.tracking", "Lets us see", _GROUP, Type.CHOICE, _level,
        phrase="what they let us see", operators=("is", "is_not"), choices=_LEVELS,
    ),
)  # fmt: skip


def interests(workspace_id: UUID) -> list[SegmentField]:
    """One for each interest."""
    return [
        SegmentField(
            f"consent.interest.{found.id}", f"{found.name}, by email", _GROUP, Type.CHOICE, partial(_word, found.id),
            phrase=f"permission for “{found.name}”", operators=("is", "is_not"), choices=_WORDS,
            is_old=found.archived_at is not None,
        )
        for found in queries.list_interests(workspace_id, include_archived=True)
    ]  # fmt: skip
