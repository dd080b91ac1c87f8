"""What pages and programs send about companies and households."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from app.groups.rules import MAX_ABOUT, MAX_DOMAINS, MAX_NAME, MAX_ROLE, MAX_SIZE, Details, split_domains
from app.kernel.http.posted import Input, Line, Lines, WebAddress


class HouseholdForm(Input):
    """A household."""

    name = Line(longest=MAX_NAME, message="Give it a name.")
    about = Lines(longest=MAX_ABOUT, empty=True)


class _Company(HouseholdForm):
    website = WebAddress(longest=300, empty=True)
    country = Line(longest=2, empty=True)
    size = Line(longest=MAX_SIZE, empty=True)


class CompanyForm(_Company):
    """A company; domains on one line."""

    domains = Line(longest=1000, empty=True)


class CompanyByProgram(_Company):
    """The same from a program."""

    domains = fields.List(
        Line(longest=255), load_default=list, validate=validate.Length(max=MAX_DOMAINS, error=f"Send at most {MAX_DOMAINS}.")
    )


class Membership(Input):
    """What a person is in a company."""

    role = Line(longest=MAX_ROLE, empty=True)


class Found(Membership):
    """Into which one a person comes, by its name."""

    name = Line(longest=MAX_NAME, message="Write a name.")


class Added(Membership):
    """Who comes in, by their address."""

    person = Line(longest=1024, message="Write somebody’s email address.")


class Chosen(Input):
    """One of those who are suggested."""

    contact_id = fields.UUID(required=True, error_messages={"invalid_uuid": "Choose from the list."})


class Postal(Input):
    """Where letters on paper go."""

    postal = Lines(longest=1000, empty=True)


class Nothing(Input):
    """A form that is only a button."""


def details_of(values: dict[str, Any]) -> Details:
    """What a form says."""
    domains = values.get("domains", ())
    parts = split_domains(domains) if isinstance(domains, str) else tuple(domains)
    return Details(**{**values, "domains": parts})
