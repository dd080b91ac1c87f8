"""What programs and the pages of transactional mail send."""

from __future__ import annotations

import json
from typing import Any

from marshmallow import ValidationError, fields, validate

from app.contacts.addresses import RAW_CHARACTERS
from app.kernel.http.posted import Input, Line, Lines
from app.kernel.i18n import languages
from app.transactional.rules import MAX_DATA, MAX_NAME, MAX_SLUG


class Data(fields.Field[dict[str, Any]]):
    """A JSON object of bounded size; what stands in it is the template's to judge."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("Send an object with the values of the template.")
        try:
            size = len(json.dumps(value, allow_nan=False))
        except (ValueError, RecursionError):
            raise ValidationError("A number in it is none, or it is nested too deeply.") from None
        if size > MAX_DATA:
            raise ValidationError(f"Keep this to {MAX_DATA // 1024} KB.")
        return value


class Wanted(Input):
    """One mail."""

    template = Line(longest=MAX_SLUG, message="Name a published template.")
    to = fields.String(
        required=True,
        validate=validate.Length(max=RAW_CHARACTERS, error="This address is too long: 254 characters at most."),
        error_messages={"required": "Send an email address.", "invalid": "Send an email address as text."},
    )
    data = Data(load_default=dict)
    language = Line(longest=20, empty=True)


class Started(Input):
    """A new template."""

    name = Line(longest=MAX_NAME, message="Write a name that you will know it by.")
    slug = Line(longest=MAX_SLUG, empty=True)
    language = fields.String(
        load_default="", validate=validate.OneOf(("", *languages()), error="Choose one of the languages.")
    )


class Declared(Input):
    """What the template is told, as lines; ``revision`` is the letter's that was seen."""

    lines = Lines(longest=60 * 600, empty=True)
    revision = fields.Integer(required=True)


class Nothing(Input):
    """A button alone."""
