"""A tree of rules, read from JSON against the fields that a workspace has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final

from app.kernel.segment_fields import Condition, SegmentField, Type
from app.segments.operators import Operator, operators_of

MAX_DEPTH: Final = 4
MAX_RULES: Final = 50
MAX_TEXT: Final = 200
MAX_DAYS: Final = 3650
MAX_TIMES: Final = 1000
MAX_NAME: Final = 80
ROOT: Final = "0"
INDEX_JOB: Final = "segments.index"
MOST_INDEXES: Final = 20
"""So many fields of an installation have an index: each costs a little with every person that is written."""
ANSWERED: Final = frozenset(
    {"is", "begins_with", "at_least", "at_most", "before", "from", "in_last", "more_than_ago", "in_next"}
)
"""The operators that an index of a field answers."""
_UNSTORABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_MONEY = re.compile(r"(-?[0-9]{1,15}(?:\.[0-9]{1,4})?) ?([A-Za-z]{3})", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,4}", re.ASCII)
_LATEST: Final = date(9998, 12, 31)
_TOO_MANY: Final = f"A segment has {MAX_RULES} rules at most."
_PARTS: Final = ("value", "times", "days", "of")


class Match(StrEnum):
    """How many of a group's parts have to hold."""

    ALL = "all"
    ANY = "any"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition on one field; ``raw`` holds its parts as they are stored."""

    field: SegmentField
    operator: Operator
    condition: Condition
    raw: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Group:
    """Rules and groups."""

    match: Match
    parts: tuple[Rule | Group, ...]


class BadTree(ValueError):
    """A tree that cannot be read: what is wrong by place: ``0`` is the tree, ``0.2`` its third part, and so on."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(faults.values()))
        self.faults = dict(faults)


def parse(raw: Any, fields: Mapping[str, SegmentField]) -> Group:
    """The tree: ``{"match": "all", "rules": [{"field": …, "op": …, "value": …}, {"match": …, "rules": […]}]}``.

    ``value``, ``times``, ``days`` and ``of`` are text or whole numbers; which a rule takes its operator says.

    Raises:
        BadTree: names each place that is wrong.
    """
    reader = _Reader(fields)
    found = reader.group(raw, ROOT, 1)
    if not reader.faults and reader.rules == 0:
        reader.faults[ROOT] = "Add a rule: without one this would be everybody."
    if reader.faults:
        raise BadTree(reader.faults)
    return found


def to_json(group: Group) -> dict[str, Any]:
    """The tree as it is stored; ``parse`` reads it back."""
    return {
        "match": group.match.value,
        "rules": [
            to_json(part)
            if isinstance(part, Group)
            else {"field": part.field.key, "op": part.operator.name, **part.raw}
            for part in group.parts
        ],
    }


def named_by(raw: Mapping[str, Any], field: str) -> set[str]:
    """The values that a stored tree compares one field with; it need not be readable any more."""
    found: set[str] = set()
    for part in raw["rules"]:
        if "rules" in part:
            found |= named_by(part, field)
        elif part["field"] == field:
            found.add(part.get("value", ""))
    return found


def looked_up(raw: Mapping[str, Any]) -> set[str]:
    """The fields that a stored tree compares in a way that an index answers."""
    found: set[str] = set()
    if raw["match"] == Match.NONE.value:
        return found
    for part in raw["rules"]:
        if "rules" in part:
            found |= looked_up(part)
        elif part["op"] in ANSWERED:
            found.add(part["field"])
    return found


class _Reader:
    """Reads on after a fault, so that all of them are told at once."""

    def __init__(self, fields: Mapping[str, SegmentField]) -> None:
        self.fields = fields
        self.faults: dict[str, str] = {}
        self.rules = 0

    def group(self, raw: Any, place: str, depth: int) -> Group:
        fault = _fault_of_group(raw, depth)
        if fault:
            self.faults[place] = fault
            return Group(Match.ALL, ())
        parts = [self._part(part, f"{place}.{i}", depth) for i, part in enumerate(raw["rules"])]
        return Group(Match(raw["match"]), tuple(part for part in parts if part is not None))

    def _part(self, raw: Any, place: str, depth: int) -> Rule | Group | None:
        if isinstance(raw, dict) and "rules" in raw:
            return self.group(raw, place, depth + 1)
        self.rules += 1
        if self.rules > MAX_RULES:
            self.faults[place] = _TOO_MANY
            return None
        try:
            return read_rule(raw, self.fields)
        except ValueError as error:
            self.faults[place] = str(error)
            return None


def _fault_of_group(raw: Any, depth: int) -> str:
    if not isinstance(raw, dict) or set(raw) != {"match", "rules"} or not isinstance(raw["rules"], list):
        return "A group has match and rules, and nothing else."
    if depth > MAX_DEPTH:
        return f"Groups go {MAX_DEPTH} deep at most."
    if not isinstance(raw["match"], str) or raw["match"] not in set(Match):
        return "Choose all, any or none."
    if not raw["rules"] and depth > 1:
        return "Put a rule into this group, or remove it."
    return _TOO_MANY if len(raw["rules"]) > MAX_RULES else ""


def read_rule(raw: Any, fields: Mapping[str, SegmentField]) -> Rule:
    """One rule.

    Raises:
        ValueError: says what to do.
    """
    if not isinstance(raw, dict) or not {"field", "op"} <= set(raw) <= {"field", "op", *_PARTS}:
        raise ValueError("A rule has field, op and what that takes, and nothing else.")
    field = fields.get(raw["field"]) if isinstance(raw["field"], str) else None
    if field is None:
        raise ValueError("Choose what to look at: this field is not here.")
    operator = next((found for found in operators_of(field) if found.name == raw["op"]), None)
    if operator is None:
        raise ValueError("Choose how to compare: this field does not know that.")
    told = {part: _told(raw[part]) for part in _PARTS if raw.get(part) not in (None, "")}
    return _rule(field, operator, told)


def _told(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("Write text or a whole number.")  # noqa: TRY004  the fault of whoever wrote it
    text = str(value).strip()
    if len(text) > MAX_TEXT:
        raise ValueError(f"Write at most {MAX_TEXT} characters.")
    if _UNSTORABLE.search(text):
        raise ValueError("Remove the characters that cannot be read.")
    return text


def _rule(field: SegmentField, operator: Operator, told: Mapping[str, str]) -> Rule:
    used = {part: told[part] for part in (*operator.takes, *operator.may_take) if told.get(part)}
    if not field.of:
        used.pop("of", None)
    for part in operator.takes:
        if part not in used:
            raise ValueError(_MISSING[part])
    days, times = _whole(used, "days", MAX_DAYS), _whole(used, "times", MAX_TIMES)
    if "of" in used and used["of"] not in dict(field.of_choices):
        raise ValueError("Choose one that is on the list.")
    value = _VALUES[field.type](used["value"], field) if "value" in used else None
    condition = Condition(operator.turns or operator.name, value, times, days, used.get("of"))
    return Rule(field, operator, condition, used)


_MISSING: Final = {
    "value": "Say what to compare with.",
    "days": "Say how many days.",
    "times": "Say how many times.",
}


def _whole(used: Mapping[str, str], part: str, most: int) -> int | None:
    if part not in used:
        return None
    if not _WHOLE.fullmatch(used[part]) or not 1 <= int(used[part]) <= most:
        raise ValueError(f"Write a whole number from 1 to {most:,}.")
    return int(used[part])


def _text(value: str, _field: SegmentField) -> str:
    return value


def _number(value: str, _field: SegmentField) -> Decimal:
    try:
        number = Decimal(value.replace(",", "."))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number.adjusted()) > 30:
        raise ValueError("Write a number, like 12 or 3.5.")
    return number


def _money(value: str, _field: SegmentField) -> tuple[Decimal, str]:
    match = _MONEY.fullmatch(value)
    if not match:
        raise ValueError("Write amount and currency, like 12.50 EUR.")
    return Decimal(match[1]), match[2].upper()


def _day(value: str, _field: SegmentField) -> date:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise ValueError("Write a day, like 2026-11-22.") from None
    if not date(1000, 1, 1) <= day <= _LATEST:
        raise ValueError("Write a day with a year of four digits.")
    return day


def _choice(value: str, field: SegmentField) -> str:
    if value not in dict(field.choices):
        raise ValueError("Choose one that is on the list.")
    return value


_VALUES: Final = {
    Type.TEXT: _text,
    Type.NUMBER: _number,
    Type.MONEY: _money,
    Type.DAY: _day,
    Type.MOMENT: _day,
    Type.CHOICE: _choice,
    Type.CHOICES: _choice,
    Type.MEMBER: _choice,
    Type.ACT: _text,
}
