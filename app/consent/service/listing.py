"""Entering many addresses that must not be written to; whether anybody stands behind them or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.consent.rules import ONE_WAY, By, Channel, Reason
from app.consent.rules.suppressing import Listed
from app.consent.service import vetoes
from app.contacts import queries as contacts
from app.kernel import clock


@dataclass(frozen=True, slots=True)
class Entered:
    """What became of a list: people who are not written to from now on, and addresses nobody here has."""

    people: int
    unknown: int
    before: int
    """People who were not written to for as good a reason before."""


def enter_list(workspace_id: UUID, listed: Sequence[Listed], *, by: By) -> Entered:
    """Never write to these: an event for each person whom we know, a keyed hash for each address whom nobody has.

    An erasure of somebody whom we know is no reason to stop writing: they came back by their own act.
    """
    keys = [found.address.key for found in listed if found.address]
    known = contacts.find_by_keys(workspace_id, keys)
    people = before = 0
    hashes: dict[bytes, Reason] = {}
    for one in listed:
        contact_id = known.get(one.address.key) if one.address else None
        if contact_id is None:
            key = vetoes.address_hash(one.address.key) if one.address else one.hash
            if hashes.get(key) not in ONE_WAY:
                hashes[key] = one.reason
        elif one.reason is not Reason.ERASED:
            event_id = vetoes.suppress(
                workspace_id, contact_id, one.reason, by=by, detail="from a list", told_at=one.told_at
            )
            people, before = people + (event_id is not None), before + (event_id is None)
    now = clock.now()
    vetoes.remember(
        [
            {
                "workspace_id": workspace_id, "channel": Channel.EMAIL.value, "address_hash": key,
                "reason": reason.value, "created_at": now, "source": "import", "contact_id": None,
            }
            for key, reason in sorted(hashes.items())
        ]
    )  # fmt: skip
    return Entered(people, len(hashes), before)
