"""A child's yes is given by who answers for it: where a form asks the age, below the country's age of article 8 GDPR.

The age itself is looked at once and kept nowhere.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select

from app.consent import queries as consent
from app.contacts.addresses import Address
from app.delivery import service as delivery
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import NotFound
from app.preferences.models import Guardian
from app.preferences.rules import PURGE_DAYS

STRICTEST: Final = 16
AGES: Final = {
    "AT": 14, "BE": 13, "BG": 14, "CY": 14, "CZ": 15, "DE": 16, "DK": 15, "EE": 13, "ES": 14, "FI": 13, "FR": 15,
    "GB": 13, "GR": 15, "HR": 16, "HU": 16, "IE": 16, "IS": 13, "IT": 14, "LI": 16, "LT": 14, "LU": 16, "LV": 13,
    "MT": 13, "NL": 16, "NO": 13, "PL": 16, "PT": 13, "RO": 16, "SE": 13, "SI": 15, "SK": 16, "US": 13,
}  # fmt: skip
"""From which age somebody may say yes alone (article 8 GDPR and its national laws; COPPA)."""


def may_decide_alone(born: date, country: str, today: date) -> bool:
    """Whether somebody born then may say yes alone; an unknown country takes the strictest age."""
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return years >= AGES.get(country.upper(), STRICTEST)


def ask(request_id: UUID, address: Address, *, form: str | None = None) -> None:
    """Let a guardian answer an open question in the child's place; their mail goes out instead of the child's.

    Args:
        request_id: the question, just asked with the child's address.
        address: the guardian's, which is not the child's own.
        form: public id of the form that asked.

    Raises:
        NotFound: no such question.
    """
    request = consent.find_request(request_id)
    if request is None:
        raise NotFound
    session().add(
        Guardian(
            request_id=request_id, workspace_id=request.workspace_id, contact_id=request.contact_id,
            address=address.address, created_at=clock.now(),
        )
    )  # fmt: skip
    session().flush()
    delivery.send_system(
        request.workspace_id,
        "confirm-guardian",
        dedupe=request_id,
        contact_id=request.contact_id,
        data={"form": form} if form else None,
    )


def find(request_id: UUID) -> Guardian | None:
    """Who answers this question in a child's place; None: the person themselves."""
    return session().get(Guardian, request_id)


def forget(workspace_id: UUID, contact_id: UUID) -> None:
    """Delete who was asked about a person."""
    session().execute(
        delete(Guardian).where(Guardian.workspace_id == workspace_id, Guardian.contact_id == contact_id)
    )


def forget_unanswered() -> None:
    """Delete guardians whose question is a month old: an answer is in the ledger, and no answer needs nobody."""
    before = clock.now() - timedelta(days=PURGE_DAYS)
    session().execute(delete(Guardian).where(Guardian.created_at < before))


def export(workspace_id: UUID, contact_id: UUID) -> list[dict[str, Any]]:
    """Who was asked about a person."""
    query = select(Guardian).where(Guardian.workspace_id == workspace_id, Guardian.contact_id == contact_id)
    return [
        {"guardian": row.address, "asked_at": row.created_at.isoformat()} for row in session().execute(query).scalars()
    ]
