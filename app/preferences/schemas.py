"""What the private page may post."""

from __future__ import annotations

from marshmallow import fields, validate

from app.consent.rules import Level
from app.contacts.rules import MAX_NAME
from app.kernel import i18n
from app.kernel.http.posted import Input, Line


class Choices(Input):
    """Topics, what may be seen, name and language."""

    topic = fields.List(fields.UUID(), load_default=list, validate=validate.Length(max=200))
    tracking = fields.Enum(Level, by_value=True, required=True)
    first_name = Line(longest=MAX_NAME, empty=True)
    language = fields.String(required=True, validate=validate.OneOf(i18n.languages()))
