"""What the forms of the first run and of the settings send."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from marshmallow import ValidationError, fields, validate

from app.accounts.rules import colour
from app.content.service import FONTS
from app.kernel import i18n
from app.kernel.http.posted import Input, Line, Lines, Secret, WebAddress

SECURITIES = (
    ("starttls", "STARTTLS (port 587)"),
    ("implicit", "TLS (port 465)"),
    ("none", "None, only on this machine"),
)
SMTP, INSTALLED = "smtp", "installed"


@lru_cache(maxsize=1)
def zones() -> tuple[tuple[str, str], ...]:
    """Time zones by the names that people know, for a list to choose from."""
    names = sorted(
        name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/"))
    )
    return (("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names))


class Colour(Line):
    """``#rrggbb``."""

    def check(self, text: str) -> str:
        """The colour in lower case."""
        try:
            return colour.parse_accent(text)
        except ValueError:
            raise ValidationError("Write a colour like #157a4c.") from None


def _one_of(pairs: tuple[tuple[str, str], ...], **more: Any) -> fields.String:
    return fields.String(
        validate=validate.OneOf([value for value, _ in pairs], error="Choose one of the list."), **more
    )


class BrandForm(Input):
    """The brand that readers see."""

    name = Line(longest=100, message="Write the name that readers know.")
    short_name = Line(longest=40, empty=True)
    site = WebAddress(longest=500, empty=True)
    postal_address = Lines(longest=500, message="Write the postal address; the law asks for it.")
    privacy_url = WebAddress(longest=500, empty=True)
    imprint_url = WebAddress(longest=500, empty=True)
    language = _one_of(tuple(i18n.NAMES.items()), load_default=i18n.DEFAULT)
    zone = fields.String(load_default="", validate=lambda value: _known_zone(value))
    colour = Colour(longest=7, load_default=colour.DEFAULT_ACCENT, required=False)


def _known_zone(value: str) -> None:
    if value and value not in dict(zones()):
        raise ValidationError("Choose one of the list.")


class LookForm(Input):
    """How letters look beside their accent."""

    heading_font = _one_of(tuple((name, name) for name in FONTS), load_default="")
    text_font = _one_of(tuple((name, name) for name in FONTS), load_default="")
    footer = Lines(longest=500, empty=True)
    remove = Line(longest=1, empty=True)


class SenderForm(Input):
    """Who mail comes from, and how it leaves. The server's fields count only for the way ``smtp``."""

    from_name = Line(longest=120, message="Write the name that people will see.")
    from_address = Line(longest=320, message="Write the address that mail comes from.")
    transport = _one_of(((SMTP, ""), (INSTALLED, "")), load_default=INSTALLED)
    host = Line(longest=253, empty=True)
    port = fields.String(load_default="")
    security = _one_of(SECURITIES, load_default="starttls")
    user = Line(longest=320, empty=True)
    secret = Secret(longest=1000, required=False, load_default="")


class PaceForm(Input):
    """How fast mails may leave altogether; empty: without a limit."""

    per_minute = Line(longest=9, empty=True)
    connections = Line(longest=9, empty=True)


class HoursForm(Input):
    """Quiet hours, and how many mails a week; empty: without."""

    quiet_since = Line(longest=8, empty=True)
    quiet_until = Line(longest=8, empty=True)
    weekly = Line(longest=9, empty=True)


class ReceiverPaceForm(Input):
    """How fast one receiver is written to."""

    domain = Line(longest=253, message="Write the part behind the @, such as gmail.com.")
    domain_per_minute = Line(longest=9, message="Write how many mails a minute, such as 600.")


class ReceiverForm(Input):
    """Which receiver."""

    domain = Line(longest=253)


class Recipient(Input):
    """Who gets the test mail."""

    to = Line(longest=320, message="Write your address.")


class InterestForm(Input):
    """What people can say yes to."""

    name = Line(longest=80, message="Give it the name that people read.")
    description = Line(longest=200, empty=True)
    pace = Line(longest=80, empty=True)
    product_class = Line(longest=80, empty=True)
    is_third_party = fields.Boolean(load_default=False, error_messages={"invalid": "Tick it or leave it."})
    is_material = fields.Boolean(load_default=False, error_messages={"invalid": "Tick it or leave it."})


class PermissionForm(Input):
    """Where the brand is at home, and what is kept of who was never asked."""

    country = fields.String(load_default="", validate=lambda value: _known_country(value))
    keeps_last_open = fields.Boolean(load_default=False, error_messages={"invalid": "Tick it or leave it."})


class NoticeForm(Input):
    """The words of a privacy notice."""

    words = fields.String(required=True, error_messages={"required": "Paste its words."})


class Nothing(Input):
    """A form that is only a button."""


def _known_country(code: str) -> None:
    if code and code not in dict(i18n.countries()):
        raise ValidationError("Choose one of the list.")
