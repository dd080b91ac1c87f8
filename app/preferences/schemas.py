"""What the private page may post."""

from __future__ import annotations

from marshmallow import fields, validate

from app.consent.rules import Digest, Level
from app.consent.service import REQUEST_DAYS
from app.contacts.rules import MAX_NAME
from app.kernel import i18n
from app.kernel.http.posted import Input, Line

PAUSES = ("keep", "no", "30", "90", "until")


class Choices(Input):
    """Topics by channel, how often, what may be seen, name, language and postal address."""

    topic = fields.List(fields.String(), load_default=list, validate=validate.Length(max=400))
    """``<id>`` or ``<id>.<channel>``."""
    often = fields.String(load_default="", validate=validate.OneOf(["", "each", *Digest]))
    pause = fields.String(load_default="keep", validate=validate.OneOf(PAUSES))
    until = fields.String(load_default="", validate=validate.Length(max=10))
    postal = fields.String(load_default=None, validate=validate.Length(max=600))
    tracking = fields.Enum(Level, by_value=True, required=True)
    first_name = Line(longest=MAX_NAME, empty=True)
    language = fields.String(required=True, validate=validate.OneOf(i18n.languages()))


class ReaderRules(Input):
    """A workspace's rules for its readers' pages."""

    remind_after_days = fields.String(required=True, validate=validate.OneOf([str(day) for day in range(7)]))
    confirm_days = fields.Integer(load_default=REQUEST_DAYS, validate=validate.Range(1, 30))
    offers_post = fields.String(required=True, validate=validate.OneOf(["yes", "no"]))
