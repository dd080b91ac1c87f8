"""By what people can be chosen that stands on their own row or among their addresses."""

from __future__ import annotations

from uuid import UUID

from app.contacts import queries
from app.contacts.models import CustomField
from app.contacts.rules import FieldKind
from app.kernel import i18n
from app.kernel.segment_fields import Own, Rows, SegmentField, Type

_PROFILE = "Profile"
_OWN = "Your own fields"
_EMAIL = "addresses a WHERE a.workspace_id = :workspace_id AND a.channel = 'email'"
_VALUE = "(c.fields ->> {key})"
# A stored text that is no number (none comes from here) must not end the statement for everybody.
_NUMBER = rf"(CASE WHEN {_VALUE} ~ '^-?[0-9]+(\.[0-9]+)?$' THEN CAST({_VALUE} AS numeric) END)"

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

_TYPES = {
    FieldKind.TEXT: (Type.TEXT, _VALUE),
    FieldKind.NUMBER: (Type.NUMBER, _NUMBER),
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
    return SegmentField(
        f"contacts.field.{found.key}", found.label, _OWN, type_, Own(expression, {"key": found.key}),
        phrase=f"“{found.label}”", choices=_choices(kind, found), is_old=found.archived_at is not None,
    )  # fmt: skip


def _choices(kind: FieldKind, found: CustomField) -> tuple[tuple[str, str], ...]:
    if kind is FieldKind.BOOLEAN:
        return (("true", "yes"), ("false", "no"))
    if kind is FieldKind.COUNTRY:
        return i18n.countries()
    return tuple((choice, choice) for choice in found.choices)
