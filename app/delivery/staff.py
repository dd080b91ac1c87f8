"""Mails to people who work here: to whom, and what each of them says alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from app.accounts import queries as accounts
from app.delivery.rules import Prepared, Skip, SystemMessage

if TYPE_CHECKING:
    from app.accounts.models import User
    from app.accounts.rules.brand import Brand


def recipient_of(message: SystemMessage) -> User | Skip:
    """Who gets a mail that was wished for somebody who works here, or why nobody does."""
    if message.user_id is None:
        return Skip("It was for nobody.")
    user = accounts.get_user(message.user_id)
    return user if user.disabled_at is None else Skip("The account is disabled.")


def prepare(message: SystemMessage, template: str, values: Callable[[Brand], Mapping[str, Any]]) -> Prepared | Skip:
    """A mail of the templates below ``emails/system``, in English.

    Args:
        message: the wish.
        template: the folder's name.
        values: gives its tags beside the workspace's and the brand's; asked only where somebody gets it.
    """
    user = recipient_of(message)
    if isinstance(user, Skip):
        return user
    brand = accounts.brand(message.workspace_id)
    whose = {"name": brand.name, "short_name": brand.short_name, "postal_address": brand.postal_address}
    return Prepared(
        to=user.email,
        to_name=user.name,
        template=template,
        language="en",
        values={"workspace": {"name": brand.name}, "brand": whose, **values(brand)},
    )
