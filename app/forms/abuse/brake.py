"""The brake against list bombing: where many ask and next to nobody says yes, a form asks for a puzzle first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import update

from app.accounts import queries as accounts
from app.accounts.rules.roles import Role
from app.consent import queries as consent
from app.delivery import service as delivery
from app.forms.models import Form
from app.kernel import clock, limits
from app.kernel.db import session
from app.kernel.ids import uuid7

WINDOW = timedelta(hours=1)
ASKED = 200
"""So many questions within the window, at least, before a form is looked at with suspicion."""
SHARE_THAT_CONFIRMS = 0.1
BRAKED_FOR = timedelta(hours=1)
LOOK_SECONDS = 20
ALERT = "form-alert"


def watch(forms: Iterable[Form]) -> None:
    """Look at forms that have just been answered, each every twenty seconds at most, and brake those that are abused.

    Owners are told once an hour and form by a mail.
    """
    for form in forms:
        if limits.hit("forms.watch", str(form.id), 1, LOOK_SECONDS):
            _judge(form)


def is_flood(asked: int, confirmed: int) -> bool:
    """Whether so few said yes that most of them cannot have asked."""
    return asked >= ASKED and confirmed < SHARE_THAT_CONFIRMS * asked


def _judge(form: Form) -> None:
    now = clock.now()
    asked, confirmed = consent.count_form_requests(form.workspace_id, form.id, now - WINDOW)
    if not is_flood(asked, confirmed):
        return
    is_new = form.challenge_until is None or form.challenge_until <= now
    session().execute(
        update(Form)
        .where(Form.workspace_id == form.workspace_id, Form.id == form.id)
        .values(challenge_until=now + BRAKED_FOR)
    )
    if is_new:
        _tell_owners(form, asked, confirmed)


def _tell_owners(form: Form, asked: int, confirmed: int) -> None:
    for member in accounts.list_members(form.workspace_id):
        if member.role == Role.OWNER and member.disabled_at is None:
            delivery.send_system(
                form.workspace_id,
                ALERT,
                dedupe=uuid7(),
                user_id=member.user_id,
                data={"form": str(form.id), "asked": asked, "yes": confirmed},
            )
