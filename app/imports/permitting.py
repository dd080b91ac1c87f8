"""What a file's rows give of permission: foretold by the check, and given when they are taken; by the consent's own rules."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from app.accounts import queries as accounts
from app.consent import service as consent
from app.consent.rules import By
from app.imports import classing
from app.imports.models import Import
from app.imports.rules import Permission
from app.kernel.db import array_of, session

YES: Final = "yes"
"""Counts rows whose people have a permission from this file."""
NO_YES: Final = "no yes: "
"""Begins the reasons of those who have none."""
_PERMITTED = text(
    "INSERT INTO import_changes (import_id, contact_id, workspace_id, is_made, event_id)"
    " SELECT DISTINCT ON (t.contact_id) :id, t.contact_id, :workspace_id, false, t.event_id FROM unnest(CAST(CAST(:people AS text) AS uuid[]),"
    " CAST(CAST(:events AS text) AS uuid[])) AS t (contact_id, event_id)"
    " ON CONFLICT (import_id, contact_id) DO UPDATE SET event_id = excluded.event_id"
)
_CLAIMS = text(
    "SELECT r.n, a.contact_id, r.said_at, r.source, r.ip FROM import_rows r"  # noqa: S608  no input in it
    f" JOIN {classing.KNOWN} ON true"
    " WHERE r.import_id = :id AND r.fault IS NULL AND r.n BETWEEN :first AND :last ORDER BY r.n"
)
_FORESEEN = text(
    "SELECT r.n, coalesce(a.contact_id, r.contact_id), r.said_at, r.source, CASE WHEN a.contact_id IS NULL THEN r.hash END"  # noqa: S608  no input in it
    f" FROM import_rows r LEFT JOIN {classing.KNOWN} ON true"
    " WHERE r.import_id = :id AND r.fault IS NULL AND r.n BETWEEN :first AND :last ORDER BY r.n"
)


def foresee(found: Import, told: Permission, values: dict[str, Any]) -> dict[str, int]:
    """What ``permit`` would count for a slice whose rows are not taken yet; nothing is written.

    Args:
        found: the import.
        told: what it says of permission.
        values: id, workspace_id, first and last; at most 5,000 rows.
    """
    rows = session().execute(_FORESEEN, values).all()
    claims = [consent.Claim(contact_id, n, said_at, source or "") for n, contact_id, said_at, source, _ in rows]
    newcomers = {contact_id: hashed for _, contact_id, _, _, hashed in rows if hashed is not None}
    skipped = consent.preview_claims(
        found.workspace_id, _file(found, told, None), claims, told.interests, newcomers
    )
    return _counts(claims, skipped.values())


def permit(found: Import, told: Permission, values: dict[str, Any]) -> dict[str, int]:
    """Each row's claim, as the ledger takes claims; a person's own word stands above it."""
    claims = [
        consent.Claim(contact_id, n, said_at, source or "", ip or "")
        for n, contact_id, said_at, source, ip in session().execute(_CLAIMS, values)
    ]
    if not claims:
        return {}
    file = _file(found, told, words_of(found.workspace_id, told))
    taken = consent.import_claims(found.workspace_id, file, claims, told.interests)
    people = {claim.row: claim.contact_id for claim in claims}
    session().execute(
        _PERMITTED,
        values
        | {"people": array_of([people[n] for n in taken.events]), "events": array_of(taken.events.values())},
    )
    return _counts(claims, taken.skipped.values())


def _file(found: Import, told: Permission, text_id: UUID | None) -> consent.ImportedFile:
    return consent.ImportedFile(
        id=found.id,
        sha256=found.sha256,
        declaration=told.declaration,
        by=By("staff", str(found.user_id)),
        text_id=text_id,
        is_doubly=told.is_doubly,
    )


def _counts(claims: Sequence[consent.Claim], skipped: Collection[str]) -> dict[str, int]:
    if not claims:
        return {}
    counts = {YES: len(claims) - len(skipped)}
    for reason in skipped:
        name = f"{NO_YES}{reason}"
        counts[name] = counts.get(name, 0) + 1
    return counts


def words_of(workspace_id: UUID, told: Permission) -> UUID:
    """The text that the file's people are said to have agreed to."""
    return consent.ensure_text(workspace_id, "consent", accounts.brand(workspace_id).language, told.words)
