"""How far the people whom a campaign would reach let us see what they do with it, counted before it is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from app.consent import queries as consent
from app.consent.rules import Level
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import Conflict, Unavailable
from app.kernel.shared import Shared
from app.segments import queries as segments

WORDS: Final[Mapping[Level, tuple[str, str, str]]] = {
    Level.INDIVIDUAL: (
        "What they open and click", "Each open and click stands with its person, counts for their score and chooses segments.", "yes",
    ),
    Level.AGGREGATE: ("In totals only", "Counted in sums of the report; nobody can tell whose it was.", "info"),
    Level.DATE: ("The day of the last open", "One day without a time, each replacing the one before. The report shows nothing of it.", "ask"),
    Level.NONE: ("Not at all", "No picture reports back and links lead straight to their page. The report shows nothing of them.", "no"),
}  # fmt: skip
"""Words, what follows from it, and tone; in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Measured:
    """People of an audience by their level; every level is there.

    Attributes:
        languages: the same people by what they read; empty where it was not asked for.
    """

    counts: Mapping[Level, int]
    languages: Mapping[str, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())

    @property
    def seen(self) -> int:
        """Those whose clicks the report counts, by name or in sums."""
        return self.counts[Level.INDIVIDUAL] + self.counts[Level.AGGREGATE]


# The level is read as senders read it when they write a letter (``consent.queries.find_grounds``).
_LEVELS: Final = (
    "SELECT coalesce(t.level, 'none'), {language}, count(*) FROM ({audience}) AS a"
    " LEFT JOIN permissions t ON t.workspace_id = :workspace_id AND t.contact_id = a.contact_id"
    "  AND t.purpose = 'tracking' AND t.channel = 'email' AND t.interest_id IS NULL AND t.state = 'yes'{narrowed} GROUP BY 1, 2"
)
_LANGUAGE: Final = "(SELECT c.language FROM contacts c WHERE c.id = a.contact_id)"
_counted: Shared[Measured] = Shared()


def measure(
    workspace_id: UUID, interests: Sequence[UUID], segment_id: UUID | None = None, *, with_languages: bool = False
) -> Measured | None:
    """Those whom a campaign about these interests would reach now, by level; of many some seconds old.

    None: nobody is chosen, or its segment cannot be told. ``with_languages``: by those, too, which costs a look at each person.
    """
    if not interests:
        return None
    key = (workspace_id, tuple(interests), segment_id, with_languages)
    known = _counted.find(key)
    if known is not None:
        return known
    try:
        rows = _count(workspace_id, interests, segment_id, _LANGUAGE if with_languages else "NULL")
    except (Conflict, Unavailable):
        return None
    counts, spoken = Counter[Level](), Counter[str]()
    for level, language, number in rows:
        counts[Level(level)] += number
        if with_languages:
            spoken[language] += number
    found = Measured(dict.fromkeys(WORDS, 0) | counts, spoken)
    return _counted.keep(key, found, consent.ROWS_EACH * found.total)


def _count(
    workspace_id: UUID, interests: Sequence[UUID], segment_id: UUID | None, language: str
) -> list[tuple[str, str, int]]:
    audience, binds = consent.audience_sql(interests)
    values: dict[str, Any] = {**binds, "workspace_id": workspace_id, "now": clock.now()}
    if segment_id is None:
        statement = text(_LEVELS.format(audience=audience, language=language, narrowed=""))
        return [(row[0], row[1], row[2]) for row in session().execute(statement, values)]
    people, more = segments.members_sql(workspace_id, segment_id)
    statement = text(_LEVELS.format(audience=audience, language=language, narrowed=f" WHERE a.contact_id IN ({people})"))
    with segments.planned():
        return [(row[0], row[1], row[2]) for row in session().execute(statement, {**more, **values})]
