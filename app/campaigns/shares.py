"""A mailing by receivers, languages, countries and devices: what each of them took, opened and clicked.

Of a small mailing it is counted for whoever looks; of a large one by a job, some time after it has changed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, delete, select, text
from sqlalchemy.dialects.postgresql import insert

from app.campaigns import queries
from app.campaigns.models import CampaignCounting, CampaignShare
from app.contacts import queries as contacts
from app.contacts.rules import FieldKind
from app.kernel import clock, shared
from app.kernel.db import release, session, transaction
from app.tracking import queries as tracking

JOB: Final = "campaigns.part"
SHOWN: Final = 10
"""The largest; all others stand in one line."""
OTHERS: Final = "others"
PROGRAMS_FOR: Final = timedelta(days=30)
"""So long programs are remembered, and after that nobody knows what was read with."""
FRESH_FOR: Final = timedelta(minutes=1)
PAUSES: Final = 30
"""For each second that counting took: so at most a thirtieth of a core is spent on a mailing."""
LOOKED_AT_FOR: Final = timedelta(days=90)
WORK_SECONDS: Final = 20.0
LOCK: Final = 0x6E6F646C6F6F6B


class By(StrEnum):
    """What a mailing is parted by."""

    DOMAIN = "domain"
    LANGUAGE = "language"
    """Of the people as they are known now; only of a mailing that went out in several."""
    COUNTRY = "country"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Share:
    """The people of one part; ``value`` is empty where it is not known, OTHERS for all that are not shown.

    Of devices ``people`` are those who read with it, and nothing was sent to one.
    """

    value: str
    people: int
    sent: int
    failed: int
    opened: int
    clicked: int


@dataclass(frozen=True, slots=True)
class Shares:
    """All parts; ``counted_at``: None where they are of this moment."""

    parts: Mapping[By, Sequence[Share]]
    counted_at: datetime | None = None
    is_known: bool = True
    """False: a large mailing that nobody has counted yet."""

    def of(self, by: By) -> Sequence[Share]:
        """Those of one kind, the largest first."""
        return self.parts.get(by, ())


# 1,000,000 messages and 1,430,000 signals: receivers and devices together in 3.2 to 4.6 s (two busy cores).
_READERS: Final = (
    "SELECT n, bool_or(kind = 'click') AS has_clicked FROM signals WHERE workspace_id = :workspace_id"
    " AND mailing_no = :no AND n IS NOT NULL AND verdict = 'human' AND kind IN ('open', 'click') GROUP BY n"
)
_PART: Final = (
    "SELECT {value} AS value, count(*) AS people,"
    " count(*) FILTER (WHERE m.state IN ('sent', 'bounced', 'complained')) AS sent,"
    " count(*) FILTER (WHERE m.state IN ('failed', 'expired', 'poison', 'bounced')) AS failed,"
    " count(r.n) AS opened, count(*) FILTER (WHERE r.has_clicked) AS clicked"
    " FROM messages m LEFT JOIN readers r ON r.n = m.n{join}"
    " WHERE m.mailing_no = :no AND m.workspace_id = :workspace_id{only} GROUP BY 1"
)
_SHOWN: Final = (
    "WITH readers AS ({readers}), parts AS ({parts}), placed AS (SELECT p.*,"
    " least(row_number() OVER (ORDER BY p.people DESC, p.value), :shown + 1) AS place FROM parts p)"
    " SELECT place, CASE WHEN place > :shown THEN :others ELSE min(value) END AS value, sum(people)::bigint AS people,"
    " sum(sent)::bigint AS sent, sum(failed)::bigint AS failed, sum(opened)::bigint AS opened,"
    " sum(clicked)::bigint AS clicked FROM placed GROUP BY place ORDER BY place"
)
_DOMAIN: Final = _PART.format(value="coalesce(m.domain_group, '')", join="", only="")
_LANGUAGE: Final = _PART.format(
    value="coalesce(c.language, '')",
    join=" LEFT JOIN contacts c ON c.id = m.contact_id AND c.workspace_id = m.workspace_id",
    # Asked once, before anything is read: most mailings are in one language.
    only=" AND (SELECT v.translations IS NOT NULL FROM mailings g JOIN letter_versions v ON v.id = g.content_version_id"
    " WHERE g.no = :no)",
)
_COUNTRY: Final = _PART.format(
    value="upper(coalesce(c.fields ->> :country, ''))",
    join=" LEFT JOIN contacts c ON c.id = m.contact_id AND c.workspace_id = m.workspace_id",
    only="",
)
_DEVICE: Final = (
    "SELECT value, count(DISTINCT n) AS people, 0 AS sent, 0 AS failed, count(DISTINCT n) AS opened,"  # noqa: S608  no input in it
    " count(DISTINCT n) FILTER (WHERE kind = 'click') AS clicked FROM (SELECT n, kind,"
    f" {tracking.DEVICE_SQL.format(program='program')} AS value"
    " FROM signals WHERE workspace_id = :workspace_id AND mailing_no = :no AND n IS NOT NULL AND verdict = 'human'"
    " AND kind IN ('open', 'click') AND program IS NOT NULL) AS read_with GROUP BY value"
)
_STATEMENTS: Final = {
    by: text(_SHOWN.format(readers=_READERS, parts=parts))
    for by, parts in ((By.DOMAIN, _DOMAIN), (By.LANGUAGE, _LANGUAGE), (By.COUNTRY, _COUNTRY), (By.DEVICE, _DEVICE))
}


def find(workspace_id: UUID, mailing_no: int, audience: int, frozen_at: datetime | None) -> Shares:
    """The parts of a mailing to so many people."""
    if audience <= shared.ALWAYS:
        return Shares(_count(workspace_id, mailing_no, frozen_at))
    look = session().get(CampaignCounting, mailing_no)
    if look is None or look.workspace_id != workspace_id:
        return Shares({}, is_known=False)
    query = select(CampaignShare).where(
        CampaignShare.workspace_id == workspace_id, CampaignShare.mailing_no == mailing_no
    )
    parts: dict[By, list[Share]] = {}
    for row in session().execute(query.order_by(CampaignShare.by, CampaignShare.place)).scalars():
        parts.setdefault(By(row.by), []).append(_share(row))
    return Shares(parts, look.counted_at)


def country_field(workspace_id: UUID) -> str | None:
    """The key of the workspace's own field that holds a person's country; None: it has none."""
    kinds = contacts.field_kinds(workspace_id)
    return next((key for key, kind in kinds.items() if kind == FieldKind.COUNTRY), None)


def _share(row: CampaignShare | Row[Any]) -> Share:
    return Share(row.value, row.people, row.sent, row.failed, row.opened, row.clicked)


def _count(workspace_id: UUID, mailing_no: int, frozen_at: datetime | None) -> dict[By, list[Share]]:
    values: dict[str, Any] = {"workspace_id": workspace_id, "no": mailing_no, "shown": SHOWN, "others": OTHERS}
    wanted = [By.DOMAIN, By.LANGUAGE]
    country = country_field(workspace_id)
    if country is not None:
        wanted.append(By.COUNTRY)
        values["country"] = country
    if frozen_at is not None and clock.now() - frozen_at <= PROGRAMS_FOR:
        wanted.append(By.DEVICE)
    return {by: [_share(row) for row in session().execute(_STATEMENTS[by], values)] for by in wanted}


# --- Of large mailings -------------------------------------------------------------------------------------------

# Of a mailing that nobody has gathered statistics of PostgreSQL expects next to nobody, and loops over what it should hash.
_AS_SETS = text("SET LOCAL enable_nestloop = off; SET LOCAL work_mem = '64MB'")
_LARGE = text(
    "SELECT g.no, g.workspace_id, g.frozen_at, l.counted_at, l.seconds, l.basis FROM mailings g"
    " LEFT JOIN campaign_countings l ON l.mailing_no = g.no WHERE g.kind = 'bulk' AND g.audience > :always"
    " AND g.frozen_at > :since ORDER BY l.counted_at NULLS FIRST, g.no"
)


def run() -> None:
    """Count the parts of large mailings that have changed since, and rested for long enough; a job."""
    until = time.monotonic() + WORK_SECONDS
    with transaction():
        values = {"always": shared.ALWAYS, "since": clock.now() - LOOKED_AT_FOR}
        large = session().execute(_LARGE, values).all()
    for row in large:
        if time.monotonic() < until:
            with transaction():
                _look(row)
    release()


def _look(row: Row[Any]) -> None:
    now = clock.now()
    if row.counted_at is not None and now < row.counted_at + max(FRESH_FOR, timedelta(seconds=PAUSES * row.seconds)):
        return
    basis = _basis(row.workspace_id, row.no)
    if basis == row.basis or not session().execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": LOCK}).scalar():
        return
    began = time.monotonic()
    session().execute(_AS_SETS)
    parts = _count(row.workspace_id, row.no, row.frozen_at)
    session().execute(delete(CampaignShare).where(CampaignShare.mailing_no == row.no))
    rows = [
        {"mailing_no": row.no, "by": by.value, "place": place, "workspace_id": row.workspace_id, "value": one.value,
         "people": one.people, "sent": one.sent, "failed": one.failed, "opened": one.opened, "clicked": one.clicked}
        for by, found in parts.items() for place, one in enumerate(found, 1)
    ]  # fmt: skip
    if rows:
        session().execute(insert(CampaignShare), rows)
    look = {"counted_at": now, "seconds": time.monotonic() - began, "basis": basis}
    made = insert(CampaignCounting).values(mailing_no=row.no, workspace_id=row.workspace_id, **look)
    session().execute(made.on_conflict_do_update(index_elements=[CampaignCounting.mailing_no], set_=look))


def _basis(workspace_id: UUID, mailing_no: int) -> str:
    """All sums that the parts depend on, and the field that says countries."""
    words = queries.count_ends(workspace_id, [mailing_no])[mailing_no].words
    read = tracking.count_readers(workspace_id, [mailing_no]).get(mailing_no)
    return f"{sorted(words.items())} {read} {country_field(workspace_id)}"
