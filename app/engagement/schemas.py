"""What the page of the score's rules sends."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from marshmallow import Schema, ValidationError, fields, validate

from app.engagement.rules import MAX_HALF_LIFE_DAYS, MIN_HALF_LIFE_DAYS
from app.kernel.http.posted import Input
from app.tracking import queries as tracking

PREFIX = "weight_"


class Points(fields.Field[float]):
    """Points as people write them: 3, 0.5 or 0,5."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> float:
        try:
            number = Decimal(str(value).strip().replace(",", ".")[:20])
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite():
            raise ValidationError("Write a number of points, such as 3 or 0.5.")
        return float(number)


def rules_form(workspace_id: UUID) -> Schema:
    """A field for the half-life, and one for each kind of signal."""
    days = fields.Integer(
        required=True,
        validate=validate.Range(MIN_HALF_LIFE_DAYS, MAX_HALF_LIFE_DAYS, error="Write 1 to 3650 days."),
        error_messages={
            "required": "Write a number of days.",
            "invalid": "Write a whole number of days.",
            "too_large": "Write 1 to 3650 days.",
        },
    )
    # One that is not sent keeps its weight: a kind may have come since the page was shown.
    weights = {PREFIX + kind: Points() for kind in tracking.signal_kinds(workspace_id)}
    return Input.from_dict({"half_life_days": days, **weights}, name="RulesForm")()
