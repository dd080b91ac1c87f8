"""What the pages and programs of merging post."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from flask import request
from marshmallow import fields, validate

from app.kernel.errors import BadInput
from app.kernel.http import csrf
from app.kernel.http.posted import Input, Line

_ID: dict[str, str | list[Any] | dict[Any, Any]] = {"invalid_uuid": "Write the id of a person.", "required": "Write the id of a person."}
TAKE = "take-"
OWN, OTHER = "own", "other"


class Apart(Input):
    """One who is none of the others."""

    one = fields.UUID(required=True, error_messages=_ID)
    other = fields.List(fields.UUID(error_messages=_ID), required=True, validate=validate.Length(1, 50))


class With(Input):
    """The address of the other entry."""

    email = Line(longest=1024, message="Write their address.")


class MergeByProgram(Input):
    """Two entries; ``take``: what goes over from the merged one. Left out: what is offered on the page first."""

    survivor = fields.UUID(required=True, error_messages=_ID)
    merged = fields.UUID(required=True, error_messages=_ID)
    take = fields.List(fields.String(), load_default=None, validate=validate.Length(max=500))


class Nothing(Input):
    """A form that is only a button."""


def posted_takes(takeable: Collection[str]) -> frozenset[str]:
    """What the form says goes over from the other entry: one pair of buttons for each value that differs.

    Raises:
        BadInput: there is no such value, or no such button.
    """
    takes = set()
    for posted, chosen in request.form.items():
        if posted == csrf.FIELD:
            continue
        name = posted.removeprefix(TAKE)
        if not posted.startswith(TAKE) or name not in takeable or chosen not in {OWN, OTHER}:
            raise BadInput(fields={posted[:80]: "This field is not known here."})
        if chosen == OTHER:
            takes.add(name)
    return frozenset(takes)
