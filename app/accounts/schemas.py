"""What pages and commands of accounts take."""

from __future__ import annotations

from marshmallow import fields, validate

from app.kernel import i18n
from app.kernel.http.posted import Input, Line, Lines, Secret, Tick


class SignIn(Input):
    """The sign-in form."""

    email = Line(longest=320, message="Write your email address.")
    password = Secret(longest=1000)
    remember = Tick()
    next = Line(longest=2000, empty=True)


class Owner(Input):
    """What ``create-owner`` asks for."""

    email = Line(longest=320)
    name = Line(longest=100)
    brand = Line(longest=100)
    postal_address = Lines(longest=500)
    language = fields.String(load_default="en", validate=validate.OneOf(i18n.languages()))
    sender_name = Line(longest=100, empty=True)
    sender_address = Line(longest=320, empty=True)
