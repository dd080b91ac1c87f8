"""The mail that carries signed days to somebody who keeps them."""

from __future__ import annotations

from datetime import date
from html import escape
from typing import Final
from uuid import UUID

from app.accounts import queries as accounts
from app.consent import proofs
from app.delivery.rules import Content
from app.delivery.service import Prepared, Skip, SystemMail, SystemMessage
from app.evidence import queries, rules
from app.evidence.document import day_of
from app.evidence.exporting import MAIL

_WORDS: Final = (
    "This mail holds the signed days of the permission ledger of {brand}. Keep it where {brand} cannot change it: with\n"
    "it, anybody can see later whether the history has been written anew. There is nothing to do now.\n\n"
    "Each line below is a day: the hash that all events up to then come to, and its signature. To check them, save\n"
    "the text between the two rulers as a file and run: python3 verifier.py --days <file>\n"
)
_RULER: Final = "-" * 20


def _prepare(message: SystemMessage) -> Prepared | Skip:
    target = queries.find_target(message.workspace_id, UUID(message.data["target"]))
    if target is None:
        return Skip("Signed days do not go there any more.")
    after, last = message.data["after"], date.fromisoformat(message.data["last"])
    found = proofs.list_signatures(
        message.workspace_id, date.fromisoformat(after) if after else None, rules.DAYS_AT_ONCE
    )
    brand = accounts.brand(message.workspace_id)
    days = [day_of(signature) for signature in found if signature.day <= last]
    text = (
        _WORDS.format(brand=brand.name)
        + f"\n{_RULER}\n"
        + rules.text_of(rules.days_document(message.workspace_id, brand.name, days))
        + f"{_RULER}\n"
    )
    subject = f"Signed days of {brand.name} up to {last:%-d %B %Y}"
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(subject)}</title></head>'
    )
    html += f'<body><pre style="white-space:pre-wrap">{escape(text)}</pre></body></html>'
    return Prepared(
        to=target.address, template="", language="en", values={}, content=Content(subject, text, html)
    )


SIGNED_DAYS = SystemMail(MAIL, _prepare, "Signed days of the ledger")
