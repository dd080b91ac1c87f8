"""Which orders came of which mailing: of the one whose link the person followed by hand last, within the week before.

Only where the person lets us see what they do, as clicks are kept. It is settled when an order is told, and again when
a click that counts for it arrives later or turns out to be a program's; in the transaction that writes the signal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from app.consent import queries as consent
from app.consent.rules import Level
from app.contacts.rules import FieldKind, read_field
from app.kernel.db import array_of, session, text_array_of

ORDER: Final = "order"
WITHIN: Final = timedelta(days=7)
"""So long after a click an order counts for its mailing."""
_LOCK: Final = 0x6E6F646F
"""First half of the lock's key ("nodo"); the second is the workspace."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it was told."""

    event_id: UUID
    contact_id: UUID
    at: datetime
    data: Mapping[str, Any] | None


def read_total(data: Mapping[str, Any] | None) -> tuple[str, str] | None:
    """Amount (exact decimal text) and currency of an order; None where nobody can read what it came to.

    It stands in ``total`` as ``42.00 EUR``, or as a number with the currency's three letters in ``currency``.
    """
    total, beside = (str((data or {}).get(name, "")) for name in ("total", "currency"))
    for written in (total, f"{total} {beside}"):
        with suppress(ValueError):
            found = read_field(FieldKind.MONEY, written)
            if isinstance(found, str):
                amount, currency = found.split()
                return amount, currency
    return None


def settle_new(workspace_id: UUID, orders: Sequence[Order]) -> None:
    """Count orders that are written for the first time; whoever calls holds their people."""
    levels = consent.tracking_levels({order.contact_id for order in orders}) if orders else {}
    seen = [order for order in orders if levels.get(order.contact_id) is Level.INDIVIDUAL]
    if seen:
        _take_turn(workspace_id)
        _count(workspace_id, seen)


_LATER: Final = text(
    "SELECT s.event_id, s.contact_id, s.at, s.data FROM unnest(CAST(CAST(:ids AS text) AS uuid[]),"
    " CAST(CAST(:firsts AS text) AS timestamptz[]), CAST(CAST(:lasts AS text) AS timestamptz[])) AS w (contact_id, first, last)"
    " JOIN LATERAL (SELECT s.event_id, s.contact_id, s.at, s.data FROM signals s WHERE s.workspace_id = :workspace_id"
    " AND s.contact_id = w.contact_id AND s.at >= w.first AND s.at < w.last + CAST(:within AS interval) AND s.kind = :order"
    " OFFSET 0) AS s ON true"
)
# Rows of sums are only added here: who has the turn puts them together, and an erasure waits for nobody.
_TAKE_OUT: Final = (
    "WITH gone AS (DELETE FROM mailing_orders WHERE workspace_id = :workspace_id AND {which} RETURNING mailing_no, currency, amount)"
    " INSERT INTO mailing_order_sums (workspace_id, mailing_no, currency, orders, amount)"
    " SELECT :workspace_id, mailing_no, currency, -count(*), -sum(amount) FROM gone GROUP BY mailing_no, currency"
)
_TAKE_OUT_THESE: Final = text(_TAKE_OUT.format(which="event_id = ANY(CAST(CAST(:ids AS text) AS uuid[]))"))
_ERASE: Final = text(_TAKE_OUT.format(which="contact_id = :contact_id"))


def settle_again(workspace_id: UUID, clicks: Mapping[UUID, Collection[datetime]]) -> None:
    """Count orders anew that were told before these clicks arrived, or were judged differently: when, by person.

    Whoever calls has written the clicks, and holds the level of their people, which is individual.
    """
    _take_turn(workspace_id)
    values = {
        "workspace_id": workspace_id, "within": WITHIN, "order": ORDER,
        "ids": array_of(clicks), "firsts": array_of(map(min, clicks.values())), "lasts": array_of(map(max, clicks.values())),
    }  # fmt: skip
    found = [Order(*row) for row in session().execute(_LATER, values)]
    if found:
        session().execute(_TAKE_OUT_THESE, {"workspace_id": workspace_id, "ids": array_of(order.event_id for order in found)})
        _count(workspace_id, found)


_TURN: Final = text("SELECT pg_advisory_xact_lock(:key, hashtext(CAST(:workspace_id AS text)))")


def _take_turn(workspace_id: UUID) -> None:
    """Of an order and a click that are written at once, the second one waits here, and then sees the first."""
    session().execute(_TURN, {"key": _LOCK, "workspace_id": workspace_id})


# The link that no person sees has another index.
_COUNT: Final = text(
    "WITH done AS (INSERT INTO mailing_orders (event_id, workspace_id, contact_id, mailing_no, n, at, amount, currency)"
    " SELECT w.event_id, :workspace_id, w.contact_id, k.mailing_no, k.n, w.at, w.amount, w.currency"
    " FROM unnest(CAST(CAST(:event_ids AS text) AS uuid[]), CAST(CAST(:contact_ids AS text) AS uuid[]),"
    " CAST(CAST(:ats AS text) AS timestamptz[]), CAST(CAST(:amounts AS text) AS numeric[]),"
    " CAST(CAST(:currencies AS text) AS text[])) AS w (event_id, contact_id, at, amount, currency)"
    " JOIN LATERAL (SELECT s.mailing_no, s.n FROM signals s WHERE s.workspace_id = :workspace_id"
    " AND s.contact_id = w.contact_id AND s.at <= w.at AND s.at > w.at - CAST(:within AS interval) AND s.kind = 'click'"
    " AND s.verdict = 'human' AND s.link >= 0 AND s.mailing_no IS NOT NULL ORDER BY s.at DESC LIMIT 1) AS k ON true"
    " RETURNING mailing_no, currency, amount),"
    " gone AS (DELETE FROM mailing_order_sums WHERE workspace_id = :workspace_id AND mailing_no IN (SELECT mailing_no FROM done)"
    " RETURNING mailing_no, currency, orders, amount)"
    " INSERT INTO mailing_order_sums (workspace_id, mailing_no, currency, orders, amount)"
    " SELECT :workspace_id, mailing_no, currency, sum(orders), sum(amount) FROM"
    " (SELECT mailing_no, currency, 1 AS orders, amount FROM done UNION ALL SELECT * FROM gone) AS s"
    " GROUP BY mailing_no, currency HAVING sum(orders) <> 0"
)


def _count(workspace_id: UUID, orders: Iterable[Order]) -> None:
    rows = [(order, read_total(order.data) or (None, None)) for order in orders]
    values = {
        "workspace_id": workspace_id, "within": WITHIN,
        "event_ids": array_of(order.event_id for order, _ in rows),
        "contact_ids": array_of(order.contact_id for order, _ in rows),
        "ats": array_of(order.at for order, _ in rows),
        "amounts": text_array_of(amount for _, (amount, _) in rows),
        "currencies": text_array_of(currency for _, (_, currency) in rows),
    }  # fmt: skip
    session().execute(_COUNT, values)


def erase(workspace_id: UUID, contact_id: UUID) -> None:
    """Forget which mailings a person's orders came of."""
    session().execute(_ERASE, {"workspace_id": workspace_id, "contact_id": contact_id})
