"""What pages and commands of accounts take."""

from __future__ import annotations

from marshmallow import fields, validate

from app.accounts.rules.roles import SCOPES
from app.kernel import i18n
from app.kernel.http.posted import Input, Line, Lines, Secret, Tick


class SignIn(Input):
    """The sign-in form."""

    email = Line(longest=320, message="Write your email address.")
    password = Secret(longest=1000)
    remember = Tick()
    next = Line(longest=2000, empty=True)


class FirstOwner(Input):
    """The first step of the first run."""

    name = Line(longest=100, message="Write your name.")
    email = Line(longest=320, message="Write your email address.")
    password = Secret(message="Choose a password.")
    code = Line(longest=100, empty=True)


class NewPassword(Input):
    """A change of one's own password."""

    current = Secret(longest=1000, message="Write the password you have now.")
    new = Secret(longest=1000, message="Write the new password.")


class OneSession(Input):
    """Which session to end."""

    id = fields.UUID(required=True)


class KeyForm(Input):
    """A new API key."""

    name = Line(longest=100, message="Write what uses the key.")
    scopes = fields.List(
        fields.String(validate=validate.OneOf(sorted(SCOPES), error="Choose from the list.")),
        load_default=list,
        validate=validate.Length(min=1, error="Choose at least one right."),
    )


class Nothing(Input):
    """A form that is only a button."""


class Owner(Input):
    """What ``create-owner`` asks for."""

    email = Line(longest=320)
    name = Line(longest=100)
    brand = Line(longest=100)
    postal_address = Lines(longest=500)
    language = fields.String(load_default="en", validate=validate.OneOf(i18n.languages()))
    sender_name = Line(longest=100, empty=True)
    sender_address = Line(longest=320, empty=True)
