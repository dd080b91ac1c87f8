"""What pages and programs send about tags."""

from __future__ import annotations

from marshmallow import fields, validate

from app.kernel.http.posted import Input, Line
from app.tags.rules import MAX_EACH, MAX_WORD

_WORDS = validate.Length(max=MAX_EACH, error=f"Send at most {MAX_EACH}.")


class Given(Input):
    """One or several, apart by commas."""

    tag = Line(longest=500, message="Write a tag.")


class Renamed(Input):
    """Another word."""

    word = Line(longest=MAX_WORD, message="Write a tag.")


class Nothing(Input):
    """A form that is only a button."""


class Change(Input):
    """What a program puts on a person and takes off."""

    add = fields.List(Line(longest=MAX_WORD, message="Write a tag."), load_default=list, validate=_WORDS)
    remove = fields.List(Line(longest=MAX_WORD, message="Write a tag."), load_default=list, validate=_WORDS)
