"""The end of a proof: when nothing can be asked about a person's permissions any more, the personal side goes.

It goes by the ledger's own function: an ``erased`` event is appended, so that the chain still verifies and says why
something is missing. The events, the seals and the keyed hashes of suppressed addresses stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text

from app.consent import ledger, queries
from app.consent.law import laws_of
from app.consent.rules import By, Channel, Kind, Level, Purpose, State
from app.consent.rules.grounds import months_after
from app.consent.rules.jurisdictions import RULE_SETS, Jurisdiction
from app.consent.service import write
from app.contacts import queries as contacts
from app.kernel import clock
from app.kernel.db import array_of, session

LOOKED_AT: Final = 2_000
"""People in one slice."""
NOBODY: Final = UUID(int=0)
_YEARS: Final = {rules.key: rules.evidence_years for rules in RULE_SETS}
_FIRST, _LAST = min(_YEARS.values()), max(_YEARS.values())

_PAGE = text(
    "SELECT id FROM contacts WHERE id > :after AND created_at <= :before ORDER BY id LIMIT :size"
)
# Whoever writes an event holds a key lock on its person: those are left for another day, and nobody is waited for.
_ENDED = text(
    "SELECT c.workspace_id, c.id FROM contacts c"
    " WHERE c.id = ANY(CAST(CAST(:ids AS text) AS uuid[])) AND c.erased_at IS NULL AND c.merged_into IS NULL"
    " AND EXISTS (SELECT FROM consent_personal q WHERE q.workspace_id = c.workspace_id AND q.contact_id = c.id)"
    " AND EXISTS (SELECT FROM permissions p WHERE p.workspace_id = c.workspace_id AND p.contact_id = c.id)"
    " AND NOT EXISTS (SELECT FROM permissions p WHERE p.workspace_id = c.workspace_id AND p.contact_id = c.id"
    " AND p.purpose = 'marketing' AND p.state <> 'no')"
    " AND NOT EXISTS (SELECT FROM consent_events e WHERE e.workspace_id = c.workspace_id AND e.contact_id = c.id"
    " AND e.received_at > :before)"
    " ORDER BY c.workspace_id, c.id FOR UPDATE OF c SKIP LOCKED"
)
# Asked once they are locked: what was written until then is seen, and nothing more can be.
_STORIES = text(
    "SELECT w.id, max(e.received_at), array_agg(DISTINCT convert_from(e.body, 'UTF8')::jsonb ->> 'rule_set')"
    " FROM (SELECT c.id, c.id AS entry FROM contacts c WHERE c.id = ANY(CAST(CAST(:ids AS text) AS uuid[]))"
    "  UNION ALL SELECT c.merged_into, c.id FROM contacts c WHERE c.merged_into = ANY(CAST(CAST(:ids AS text) AS uuid[]))"
    " ) w JOIN consent_events e ON e.workspace_id = :workspace_id AND e.contact_id = w.entry GROUP BY w.id"
)


def purge_proofs(after: UUID = NOBODY, *, size: int = LOOKED_AT) -> tuple[int, UUID | None]:
    """Let go of the personal side of the ledger of people whose time is over, one slice of people after another.

    A person's time is over when nothing of theirs to be written to lives or is asked for, and the years of evidence have
    passed since the last event of theirs or of an entry that was merged into theirs: the most years of all rule sets that their events name and of the one that holds
    today. What they allowed us to see of opens and clicks ends with its proof.

    Returns:
        How many people, and where to go on; None at the end.
    """
    now = clock.now()
    before = months_after(now, -12 * _FIRST)
    page = list(session().execute(_PAGE, {"after": after, "before": before, "size": size}).scalars())
    ended: dict[UUID, list[UUID]] = {}
    for workspace_id, contact_id in session().execute(_ENDED, {"ids": array_of(page), "before": before}):
        ended.setdefault(workspace_id, []).append(contact_id)
    purged = sum(_purge(workspace_id, contact_ids, now) for workspace_id, contact_ids in ended.items())
    return purged, page[-1] if len(page) == size else None


def _purge(workspace_id: UUID, contact_ids: Sequence[UUID], now: datetime) -> int:
    laws = laws_of(workspace_id, contact_ids)
    stories = session().execute(_STORIES, {"workspace_id": workspace_id, "ids": array_of(contact_ids)}).all()
    purged = 0
    for contact_id, last, named in stories:
        years = max(laws[contact_id].rules.evidence_years, *(_YEARS.get(key, _LAST) for key in named if key), 0)
        if months_after(last, 12 * years) <= now:
            _erase(workspace_id, contact_id, years, laws[contact_id])
            purged += 1
    return purged


def _erase(workspace_id: UUID, contact_id: UUID, years: int, law: Jurisdiction) -> None:
    about = {"reason": "retention", "years": years, "rule_set": law.rules.key}
    for entry in contacts.list_merged(workspace_id, contact_id):
        ledger.erase(ledger.Entry(Kind.ERASED, workspace_id, entry, By("system"), about, {}, method="clock"))
    event_id = ledger.erase(
        ledger.Entry(Kind.ERASED, workspace_id, contact_id, By("system"), about, {}, method="clock")
    )
    for found in queries.list_permissions(workspace_id, contact_id):
        if found.purpose == Purpose.TRACKING and found.state != State.NO:
            write.set_permission(
                workspace_id, contact_id, Purpose.TRACKING, Channel(found.channel), None, State.NO, event_id, Level.NONE
            )  # fmt: skip
