"""A draft as its page shows it: every group and rule with its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any, Final

from app.kernel.segment_fields import SegmentField, Type
from app.segments.drafts import Draft
from app.segments.operators import Operator, operators_of
from app.segments.rules import MAX_DEPTH, ROOT

MAILINGS_SHOWN: Final = 100
"""So many newest ones an act can be narrowed to on the page."""
_INPUTS: Final = {
    Type.NUMBER: {"inputmode": "decimal"},
    Type.MONEY: {"placeholder": "12.50 EUR"},
    Type.DAY: {"type": "date"},
    Type.MOMENT: {"type": "date"},
}


class Shown:
    """Makes the template's tree of a draft; ``faults`` are told beside what they are about."""

    def __init__(self, fields: Mapping[str, SegmentField], faults: Mapping[str, str]) -> None:
        self._fields, self._faults = fields, faults
        self._rules, self._groups = count(1), count(1)

    def tree(self, draft: Draft, place: str = ROOT) -> dict[str, Any]:
        """A group: {place, match, number, fault, may_nest, parts}; a part is one too, or a rule."""
        return {
            "place": place,
            "match": draft["match"],
            "number": next(self._groups),
            "fault": self._faults.get(place, ""),
            "may_nest": place.count(".") + 1 < MAX_DEPTH,
            "is_group": True,
            "parts": [
                self.tree(part, f"{place}.{i}") if "rules" in part else self._rule(part, f"{place}.{i}")
                for i, part in enumerate(draft["rules"])
            ],
        }

    def _rule(self, part: Draft, place: str) -> dict[str, Any]:
        field = self._fields.get(part["field"])
        shown = {
            "place": place,
            "number": next(self._rules),
            "fault": self._faults.get(place, ""),
            "is_group": False,
            "groups": self._choosable(field),
            "field": part["field"],
        }
        if field is None:
            return shown
        operators = operators_of(field)
        chosen = next((found for found in operators if found.name == part["op"]), operators[0])
        return shown | {
            "operators": [(found.name, _words(field, found)) for found in operators],
            "op": chosen.name,
            "inputs": _inputs(field, chosen, part),
        }

    def _choosable(self, chosen: SegmentField | None) -> list[tuple[str, list[tuple[str, str]]]]:
        groups: dict[str, list[tuple[str, str]]] = {}
        for field in self._fields.values():
            if not field.is_old or field is chosen:
                groups.setdefault(field.group, []).append((field.key, field.label))
        return list(groups.items())


def _words(field: SegmentField, operator: Operator) -> str:
    if field.type is Type.ACT:
        return {"did": "at all", "did_not": "never"}.get(operator.name, operator.words)
    return operator.words


def _inputs(field: SegmentField, operator: Operator, part: Draft) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if "value" in operator.takes:
        found.append(_value(field, part))
    if "times" in operator.takes:
        found.append({"part": "times", "label": "Times", "value": part.get("times", ""), "affix": "times"})
    if "of" in operator.may_take and field.of_choices:
        found.append(_of(field, part))
    if "days" in (*operator.takes, *operator.may_take):
        found.append(_days(operator, part))
    return found


def _value(field: SegmentField, part: Draft) -> dict[str, Any]:
    made = {"part": "value", "label": "Value", "value": part.get("value", "")}
    if field.choices:
        return made | {"options": [("", "Choose"), *field.choices]}
    return made | {"attrs": _INPUTS.get(field.type, {"maxlength": 200})}


def _of(field: SegmentField, part: Draft) -> dict[str, Any]:
    chosen = part.get("of", "")
    shown = [pair for n, pair in enumerate(field.of_choices) if n < MAILINGS_SHOWN or pair[0] == chosen]
    which = "link" if field.of == "link" else "letter"
    return {"part": "of", "label": f"Which {which}", "value": chosen, "options": [("", f"Any {which}"), *shown]}


def _days(operator: Operator, part: Draft) -> dict[str, Any]:
    made = {"part": "days", "label": "Days", "value": part.get("days", ""), "affix": operator.after or "days"}
    if "days" in operator.takes:
        return made
    return made | {"before": "last", "affix": "days", "attrs": {"placeholder": "ever"}}
