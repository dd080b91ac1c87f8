"""What programs send about segments; the tree itself is read by ``rules.parse``."""

from __future__ import annotations

from marshmallow import fields

from app.kernel.http.posted import Input, Line
from app.segments.rules import MAX_NAME


class Tree(Input):
    """Whom is it about?"""

    tree = fields.Raw(required=True)


class NewSegment(Tree):
    """A segment with its name."""

    name = Line(longest=MAX_NAME, message="Give it a name.")


class ChangedSegment(NewSegment):
    """The same, and which version was looked at."""

    version = fields.Integer(required=True, strict=True)
