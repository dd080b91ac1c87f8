"""The pages about people, for those who work here."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from flask import Blueprint, request

from app.consent.rules import By
from app.kernel.http.actor import Actor

blueprint = Blueprint("people", __name__, template_folder="../templates")


KEPT: Final = ("q", "word", "interest", "tag", "page")


def kept() -> dict[str, Any]:
    """What the list looks for and where it stands, for addresses that lead back to it."""
    return {name: request.args[name] for name in KEPT if request.args.get(name)}


def staff(actor: Actor) -> By:
    """Who acts, as the ledger names them."""
    return By("staff", str(actor.id))


def short(contact_id: UUID) -> str:
    """The end of an id, for a file's name: no name and no address stands in one."""
    return contact_id.hex[-8:]


from app.people.pages import (  # noqa: E402  they add their routes to it
    acts,
    bulk,
    columns,
    correcting,
    ending,
    fields,
    grounds,
    leaving,
    listing,
    person,
    profile,
    suppressed,
)

__all__ = ["acts", "blueprint", "bulk", "columns", "correcting", "ending", "fields", "grounds", "leaving", "listing", "person", "profile", "suppressed"]
