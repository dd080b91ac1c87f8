"""The mail of this room: a form is used to flood strangers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from flask import current_app

from app.delivery.service import Prepared, Skip, SystemMail, SystemMessage, prepare_for_staff
from app.forms import queries
from app.forms.abuse.brake import ALERT
from app.kernel import i18n

if TYPE_CHECKING:
    from app.accounts.rules.brand import Brand
    from app.consent.models import ConsentRequest


def _prepare(message: SystemMessage) -> Prepared | Skip:
    return prepare_for_staff(message, ALERT, lambda brand: _alert(message, brand))


def _alert(message: SystemMessage, brand: Brand) -> dict[str, Any]:
    form = queries.get_form(message.workspace_id, UUID(message.data["form"]))
    return {
        "form": {
            "name": form.name,
            "asked": str(message.data["asked"]),
            "yes": str(message.data["yes"]),
        },
        "request": {"time": i18n.instant(message.created_at, brand.time_zone)},
        "links": {"form": f"{current_app.config['NOD'].url}/forms/{form.id}/results"},
        "mail": {"reason": f"You own {brand.name} in Nod."},
    }


def welcome_words(request: ConsentRequest) -> str:
    """What the form of a request has its readers told after their yes, in the words of the version they saw."""
    shown = request.shown.get("form") or {}
    if request.form_id is None or "version" not in shown:
        return ""
    form = queries.get_form(request.workspace_id, request.form_id)
    version = queries.find_version(form, int(shown["version"]), request.language)
    return version.words.welcome if version else ""


SYSTEM_MAILS = (SystemMail(ALERT, _prepare, "The alert that a form is flooded"),)
