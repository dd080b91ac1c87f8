"""The form of a brand, in the first run and in the settings."""

from __future__ import annotations

from typing import Any

from flask import request

from app.accounts.rules.brand import Details, time_zone_of
from app.accounts.rules.colour import DEFAULT_ACCENT
from app.home.schemas import zones
from app.kernel import i18n

FIELDS = (
    "name",
    "short_name",
    "site",
    "postal_address",
    "privacy_url",
    "imprint_url",
    "language",
    "zone",
    "colour",
)


def choices() -> dict[str, Any]:
    """What can be chosen from lists."""
    return {"languages": list(i18n.NAMES.items()), "zones": zones()}


def first_values() -> dict[str, str]:
    """What the fields begin with."""
    return {"language": i18n.DEFAULT, "zone": time_zone_of(i18n.DEFAULT), "colour": DEFAULT_ACCENT}


def values_of(details: Any) -> dict[str, str]:
    """What the fields show of a workspace or of ``Details``."""
    renamed = {"zone": "time_zone", "colour": "accent"}
    return {name: getattr(details, renamed.get(name, name)) for name in FIELDS}


def typed() -> dict[str, str]:
    """What was typed, to show it again."""
    return {name: request.form.get(name, "") for name in FIELDS}


def details_of(form: dict[str, Any], known: Any = None) -> Details:
    """What the form says; what it does not ask for stays as it is known."""
    return Details(
        name=form["name"],
        short_name=form["short_name"],
        site=form["site"],
        postal_address=form["postal_address"],
        privacy_url=form["privacy_url"],
        imprint_url=form["imprint_url"],
        language=form["language"],
        time_zone=form["zone"],
        accent=form["colour"],
        contact_email=known.contact_email if known else "",
        country=known.country if known else "",
    )
