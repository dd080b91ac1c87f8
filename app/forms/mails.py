"""The mail of this room: a form is used to flood strangers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from flask import current_app

from app.accounts import queries as accounts
from app.delivery.service import Prepared, Skip, SystemMail, SystemMessage
from app.forms import queries
from app.forms.abuse.brake import ALERT
from app.kernel import i18n

if TYPE_CHECKING:
    from app.consent.models import ConsentRequest


def _prepare(message: SystemMessage) -> Prepared | Skip:
    if message.user_id is None:
        return Skip("It was for nobody.")
    user = accounts.get_user(message.user_id)
    if user.disabled_at is not None:
        return Skip("The account is disabled.")
    brand = accounts.brand(message.workspace_id)
    form = queries.get_form(message.workspace_id, UUID(message.data["form"]))
    url = current_app.config["NOD"].url
    return Prepared(
        to=user.email,
        to_name=user.name,
        template=ALERT,
        language="en",
        values={
            "workspace": {"name": brand.name},
            "brand": {
                "name": brand.name,
                "short_name": brand.short_name,
                "postal_address": brand.postal_address,
            },
            "form": {
                "name": form.name,
                "asked": str(message.data["asked"]),
                "yes": str(message.data["yes"]),
            },
            "request": {"time": i18n.instant(message.created_at, brand.time_zone)},
            "links": {"form": f"{url}/forms/{form.id}/results"},
            "mail": {"reason": f"You own {brand.name} in Nod."},
        },
    )


def welcome_words(request: ConsentRequest) -> str:
    """What the form of a request has its readers told after their yes, in the words of the version they saw."""
    shown = request.shown.get("form") or {}
    if request.form_id is None or "version" not in shown:
        return ""
    form = queries.get_form(request.workspace_id, request.form_id)
    version = queries.find_version(form, int(shown["version"]), request.language)
    return version.words.welcome if version else ""


SYSTEM_MAILS = (SystemMail(ALERT, _prepare, "The alert that a form is flooded"),)
