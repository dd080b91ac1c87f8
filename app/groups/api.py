"""Companies and households for programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar
from uuid import UUID

from flask import Blueprint, Response, jsonify, request

from app.accounts.rules import acts
from app.contacts import queries as contacts
from app.groups import queries, schemas, service
from app.groups.models import Group
from app.groups.rules import Details, Kind
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted_json

companies = Blueprint("companies_api", __name__, url_prefix="/api/v1/companies")
households = Blueprint("households_api", __name__, url_prefix="/api/v1/households")
View = TypeVar("View", bound=Callable[..., Any])
_KINDS: Final = {"companies_api": Kind.COMPANY, "households_api": Kind.HOUSEHOLD}


def _both(rule: str, method: str = "GET") -> Callable[[View], View]:
    def register(view: View) -> View:
        for blueprint in (companies, households):
            blueprint.add_url_rule(rule, view_func=view, methods=[method])
        return view

    return register


@_both("")
@guards.api("people.read")
def index() -> Response:
    """By name; ``q`` looks for a name or a whole domain, ``page`` is the ``next`` of the page before."""
    page = queries.list_groups(_workspace(), _kind(), request.args.get("q", ""), request.args.get("page", ""))
    found = [{"id": str(row.id), "name": row.name, "domains": row.domains, "people": row.people} for row in page.rows]
    return jsonify({f"{'companies' if _kind() is Kind.COMPANY else 'households'}": found, "next": page.next_cursor})


@_both("", "POST")
@guards.api("people.write")
def create() -> tuple[Response, int]:
    """Make one: 201 with it, 409 where a company has its name or a domain."""
    made = service.create(_workspace(), _kind(), _details(), by=_by())
    return _told(made.id), 201


@_both("/<uuid:group_id>")
@guards.api("people.read")
def show(group_id: UUID) -> Response:
    """What is known of one, with how many its people are."""
    return _told(group_id)


@_both("/<uuid:group_id>", "PUT")
@guards.api("people.write")
def change(group_id: UUID) -> Response:
    """Write down what is known of one now; what is left out is empty then."""
    _group(group_id)
    service.update(_workspace(), _kind(), group_id, _details(), by=_by())
    return _told(group_id)


@_both("/<uuid:group_id>/people")
@guards.api("people.read")
def people(group_id: UUID) -> Response:
    """Its people, who joined last first; ``page`` is the ``next`` of the page before."""
    _group(group_id)
    page = queries.list_members(_workspace(), group_id, request.args.get("page", ""))
    found = [
        {"id": str(row.contact_id), "email": row.address, "role": row.role, "since": row.joined_at.isoformat()}
        for row in page.rows
    ]
    return jsonify(people=found, next=page.next_cursor)


@_both("/<uuid:group_id>/people/<uuid:contact_id>", "PUT")
@guards.api("people.write")
def join(group_id: UUID, contact_id: UUID) -> Response:
    """Let a person belong to it, and to no other of its kind; repeating it writes their role."""
    _group(group_id)
    contact_id = contacts.current_id(_workspace(), contact_id)
    contacts.get_living(_workspace(), contact_id)
    role = posted_json(schemas.Membership())["role"]
    service.join(_workspace(), _kind(), group_id, contact_id, role=role)
    return jsonify(person=str(contact_id), role=role)


@_both("/<uuid:group_id>/people/<uuid:contact_id>", "DELETE")
@guards.api("people.write")
def leave(group_id: UUID, contact_id: UUID) -> tuple[str, int]:
    """Take a person out, where they are in it."""
    _group(group_id)
    contact_id = contacts.get_contact(_workspace(), contact_id).merged_into or contact_id
    found = queries.belonging(_workspace(), contact_id)
    if any(one.group_id == group_id and not one.is_guess for one in found):
        service.leave(_workspace(), _kind(), contact_id)
    return "", 204


def _workspace() -> UUID:
    return current_actor().workspace_id


def _kind() -> Kind:
    return _KINDS[request.blueprint or ""]


def _group(group_id: UUID) -> Group:
    return queries.get_group(_workspace(), _kind(), group_id)


def _by() -> acts.By:
    return acts.By("api_key", current_actor().id)


def _details() -> Details:
    form = schemas.CompanyByProgram() if _kind() is Kind.COMPANY else schemas.HouseholdForm()
    return schemas.details_of(posted_json(form))


def _told(group_id: UUID) -> Response:
    found = _group(group_id)
    known, sums = queries.details_of(found), queries.sums(_workspace(), group_id)
    told: dict[str, Any] = {"id": str(group_id), "name": known.name, "about": known.about, "people": sums.people}
    if _kind() is Kind.COMPANY:
        told |= {"website": known.website, "domains": known.domains, "country": known.country, "size": known.size}
    return jsonify(told)
