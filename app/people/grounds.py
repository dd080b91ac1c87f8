"""Other grounds than a person's own double opt-in, as staff and programs enter them: what each asks for, and the verb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from app.accounts import queries as accounts
from app.consent import queries as consent_queries
from app.consent import service as consent
from app.consent.rules import Basis, By, Channel, Purpose
from app.consent.rules.grounds import Act, Claim
from app.contacts import queries as contacts
from app.kernel.errors import BadInput, Conflict

METHODS: Final = ("web", "paper", "phone", "point_of_sale", "email", "api")
"""How a ground came to us."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A ground that may be entered.

    Attributes:
        basis: which one.
        about: what it is, in a sentence.
        acts: what a person may have done for it; the first where nothing is said.
        channels: on which it can let us write.
        asks: the inputs beside channel, interest and day.
    """

    basis: Basis
    about: str
    acts: tuple[Act, ...]
    channels: tuple[Channel, ...]
    asks: frozenset[str]


OFFERED: Final = (
    Offered(
        Basis.SOFT_OPT_IN,
        "They bought from you, could object when they gave their address, and hear of similar goods of yours.",
        (Act.PURCHASE,), (Channel.EMAIL, Channel.SMS), frozenset({"reference", "product_class", "objection_offered"}),
    ),
    Offered(
        Basis.CONTRACT,
        "They ordered these very messages, such as a paid letter.",
        (Act.CONTRACT,), (Channel.EMAIL, Channel.POST, Channel.PHONE, Channel.SMS), frozenset({"reference", "until"}),
    ),
    Offered(
        Basis.IMPLIED_CASL,
        "They bought from you or asked you something, and live in Canada.",
        (Act.PURCHASE, Act.INQUIRY), (Channel.EMAIL, Channel.SMS), frozenset({"reference", "act"}),
    ),
    Offered(
        Basis.LEGITIMATE_INTEREST_POST,
        "Letters on paper to customers, until they object.",
        (Act.PURCHASE, Act.INQUIRY), (Channel.POST,), frozenset({"balance"}),
    ),
    Offered(
        Basis.CONSENT,
        "They said yes on paper, on the phone or in the shop, in words that you can show.",
        (Act.DECLARATION,), (Channel.EMAIL, Channel.POST, Channel.PHONE, Channel.SMS), frozenset({"reference", "text"}),
    ),
)  # fmt: skip
_BY_BASIS: Final = {offered.basis: offered for offered in OFFERED}


def offered_for(basis: str) -> Offered | None:
    """The ground of this name, if it may be entered."""
    return next((offered for offered in OFFERED if offered.basis == basis), None)


def record(
    workspace_id: UUID, contact_id: UUID, values: Mapping[str, Any], *, by: By
) -> tuple[UUID | None, bool]:
    """Enter a ground (``values``: as ``schemas.Ground`` loads them).

    Entering the same twice writes one event: whatever stands and is as good, stays.

    Returns:
        The event on which the permission stands now, and whether it is new.

    Raises:
        NotFound: no such person or interest here.
        BadInput: a condition of the ground is not met; names each field.
        Conflict: the person was erased, or said no.
    """
    if contacts.get_contact(workspace_id, contact_id).erased_at is not None:
        raise Conflict("This person was erased. They can still sign up themselves.")
    channel, interest_id = Channel(values["channel"]), values["interest"]
    try:
        event_id = consent.grant(
            workspace_id, contact_id, interest_id, _claim(workspace_id, values), by=by, channel=channel,
            method=values["method"],
        )  # fmt: skip
    except BadInput as problem:
        raise BadInput(problem.detail, fields=_as_entered(problem.fields)) from None
    if event_id is not None:
        return event_id, True
    return _standing(workspace_id, contact_id, interest_id, channel), False


def _claim(workspace_id: UUID, values: Mapping[str, Any]) -> Claim:
    offered = _BY_BASIS.get(values["basis"])
    if offered is None:
        raise BadInput(fields={"basis": "What the law makes you send is no marketing, and needs no permission."})
    zone = ZoneInfo(accounts.brand(workspace_id).time_zone)
    last: date | None = values["until"]
    return Claim(
        offered.basis,
        values["act"] or offered.acts[0],
        _midnight(values["happened_at"], zone),
        reference=values["reference"],
        product_class=values["product_class"],
        objection_offered=values["objection_offered"],
        balance=values["balance"],
        text=values["text"],
        until=_midnight(last + timedelta(days=1), zone) if last else None,
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _as_entered(faults: Mapping[str, str]) -> dict[str, str]:
    """Nobody can enter that a person pressed a button in a mail: it is the channel that does not fit then."""
    return {"channel" if name == "is_doubly" else name: message for name, message in faults.items()}


def _standing(
    workspace_id: UUID, contact_id: UUID, interest_id: UUID | None, channel: Channel
) -> UUID | None:
    for found in consent_queries.list_permissions(workspace_id, contact_id):
        if (found.purpose, found.channel, found.interest_id) == (Purpose.MARKETING, channel, interest_id):
            return found.event_id
    return None
