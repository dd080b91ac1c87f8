"""By what people can be chosen that stands on their own row or among their addresses."""

from __future__ import annotations

import json
from functools import partial
from typing import Final
from uuid import UUID

from app.contacts import queries
from app.contacts.models import CustomField
from app.contacts.rules import FieldKind, field_key, stored_text
from app.kernel import comparing, i18n
from app.kernel.segment_fields import Bound, Condition, Own, Rows, SegmentField, Special, Test, Type

_PROFILE = "Profile"
_OWN = "Your own fields"
_EMAIL = "addresses a WHERE a.workspace_id = :workspace_id AND a.channel = 'email'"
_VALUE = stored_text("c.fields", "{key}")

FIELDS = (
    SegmentField("contacts.first_name", "First name", _PROFILE, Type.TEXT, Own("c.first_name")),
    SegmentField("contacts.last_name", "Last name", _PROFILE, Type.TEXT, Own("c.last_name")),
    SegmentField(
        "contacts.email", "Email address", _PROFILE, Type.TEXT, Rows(_EMAIL, "a.contact_id", "a.key")
    ),
    SegmentField(
        "contacts.domain", "Domain of the email address", _PROFILE, Type.TEXT, Rows(_EMAIL, "a.contact_id", "a.domain"),
        operators=("is", "is_not", "ends_with"),
    ),
    SegmentField(
        "contacts.language", "Language", _PROFILE, Type.CHOICE, Own("c.language"),
        operators=("is", "is_not"), choices=tuple(i18n.NAMES.items()),
    ),
    SegmentField(
        "contacts.created_at", "Added", _PROFILE, Type.MOMENT, Own("c.created_at"),
        operators=("in_last", "more_than_ago", "before", "from"),
    ),
)  # fmt: skip

MANY: Final = 8
"""From so many choices on, what is chosen is looked for by the index. Of a million people it finds 1,000 in 2 ms instead
of 214, 10,000 in 13 instead of 167 and 20,000 in 27 instead of 199; but a quarter of all, as a field of few choices has
for each of them, it reads in 275 instead of 188."""

_TYPES = {
    FieldKind.TEXT: (Type.TEXT, _VALUE),
    FieldKind.NUMBER: (Type.NUMBER, comparing.number(_VALUE)),
    FieldKind.DATE: (Type.DAY, _VALUE),
    FieldKind.CHOICE: (Type.CHOICE, _VALUE),
    FieldKind.MULTI_CHOICE: (Type.CHOICES, "(c.fields -> {key})"),
    FieldKind.BOOLEAN: (Type.CHOICE, _VALUE),
    FieldKind.COUNTRY: (Type.CHOICE, _VALUE),
    FieldKind.MONEY: (Type.MONEY, _VALUE),
}


def own_fields(workspace_id: UUID) -> list[SegmentField]:
    """The workspace's own fields."""
    return [_own(found) for found in queries.list_fields(workspace_id, include_archived=True)]


def _own(found: CustomField) -> SegmentField:
    kind = FieldKind(found.kind)
    type_, expression = _TYPES[kind]
    choices = _choices(kind, found)
    sql: Own | Special = Own(expression, {"key": found.key}, may_be_indexed=bool(comparing.columns(type_, "")))
    if kind in {FieldKind.BOOLEAN, FieldKind.COUNTRY} or len(choices) >= MANY:
        sql = partial(_contained, kind, found.key)
    return SegmentField(
        field_key(found.key), found.label, _OWN, type_, sql,
        phrase=f"“{found.label}”", choices=choices, is_old=found.archived_at is not None,
    )  # fmt: skip


def _contained(kind: FieldKind, key: str, condition: Condition, bound: Bound) -> Test:
    """What is chosen, as a piece of the person's fields that one index finds for any field."""
    if condition.op == "is_known":
        return Test(f"(c.fields ->> {bound.bind(key)}) <> ''")
    value: object = condition.value
    if kind is FieldKind.BOOLEAN:
        value = value == "true"
    elif kind is FieldKind.MULTI_CHOICE:
        value = [value]
    return Test(f"c.fields @> CAST({bound.bind(json.dumps({key: value}))} AS jsonb)")


def _choices(kind: FieldKind, found: CustomField) -> tuple[tuple[str, str], ...]:
    if kind is FieldKind.BOOLEAN:
        return (("true", "yes"), ("false", "no"))
    if kind is FieldKind.COUNTRY:
        return i18n.countries()
    return tuple((choice, choice) for choice in found.choices)
