"""Which jurisdiction's rules hold for a person: their own country, else the brand's, else their address's, else the language's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import text

from app.consent.rules import jurisdictions
from app.consent.rules.jurisdictions import Jurisdiction
from app.kernel.db import array_of, session

if TYPE_CHECKING:
    import maxminddb

# Each looked up by their id, whatever the planner believes of a table that a file has just filled. One statement for
# everybody, so that an answer's time does not tell who is known. A person's country is the first of the workspace's own
# fields of that kind which they have filled in.
_TOLD = text(
    "SELECT c.id, coalesce((SELECT c.fields ->> f.key FROM custom_fields f WHERE f.workspace_id = c.workspace_id"
    " AND f.kind = 'country' AND c.fields ? f.key ORDER BY f.position, f.key LIMIT 1), ''), w.country, c.language"
    " FROM unnest(CAST(CAST(:ids AS text) AS uuid[])) AS p (id) CROSS JOIN LATERAL"
    " (SELECT * FROM contacts WHERE id = p.id OFFSET 0) AS c JOIN workspaces w ON w.id = c.workspace_id"
    " WHERE c.workspace_id = :workspace_id"
)
_places: maxminddb.Reader | None = None


def configure(path: str) -> None:
    """Open the address database of this installation (MaxMind's format); an empty path: there is none.

    Raises:
        OSError: the file cannot be read.
        maxminddb.InvalidDatabaseError: it is not such a database.
    """
    global _places
    if not path:
        _places = None
        return
    import maxminddb  # most installations have none

    # In memory: a file that is replaced while it is mapped would take the process with it.
    _places = maxminddb.open_database(Path(path), maxminddb.MODE_MEMORY)


def law_of(workspace_id: UUID, contact_id: UUID, *, country: str = "", ip: str = "") -> Jurisdiction:
    """The rules that hold for a person.

    Args:
        workspace_id: of the person.
        contact_id: the person.
        country: two letters that they tell right now and nobody has stored yet, such as in a form.
        ip: the network address that they act from; counts only where neither they nor the brand tell a country.
    """
    return laws_at(workspace_id, [(contact_id, country, ip)])[0]


def laws_at(workspace_id: UUID, acts: Sequence[tuple[UUID, str, str]]) -> list[Jurisdiction]:
    """As ``law_of`` for the acts of many (person, country, network address), in their order; by one statement."""
    told = _told(workspace_id, {contact_id for contact_id, _, _ in acts})
    laws = []
    for contact_id, country, ip in acts:
        person, brand, language = told.get(contact_id, ("", "", ""))
        laws.append(
            jurisdictions.decide(
                person=country or person, brand=brand, address=country_of(ip), language=language
            )
        )
    return laws


def laws_of(workspace_id: UUID, contact_ids: Collection[UUID]) -> dict[UUID, Jurisdiction]:
    """The rules that hold for each of these people of the workspace, by one statement."""
    return {
        contact_id: jurisdictions.decide(person=person, brand=brand, language=language)
        for contact_id, (person, brand, language) in _told(workspace_id, contact_ids).items()
    }


def _told(workspace_id: UUID, contact_ids: Collection[UUID]) -> dict[UUID, tuple[str, str, str]]:
    """Their own country, their brand's, their language, as far as they are told."""
    values = {"workspace_id": workspace_id, "ids": array_of(contact_ids)}
    return {row[0]: (row[1], row[2], row[3]) for row in session().execute(_TOLD, values)}


def country_of(ip: str) -> str:
    """The country of a network address, two letters; empty where no database knows."""
    if _places is None or not ip:
        return ""
    try:
        found = _places.get(ip)
    except ValueError:
        return ""
    place = found.get("country") if isinstance(found, dict) else None
    code = place.get("iso_code") if isinstance(place, dict) else None
    return code if isinstance(code, str) else ""
