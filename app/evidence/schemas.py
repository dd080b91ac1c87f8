"""What the page of signed days may post."""

from __future__ import annotations

from marshmallow import fields

from app.evidence.rules import TargetKind
from app.kernel.http.posted import Input, Line


class NewTarget(Input):
    """A place for signed days."""

    kind = fields.Enum(TargetKind, by_value=True, required=True)
    address = Line(longest=500)


class Nothing(Input):
    """Only the button."""
