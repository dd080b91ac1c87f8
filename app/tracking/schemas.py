"""What programs and the page of kinds send about signals."""

from __future__ import annotations

from marshmallow import fields, validate

from app.kernel.http.posted import Input, Line
from app.tracking.service.own_kinds import MAX_LABEL

MAX_AT_ONCE = 1000


class Signals(Input):
    """Up to a thousand; each is looked at by itself (``telling``), so that one that is wrong keeps no other out."""

    signals = fields.List(
        fields.Raw(),
        required=True,
        validate=validate.Length(1, MAX_AT_ONCE, error=f"Send 1 to {MAX_AT_ONCE:,} signals at once."),
        error_messages={"required": "Send a list of signals.", "invalid": "Send a list of signals."},
    )


class KindLabel(Input):
    """What an own kind is called."""

    label = Line(longest=MAX_LABEL, message="Write what it is called.")


class Nothing(Input):
    """A form that is only a button."""
