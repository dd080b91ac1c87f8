"""What the pages of imports post."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from marshmallow import fields, validate

from app.imports.dialects import DELIMITERS, QUOTES
from app.imports.numerals import COMMA, DOT
from app.imports.reading import ENCODINGS
from app.imports.rules import MOST_COLUMNS, Known, Permission, Plan
from app.kernel.http.posted import Input, Line, Lines, Tick

_INTEREST: dict[str, str | list[Any] | dict[Any, Any]] = {"invalid_uuid": "Choose from the list."}


def _one_of(known: Iterable[str]) -> fields.String:
    """One of these, or nothing: it is told from the file."""
    among = validate.OneOf(["", *known], error="Choose one of those offered.")
    return fields.String(load_default="", validate=among)


class LayoutForm(Input):
    """How the same file is written, where somebody knows better."""

    encoding = _one_of(ENCODINGS)
    delimiter = _one_of(DELIMITERS)
    quotes = _one_of(QUOTES)


class PlanForm(Input):
    """What each column holds, in their order, and what is done."""

    column = fields.List(
        fields.String(validate=validate.Length(max=60)), required=True, validate=validate.Length(max=MOST_COLUMNS)
    )
    decimal = fields.List(
        fields.String(validate=validate.OneOf(["", DOT, COMMA], error="Choose one of the signs.")),
        load_default=list, validate=validate.Length(max=MOST_COLUMNS),
    )  # fmt: skip
    known = fields.String(
        load_default=Known.UPDATE.value,
        validate=validate.OneOf([found.value for found in Known], error="Choose one of the ways."),
    )
    month_first = Tick()
    has_permission = fields.String(load_default="no", validate=validate.OneOf(["no", "claimed"], error="Choose one."))
    interest = fields.List(fields.UUID(error_messages=_INTEREST), load_default=list)
    words = Lines(longest=2000, empty=True)
    source = Line(longest=400, empty=True)
    said_on = Line(longest=30, empty=True)
    declaration = Lines(longest=2000, empty=True)
    is_doubly = Tick()


def plan_of(form: dict[str, Any]) -> Plan:
    """The plan that was posted."""
    told = None
    if form["has_permission"] == "claimed":
        told = Permission(
            tuple(form["interest"]), form["words"], form["declaration"], form["source"], form["said_on"],
            form["is_doubly"],
        )  # fmt: skip
    return Plan(
        tuple(form["column"]), Known(form["known"]), form["month_first"], told, decimals=tuple(form["decimal"])
    )
