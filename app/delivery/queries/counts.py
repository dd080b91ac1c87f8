"""How many messages of mailings ended how, and who went because of them: from what is kept as it happens."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.contacts import queries as contacts
from app.delivery.counting import REASON
from app.delivery.rules import WORDS, Leaving, MessageState, Refusal, Word, reason_of, refusal_of
from app.kernel import clock, shared
from app.kernel.db import session
from app.kernel.paging import Page, decode_cursor, encode_cursor

LATELY = timedelta(minutes=1)
PAGE_ROWS = 50


@dataclass(frozen=True, slots=True)
class Ended:
    """So many messages ended alike; ``lately`` of them within the last minute. ``pending`` stands for all that wait."""

    state: MessageState
    code: int | None
    status: str | None
    words: str
    number: int
    lately: int

    @property
    def reason(self) -> str:
        """Why, in a few words; empty where the word says it all."""
        return reason_of(self.state, self.code, self.status, self.words)

    @property
    def refusal(self) -> Refusal | None:
        """The class of those that did not arrive."""
        return refusal_of(self.state, self.code, self.status)


@dataclass(frozen=True, slots=True)
class Counted:
    """All messages of a mailing at one moment.

    Attributes:
        frozen_seconds: since its audience was made, at most 60.
        looked_at: how many rows were read for it, where it was counted over the messages.
    """

    rows: tuple[Ended, ...]
    frozen_seconds: float
    looked_at: int = 0

    @property
    def words(self) -> dict[Word, int]:
        """By the words of reports; every word is there, and they sum to the audience."""
        sums = dict.fromkeys(Word, 0)
        for row in self.rows:
            sums[WORDS[row.state]] += row.number
        return sums

    @property
    def lately(self) -> int:
        """How many ended within the last minute."""
        return sum(row.lately for row in self.rows)

    @property
    def reasons(self) -> dict[Word, dict[str, int]]:
        """Why messages ended as they did, by word, the most frequent first; those without a reason are left out."""
        found: dict[Word, dict[str, int]] = {word: {} for word in Word}
        for row in self.rows:
            if row.reason:
                of_word = found[WORDS[row.state]]
                of_word[row.reason] = of_word.get(row.reason, 0) + row.number
        return {
            word: dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
            for word, counts in found.items()
        }

    @property
    def refusals(self) -> dict[Refusal, int]:
        """Those that did not arrive by class; classes without any are left out."""
        found = dict.fromkeys(Refusal, 0)
        for row in self.rows:
            if row.refusal:
                found[row.refusal] += row.number
        return {refusal: number for refusal, number in found.items() if number}


# One statement, so that audience, counts and marks are of one moment.
_KEPT = text(
    "SELECT g.no, g.audience, least(60, extract(epoch FROM CAST(:now AS timestamptz) - g.frozen_at)) AS seconds,"
    " c.state, c.code, c.status, c.words, coalesce(sum(c.number), 0) AS number,"
    " coalesce(sum(c.number) FILTER (WHERE c.at > :since), 0) AS lately"
    " FROM mailings g LEFT JOIN mailing_counts c ON c.mailing_no = g.no"
    " WHERE g.no = ANY(CAST(:nos AS bigint[])) AND g.workspace_id = :workspace_id AND g.audience > :always"
    " AND NOT EXISTS (SELECT FROM mailing_recounts r WHERE r.mailing_no = g.no)"
    " GROUP BY g.no, g.audience, g.frozen_at, c.state, c.code, c.status, c.words"
)
# 1,000,000 messages are counted in half a second to a whole one (two cores): only what is small, or was moved a moment ago.
_OVER_MESSAGES = text(
    "SELECT m.mailing_no AS no, 0 AS audience,"  # noqa: S608  no input in it
    " least(60, extract(epoch FROM CAST(:now AS timestamptz) - g.frozen_at)) AS seconds,"
    f" CASE WHEN m.state IN ('claimed', 'attempting') THEN 'pending' ELSE m.state END AS state, {REASON},"
    " count(*) AS number, count(*) FILTER (WHERE m.done_at > :since) AS lately"
    " FROM messages m JOIN mailings g ON g.no = m.mailing_no"
    " WHERE m.mailing_no = ANY(CAST(:nos AS bigint[])) AND m.workspace_id = :workspace_id"
    " GROUP BY 1, 3, 4, 5, 6, 7"
)


def count_ends(workspace_id: UUID, mailing_nos: Collection[int]) -> dict[int, Counted]:
    """How far these mailings of a workspace are and how their messages ended, each at one moment.

    Up to 20,000 people they are counted over the messages, beyond that read from what is kept as it happens.
    """
    now = clock.now()
    values = {
        "nos": list(mailing_nos), "workspace_id": workspace_id, "now": now, "since": now - LATELY, "always": shared.ALWAYS,
    }  # fmt: skip
    if not mailing_nos:
        return {}
    kept = _by_mailing(session().execute(_KEPT, values))
    found = {number: _with_waiting(rows) for number, rows in kept.items()}
    rest = [number for number in mailing_nos if number not in found]
    if rest:
        counted = _by_mailing(session().execute(_OVER_MESSAGES, values | {"nos": rest}))
        found |= {number: _as_counted(counted.get(number, [])) for number in rest}
    return found


def _by_mailing(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(row.no, []).append(row)
    return found


def _with_waiting(rows: list[Any]) -> Counted:
    """What has not ended waits."""
    ended = _ended(row for row in rows if row.state is not None and row.number)
    waiting = rows[0].audience - sum(one.number for one in ended)
    left = Ended(MessageState.PENDING, None, None, "", waiting, 0)
    return Counted((*ended, left), float(rows[0].seconds or 60))


def _as_counted(rows: list[Any]) -> Counted:
    seconds = float(rows[0].seconds or 60) if rows else 60.0
    return Counted(_ended(rows), seconds, sum(int(row.number) for row in rows))


def _ended(rows: Iterable[Any]) -> tuple[Ended, ...]:
    return tuple(
        Ended(MessageState(row.state), row.code, row.status, row.words or "", int(row.number), int(row.lately))
        for row in rows
    )


_LEAVINGS = text(
    "SELECT kind, count(*) FROM mailing_leavings WHERE mailing_no = :no AND workspace_id = :workspace_id GROUP BY kind"
)


def count_leavings(workspace_id: UUID, mailing_no: int) -> Mapping[Leaving, int]:
    """People who left within a week after a mailing, and who complained; both are there."""
    rows = session().execute(_LEAVINGS, {"no": mailing_no, "workspace_id": workspace_id})
    return {**dict.fromkeys(Leaving, 0), **{Leaving(kind): number for kind, number in rows}}


_LEFT = text(
    "SELECT mailing_no, count(*) FROM mailing_leavings WHERE mailing_no = ANY(CAST(:nos AS bigint[]))"
    " AND workspace_id = :workspace_id AND kind = 'left' GROUP BY mailing_no"
)


def count_left_of(workspace_id: UUID, mailing_nos: Collection[int]) -> dict[int, int]:
    """People who left within a week after these mailings; mailings after which nobody did are missing."""
    rows = session().execute(_LEFT, {"nos": list(mailing_nos), "workspace_id": workspace_id}) if mailing_nos else ()
    return {number: count for number, count in rows}  # noqa: C416  rows, not pairs


@dataclass(frozen=True, slots=True)
class Left:
    """Somebody who went; name and address are empty once erased."""

    n: int
    contact_id: UUID
    name: str
    address: str
    at: datetime


_WHO_LEFT = text(
    "SELECT l.n, m.contact_id, l.at FROM mailing_leavings l JOIN messages m ON m.mailing_no = l.mailing_no AND m.n = l.n"
    " WHERE l.mailing_no = :no AND l.kind = :kind AND l.workspace_id = :workspace_id AND l.n > :after"
    " ORDER BY l.n LIMIT :limit"
)


def list_leavings(
    workspace_id: UUID, mailing_no: int, kind: Leaving, cursor: str = "", limit: int = PAGE_ROWS
) -> Page[Left]:
    """The people of ``count_leavings``.

    Raises:
        BadRequest: not a cursor of ours.
    """
    values = {
        "no": mailing_no, "workspace_id": workspace_id, "kind": kind.value,
        "after": decode_cursor(cursor, int)[0] if cursor else 0, "limit": limit + 1,
    }  # fmt: skip
    rows = session().execute(_WHO_LEFT, values).all()
    shown = rows[:limit]
    known = contacts.find_recipients(workspace_id, [row.contact_id for row in shown])
    people = []
    for row in shown:
        contact, address = known.get(row.contact_id, (None, None))
        people.append(
            Left(row.n, row.contact_id, contact.name if contact else "", address.address if address else "", row.at)
        )
    return Page(people, encode_cursor(shown[-1].n) if len(rows) > limit else None)
