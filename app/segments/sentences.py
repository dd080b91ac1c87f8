"""A tree of rules in plain English."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from app.kernel.segment_fields import Type
from app.segments.rules import Group, Match, Rule

_VALUE_IN_QUOTES = {Type.TEXT}


def sentence(group: Group) -> str:
    """Whom the tree means: ``People whose …``, one sentence."""
    return f"People of whom this is true: {_group(group, is_outer=True)}."


def _group(group: Group, *, is_outer: bool = False) -> str:
    parts = [_group(part) if isinstance(part, Group) else phrase(part) for part in group.parts]
    joined = (", and " if is_outer and len(parts) > 2 else " and ").join(parts)
    if group.match is not Match.ALL:
        joined = (", or " if is_outer and len(parts) > 2 else " or ").join(parts)
    if group.match is Match.NONE:
        return f"neither {parts[0]} nor {parts[1]}" if len(parts) == 2 else f"not ({joined})"
    return joined if is_outer or len(parts) == 1 else f"({joined})"


def phrase(rule: Rule) -> str:
    """One rule: ``score is at least 50``."""
    if rule.field.type is Type.ACT:
        return _act(rule)
    words = [rule.field.said, rule.operator.words, _value(rule), rule.operator.after]
    return " ".join(_one_day(rule, words))


def _one_day(rule: Rule, words: list[str]) -> list[str]:
    found = [word for word in words if word]
    return [word.replace("days", "day", 1) for word in found] if rule.condition.days == 1 else found


def _value(rule: Rule) -> str:
    value = rule.condition.value
    if rule.condition.days is not None:
        return str(rule.condition.days)
    if rule.field.choices and "value" in rule.raw:
        return _quoted(dict(rule.field.choices)[rule.raw["value"]], rule)
    if isinstance(value, date):
        return f"{value.day} {value:%B %Y}"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, tuple):
        return f"{value[0]:f} {value[1]}"
    return f"“{value}”" if value else ""


def _quoted(label: str, rule: Rule) -> str:
    return f"“{label}”" if rule.field.type in {Type.CHOICES, Type.MEMBER} else label


def _act(rule: Rule) -> str:
    condition, words = rule.condition, [rule.field.said]
    if rule.operator.turns:
        words.insert(0, "never" if condition.days is None else "not once")
    if condition.of is not None:
        words.append(f"(“{dict(rule.field.of_choices)[condition.of]}”)")
    if condition.times is not None:
        words.append(f"at least {condition.times} times" if condition.times > 1 else "at least once")
    if condition.days is not None:
        words.append(f"in the last {condition.days} days" if condition.days > 1 else "in the last day")
    return " ".join(words)
