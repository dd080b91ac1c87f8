"""The pages of companies and households: the same views for both, each under its own address and in its own words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from flask import Blueprint, request

from app.groups.rules import Kind

companies = Blueprint("companies", __name__, url_prefix="/companies", template_folder="../templates")
households = Blueprint("households", __name__, url_prefix="/households", template_folder="../templates")
View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Words:
    """What pages call a kind, and how its empty list teaches."""

    one: str
    many: str
    icon: str
    none: str


WORDS: Final = {
    Kind.COMPANY: Words(
        "company", "companies", "people",
        "Put people together who work at the same place: you see how many of them may be mailed, and can choose them by"
        " their company. A file with a column of companies makes them, too.",
    ),
    Kind.HOUSEHOLD: Words(
        "household", "households", "user",
        "Put people together who live at the same place, so that one letter on paper can be enough for all of them.",
    ),
}  # fmt: skip
_KINDS: Final = {"companies": Kind.COMPANY, "households": Kind.HOUSEHOLD}


def kind_here() -> Kind:
    """What the page that was asked for is about."""
    return _KINDS[request.blueprint or ""]


def blueprint_of(kind: Kind) -> str:
    """Where the pages of a kind stand, for ``url_for``."""
    return {known: name for name, known in _KINDS.items()}[kind]


def both(rule: str, method: str = "GET") -> Callable[[View], View]:
    """Give a view to both kinds."""

    def register(view: View) -> View:
        for blueprint in (companies, households):
            blueprint.add_url_rule(rule, view_func=view, methods=[method])
        return view

    return register


from app.groups.pages import listing, members, one, person  # noqa: E402  they add their routes to it

__all__ = ["companies", "households", "listing", "members", "one", "person"]
