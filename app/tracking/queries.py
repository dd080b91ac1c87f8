"""Reads about signals."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, literal_column, select, text

from app.kernel import module
from app.kernel.db import once, session
from app.kernel.sampling import is_sampled
from app.tracking.models import (
    LastOpen,
    MailingOrder,
    MailingOrderSums,
    OwnSignalKind,
    Signal,
    SignalCount,
    SignalInbox,
    SignalReaders,
    TrackedMailing,
)
from app.tracking.rules.hits import Kind
from app.tracking.rules.kinds import SignalKind
from app.tracking.rules.verdicts import Reason, Verdict

OWN_ICON = "bolt"
DEVICES: Final = ("Computer", "Phone", "Tablet")
DEVICE_SQL: Final = (
    "CASE WHEN {program} ~* 'ipad|tablet|kindle|silk' THEN 'Tablet'"
    " WHEN {program} ~* 'iphone|android.*mobile|mobile' THEN 'Phone'"
    " WHEN {program} ~* 'windows|macintosh|x11|linux|cros' THEN 'Computer' ELSE '' END"
)
"""One of ``DEVICES``, as a reader's program calls itself; empty: it does not tell."""


@dataclass(frozen=True, slots=True)
class Mailing:
    """Where the links of a mailing lead."""

    mailing_no: int
    workspace_id: UUID
    links: tuple[str, ...]
    home_url: str


@dataclass(frozen=True, slots=True)
class PersonSignal:
    """One signal of a person; ``url`` is empty for an open, and what is about no letter has neither number."""

    event_id: UUID
    contact_id: UUID
    mailing_no: int | None
    n: int | None
    kind: str
    link: int
    url: str
    at: datetime
    verdict: Verdict
    reason: Reason
    program: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Readers:
    """How many people read a mailing by hand: who clicks has opened."""

    opened: int
    clicked: int


@dataclass(frozen=True, slots=True)
class Orders:
    """How many orders came of a mailing; revenue by currency, without those whose totals nobody could read."""

    count: int
    revenue: Mapping[str, Decimal]


NO_ORDERS: Final = Orders(0, {})


@dataclass(frozen=True, slots=True)
class Totals:
    """Signals of a mailing by verdict, and how many people stand behind those of people."""

    opens: Mapping[Verdict, int]
    clicks: Mapping[Verdict, int]
    people_opened: int
    """People with at least one open or click of their own: who clicks has opened."""
    people_clicked: int


@dataclass(frozen=True, slots=True)
class HourCount:
    """Signals of one kind within one hour (UTC)."""

    hour: datetime
    kind: Kind
    verdict: Verdict
    count: int


@dataclass(frozen=True, slots=True)
class LinkCount:
    """Clicks on one link."""

    index: int
    url: str
    counts: Mapping[Verdict, int]


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who opened or clicked, with their newest signal of that kind."""

    n: int
    contact_id: UUID
    last_at: datetime
    count: int


def find_mailing(mailing_no: int) -> Mailing | None:
    """The links of a mailing, whatever its workspace; only for holders of a token with its number."""
    row = session().execute(select(TrackedMailing).where(TrackedMailing.mailing_no == mailing_no))
    found = row.scalar_one_or_none()
    if found is None:
        return None
    return Mailing(found.mailing_no, found.workspace_id, tuple(found.links), found.home_url)


def sizes_of(mailing_nos: Collection[int]) -> dict[int, tuple[UUID, int]]:
    """Workspace and number of links of each of these mailings that was registered."""
    query = select(
        TrackedMailing.mailing_no, TrackedMailing.workspace_id, func.jsonb_array_length(TrackedMailing.links)
    ).where(TrackedMailing.mailing_no.in_(mailing_nos))
    return {number: (workspace_id, size) for number, workspace_id, size in session().execute(query)}


def totals(workspace_id: UUID, mailing_no: int) -> Totals:
    """The sums of a mailing; every verdict is there."""
    query = select(SignalCount.kind, SignalCount.verdict, func.sum(SignalCount.count)).where(
        SignalCount.workspace_id == workspace_id, SignalCount.mailing_no == mailing_no
    )
    sums = {kind: dict.fromkeys(Verdict, 0) for kind in Kind}
    for kind, verdict, count in session().execute(query.group_by(SignalCount.kind, SignalCount.verdict)):
        sums[Kind(kind)][Verdict(verdict)] = int(count)
    readers = count_readers(workspace_id, [mailing_no]).get(mailing_no, Readers(0, 0))
    return Totals(sums[Kind.OPEN], sums[Kind.CLICK], readers.opened, readers.clicked)


def count_readers(workspace_id: UUID, mailing_nos: Collection[int]) -> dict[int, Readers]:
    """Who read these mailings; those that nobody read may be missing."""
    query = (
        select(SignalReaders.mailing_no, func.sum(SignalReaders.opened), func.sum(SignalReaders.clicked))
        .where(SignalReaders.workspace_id == workspace_id, SignalReaders.mailing_no.in_(mailing_nos))
        .group_by(SignalReaders.mailing_no)
    )
    rows = session().execute(query) if mailing_nos else ()
    return {number: Readers(int(opened), int(clicked)) for number, opened, clicked in rows}


def by_hour(workspace_id: UUID, mailing_no: int) -> list[HourCount]:
    """Signals over time, hours without any left out, earliest first."""
    query = (
        select(SignalCount.hour, SignalCount.kind, SignalCount.verdict, func.sum(SignalCount.count))
        .where(SignalCount.workspace_id == workspace_id, SignalCount.mailing_no == mailing_no)
        .group_by(SignalCount.hour, SignalCount.kind, SignalCount.verdict)
        .having(func.sum(SignalCount.count) > 0)
        .order_by(SignalCount.hour, SignalCount.kind, SignalCount.verdict)
    )
    return [
        HourCount(hour, Kind(kind), Verdict(verdict), int(count))
        for hour, kind, verdict, count in session().execute(query)
    ]


# The links are a long list: they are read once, with all of their counts beside them.
_BY_LINK: Final = text(
    "SELECT t.links, (SELECT coalesce(jsonb_agg(jsonb_build_array(k.link, k.verdict, k.clicks)), '[]') FROM (SELECT link, verdict,"
    " sum(count) AS clicks FROM signal_counts WHERE workspace_id = :workspace_id AND mailing_no = :no AND kind = 'click'"
    " AND link >= 0 GROUP BY link, verdict) AS k) AS counts"
    " FROM tracked_mailings t WHERE t.mailing_no = :no AND t.workspace_id = :workspace_id"
)


def by_link(workspace_id: UUID, mailing_no: int) -> list[LinkCount]:
    """Clicks on each link in the order of the mailing, those without any too; not the one that no person sees."""
    found = session().execute(_BY_LINK, {"workspace_id": workspace_id, "no": mailing_no}).one_or_none()
    if found is None:
        return []
    sums = [dict.fromkeys(Verdict, 0) for _ in found.links]
    for index, verdict, count in found.counts:
        sums[index][Verdict(verdict)] = int(count)
    return [LinkCount(index, url, sums[index]) for index, url in enumerate(found.links)]


def count_orders(workspace_id: UUID, mailing_nos: Collection[int]) -> dict[int, Orders]:
    """What was ordered because of these mailings; those without an order are missing."""
    sums = MailingOrderSums
    query = (
        select(sums.mailing_no, sums.currency, func.sum(sums.orders), func.sum(sums.amount))
        .where(sums.workspace_id == workspace_id, sums.mailing_no.in_(mailing_nos))
        .group_by(sums.mailing_no, sums.currency)
        .having(func.sum(sums.orders) > 0)
        .order_by(sums.mailing_no, sums.currency)
    )
    orders: Counter[int] = Counter()
    revenue: dict[int, dict[str, Decimal]] = defaultdict(dict)
    for number, currency, count, amount in session().execute(query) if mailing_nos else ():
        orders[number] += int(count)
        if currency is not None and amount is not None:
            revenue[number][currency] = amount
    return {number: Orders(count, revenue[number]) for number, count in orders.items()}


@dataclass(frozen=True, slots=True)
class Buyer:
    """Somebody who ordered because of a mailing, with their newest order; ``totals``: amount and currency, one of each."""

    n: int
    contact_id: UUID
    last_at: datetime
    count: int
    totals: Sequence[tuple[Decimal, str]]


_BUYERS: Final = text(
    "SELECT n, contact_id, max(last_at) AS last_at, sum(orders)::bigint AS orders, array_agg(sum::text || ' ' || currency"
    " ORDER BY currency) FILTER (WHERE currency IS NOT NULL) AS totals FROM (SELECT n, contact_id, currency, max(at) AS last_at,"
    " count(*) AS orders, sum(amount) AS sum FROM mailing_orders WHERE mailing_no = :no AND workspace_id = :workspace_id"
    " AND n > :after AND (CAST(:currency AS text) = '' OR currency = :currency) GROUP BY n, contact_id, currency) AS o"
    " GROUP BY n, contact_id ORDER BY n LIMIT :limit"
)


def list_buyers(workspace_id: UUID, mailing_no: int, currency: str = "", *, after_n: int = 0, limit: int = 50) -> list[Buyer]:
    """Who ordered because of a mailing (in one currency), by their number in it, from after ``after_n`` on."""
    values = {"workspace_id": workspace_id, "no": mailing_no, "currency": currency, "after": after_n, "limit": limit}
    return [
        Buyer(row.n, row.contact_id, row.last_at, row.orders, [_money(one) for one in row.totals or []])
        for row in session().execute(_BUYERS, values)
    ]


def _money(told: str) -> tuple[Decimal, str]:
    amount, currency = told.split()
    return Decimal(amount), currency


def find_mailings_of_orders(workspace_id: UUID, contact_id: UUID) -> dict[UUID, str]:
    """Because of which mail a person ordered, by the order's event."""
    query = select(MailingOrder.event_id, MailingOrder.mailing_no, MailingOrder.n).where(
        MailingOrder.workspace_id == workspace_id, MailingOrder.contact_id == contact_id
    )
    return {event_id: f"{number}-{n}" for event_id, number, n in session().execute(query)}


LINKS_OF_ONE = 10_000
"""More than a mailing has links: a link over all mailings is one number."""


def link_number(mailing_no: int, index: int) -> int:
    """A link as one number."""
    return mailing_no * LINKS_OF_ONE + index


def link_of(number: int) -> tuple[int, int]:
    """The mailing and the index of a link's number."""
    return divmod(number, LINKS_OF_ONE)


def list_links(workspace_id: UUID) -> list[tuple[int, list[str]]]:
    """The links of each mailing of a workspace, the newest mailing first."""
    query = select(TrackedMailing.mailing_no, TrackedMailing.links).where(TrackedMailing.workspace_id == workspace_id)
    return [(number, links) for number, links in session().execute(query.order_by(TrackedMailing.mailing_no.desc()))]


def list_readers(
    workspace_id: UUID, mailing_no: int, kind: Kind | None = None, *, verdict: Verdict = Verdict.HUMAN,
    link: int | None = None, device: str = "", after_n: int = 0, limit: int = 50,
) -> list[Reader]:
    """People behind the signals of people (or of ``verdict``), by their number in the mailing, from after ``after_n`` on.

    Without a kind: whoever opened or clicked. With a link: who clicked that one; with a device: who did it there.
    """
    query = (
        select(Signal.n, Signal.contact_id, func.max(Signal.at), func.count())
        .where(*_of_people(workspace_id, mailing_no, kind, verdict), Signal.n > after_n, *_on(link), *_with(device))
        .group_by(Signal.n, Signal.contact_id)
        .order_by(Signal.n)
        .limit(limit)
    )
    return [
        Reader(n, contact_id, last_at, count)
        for n, contact_id, last_at, count in session().execute(query)
        if n is not None and contact_id is not None
    ]


def _on(link: int | None) -> tuple[ColumnElement[bool], ...]:
    return () if link is None else (Signal.link == link,)


def _with(device: str) -> tuple[ColumnElement[bool], ...]:
    return (literal_column(DEVICE_SQL.format(program="program")) == device,) if device else ()


def _of_people(
    workspace_id: UUID, mailing_no: int, kind: Kind | None, verdict: Verdict
) -> tuple[ColumnElement[bool], ...]:
    return (
        Signal.workspace_id == workspace_id,
        Signal.mailing_no == mailing_no,
        Signal.n.is_not(None),
        Signal.kind.in_([kind] if kind else list(Kind)),
        Signal.verdict == verdict,
    )


def list_signals(
    workspace_id: UUID,
    contact_id: UUID,
    *,
    before: datetime | None = None,
    verdict: Verdict | None = None,
    limit: int = 50,
) -> list[PersonSignal]:
    """A person's signals, newest first."""
    query = _person_signals().where(Signal.workspace_id == workspace_id, Signal.contact_id == contact_id)
    if before is not None:
        query = query.where(Signal.at < before)
    if verdict is not None:
        query = query.where(Signal.verdict == verdict)
    rows = session().execute(query.order_by(Signal.at.desc(), Signal.event_id.desc()).limit(limit))
    return [_person_signal(signal, links) for signal, links in rows]


def find_last_open(workspace_id: UUID, contact_id: UUID) -> date | None:
    """The day of a person's last open, where that is all they let us keep."""
    query = select(LastOpen.day).where(
        LastOpen.workspace_id == workspace_id, LastOpen.contact_id == contact_id
    )
    return session().execute(query).scalar_one_or_none()


def count_by_verdict(workspace_id: UUID, contact_id: UUID) -> dict[Verdict, int]:
    """A person's signals by who made them; every verdict is there."""
    query = select(Signal.verdict, func.count()).where(
        Signal.workspace_id == workspace_id, Signal.contact_id == contact_id
    )
    found = session().execute(query.group_by(Signal.verdict))
    return {**dict.fromkeys(Verdict, 0), **{Verdict(verdict): count for verdict, count in found}}


def _person_signals() -> Select[Signal, list[str] | None]:
    return select(Signal, TrackedMailing.links).outerjoin(
        TrackedMailing, TrackedMailing.mailing_no == Signal.mailing_no
    )


def _person_signal(signal: Signal, known: list[str] | None) -> PersonSignal:
    assert signal.contact_id is not None
    links = known or []
    return PersonSignal(
        signal.event_id, signal.contact_id, signal.mailing_no, signal.n, signal.kind, signal.link,
        links[signal.link] if 0 <= signal.link < len(links) else "", signal.at, Verdict(signal.verdict),
        Reason(signal.reason), signal.program or "", signal.data or {},
    )  # fmt: skip


_HUMAN = text(
    "SELECT contact_id, kind, at FROM signals WHERE workspace_id = :workspace_id AND contact_id IS NOT NULL"
    " AND contact_id = ANY(CAST(:ids AS uuid[])) AND verdict = 'human'"
    " ORDER BY contact_id, at"
)


def iter_human_signals(
    workspace_id: UUID, contact_ids: Collection[UUID]
) -> Iterator[tuple[UUID, str, datetime]]:
    """Contact, kind and time of these people's signals, one person after the other; streamed."""
    values = {"workspace_id": workspace_id, "ids": sorted(contact_ids)}
    rows = session().execute(_HUMAN, values, execution_options={"yield_per": 5000})
    yield from (tuple(row) for row in rows)


@dataclass(frozen=True, slots=True)
class Decayed:
    """What somebody did of one kind: how often, when last, and the sum where each is worth 1, and half after each half-life."""

    count: int
    last_at: datetime
    worth: float


# Less than 2^-1000 is out of the range of the power, and nothing beside anything else.
_DECAYED: Final = text(
    "SELECT kind, count(*) AS times, max(at) AS last_at, sum(power(2::float8, greatest(-1000,"
    " CAST(extract(epoch FROM at - CAST(:now AS timestamptz)) AS float8) / 86400 / :half_life_days))) AS worth FROM signals"
    " WHERE workspace_id = :workspace_id AND contact_id = :contact_id AND verdict = 'human'"
    " AND (CAST(:until AS timestamptz) IS NULL OR at <= CAST(:until AS timestamptz)) GROUP BY kind"
)


def decayed_by_kind(
    workspace_id: UUID, contact_id: UUID, now: datetime, half_life_days: int, *, until: datetime | None = None
) -> dict[str, Decayed]:
    """All that a person did by hand (up to a moment), by kind; kinds without any are missing."""
    values = {
        "workspace_id": workspace_id, "contact_id": contact_id, "now": now, "half_life_days": half_life_days, "until": until,
    }  # fmt: skip
    return {row.kind: Decayed(row.times, row.last_at, row.worth) for row in session().execute(_DECAYED, values)}


def worth_since_sql(
    kinds: str, *, weight: str, since: str, now: str, half_life: str, only_sampled: bool = False
) -> str:
    """SQL that gives (contact_id, worth): what people of ``:workspace_id`` did by hand after a moment, worth now.

    Args:
        kinds: what stands in FROM for the kinds that count, called ``k`` with their name in ``kind``.
        weight: expression of what one is worth when it happens.
        since: expression of the moment.
        now: expression of the other moment.
        half_life: expression of the days after which half of it is left.
        only_sampled: of one person in ``sampling.ONE_IN`` only.
    """
    only = f" AND {is_sampled('s.contact_id')}" if only_sampled else ""
    days = f"CAST(extract(epoch FROM s.at - CAST({now} AS timestamptz)) AS float8) / 86400"
    return (
        f"SELECT s.contact_id, sum({weight} * power(2::float8, greatest(-1000, {days} / {half_life}))) AS worth"  # noqa: S608  of declarations
        f" FROM signals s JOIN {kinds} ON k.kind = s.kind WHERE s.workspace_id = :workspace_id AND s.contact_id IS NOT NULL"
        f" AND s.verdict = 'human' AND s.at > CAST({since} AS timestamptz){only} GROUP BY s.contact_id"
    )


HABIT_WITHIN: Final = timedelta(days=180)
"""Links that were followed longer ago say nothing of somebody's habit."""
HABIT_CLICKS: Final = 3
"""So many make a habit."""
USUAL_CLICKS: Final = 20
"""So many of everybody's make a usual hour."""
_HABITS: Final = (
    "SELECT k.contact_id, (array_agg(k.hour ORDER BY k.clicks DESC, k.hour))[1] AS hour FROM ("  # noqa: S608  no input in it
    " SELECT s.contact_id, CAST(extract(hour FROM s.at AT TIME ZONE z.zone) AS integer) AS hour, count(*) AS clicks"
    " FROM signals s JOIN ({people}) AS z ON z.contact_id = s.contact_id WHERE s.workspace_id = :workspace_id"
    " AND s.contact_id IS NOT NULL AND s.at > :habits_since AND s.kind = 'click' AND s.verdict = 'human'"
    f" GROUP BY s.contact_id, 2) AS k GROUP BY k.contact_id HAVING sum(k.clicks) >= {HABIT_CLICKS}"
)
_USUAL = text(
    "SELECT CAST(extract(hour FROM hour AT TIME ZONE :zone) AS integer) AS at, sum(count) AS clicks FROM signal_counts"
    " WHERE workspace_id = :workspace_id AND hour > :since AND kind = 'click' AND verdict = 'human'"
    " GROUP BY 1 ORDER BY 2 DESC, 1"
)


def habits_sql(people: str) -> str:
    """SQL that gives (contact_id, hour): at which hour of their own clock people follow links by hand most often.

    Args:
        people: SQL that gives (contact_id, zone); no input in it.

    It binds ``workspace_id`` and ``habits_since``. Whoever followed fewer than ``HABIT_CLICKS`` is not in it.
    """
    return _HABITS.replace("{people}", people)


def usual_hour(workspace_id: UUID, zone: str, now: datetime) -> int | None:
    """At which hour by a clock of that zone most links of a workspace are followed by hand; None: too few were."""
    values = {"workspace_id": workspace_id, "zone": zone, "since": now - HABIT_WITHIN}
    rows = session().execute(_USUAL, values).all()
    return rows[0].at if sum(row.clicks for row in rows) >= USUAL_CLICKS else None


# From person to person down ix_signals_contact of all months. As a DISTINCT with a limit it reads all signals for each
# page where the planner has no statistics of the whole table, and of one that is cut by month nobody gathers them.
_NEXT = text(
    "WITH RECURSIVE found AS ((SELECT contact_id FROM signals WHERE workspace_id = :workspace_id AND contact_id > :after"
    " ORDER BY contact_id LIMIT 1) UNION ALL SELECT (SELECT s.contact_id FROM signals s WHERE s.workspace_id = :workspace_id"
    " AND s.contact_id > f.contact_id ORDER BY s.contact_id LIMIT 1) FROM found f WHERE f.contact_id IS NOT NULL)"
    " SELECT contact_id FROM found WHERE contact_id IS NOT NULL LIMIT :limit"
)


def next_people(workspace_id: UUID, after: UUID, limit: int) -> list[UUID]:
    """People with signals of their own, by their ids, from behind ``after`` on."""
    values = {"workspace_id": workspace_id, "after": after, "limit": limit}
    return list(session().execute(_NEXT, values).scalars())


def count_people(workspace_id: UUID) -> int:
    """How many people have signals of their own."""
    query = select(func.count(Signal.contact_id.distinct())).where(
        Signal.workspace_id == workspace_id, Signal.contact_id.is_not(None)
    )
    return session().execute(query).scalar_one()


def declared_kinds() -> dict[str, SignalKind]:
    """Every kind of signal that a manifest offers, by its name."""
    return {kind.name: kind for found in module.installed() for kind in found.signal_kinds}


def signal_kinds(workspace_id: UUID) -> dict[str, SignalKind]:
    """Those, and then the workspace's own in the order of their labels."""
    return once(kinds_key(workspace_id), lambda: _signal_kinds(workspace_id))


def kinds_key(workspace_id: UUID) -> Hashable:
    """Under which a transaction remembers ``signal_kinds``."""
    return ("tracking.kinds", workspace_id)


def _signal_kinds(workspace_id: UUID) -> dict[str, SignalKind]:
    own = {
        found.kind: SignalKind(found.kind, found.label, OWN_ICON, is_told=True) for found in list_own_kinds(workspace_id)
    }
    return {**declared_kinds(), **own}


def list_own_kinds(workspace_id: UUID) -> Sequence[OwnSignalKind]:
    """What the workspace's programs have told of, archived ones too."""
    query = select(OwnSignalKind).where(OwnSignalKind.workspace_id == workspace_id)
    return session().execute(query.order_by(OwnSignalKind.label, OwnSignalKind.kind)).scalars().all()


@dataclass(frozen=True, slots=True)
class KindCount:
    """Signals of a kind since a moment, and the newest of them."""

    count: int
    last_at: datetime | None


def count_kinds(workspace_id: UUID, since: datetime) -> dict[str, KindCount]:
    """Signals of people that are about no letter, by kind; kinds without any are missing."""
    query = (
        select(Signal.kind, func.count(), func.max(Signal.at))
        .where(
            Signal.workspace_id == workspace_id,
            Signal.contact_id.is_not(None),
            Signal.mailing_no.is_(None),
            Signal.at >= since,
        )
        .group_by(Signal.kind)
    )
    return {kind: KindCount(count, last_at) for kind, count, last_at in session().execute(query)}


@dataclass(frozen=True, slots=True)
class Underway:
    """Hits that were answered and are not in the tables.

    Attributes:
        inbox: waiting in PostgreSQL.
        missing: answered, and neither taken in nor waiting in PostgreSQL. What Redis or the spool hold is among them.
    """

    inbox: int
    missing: int


# Gaps show only below the highest number that has arrived; ``answered`` tells of what came after it.
_MISSING = text(
    "SELECT coalesce(sum(greatest(s.answered, coalesce(upper(s.arrived) - 1, 0)) - coalesce((SELECT"
    " sum(upper(r) - lower(r)) FROM unnest(s.arrived) AS r), 0)), 0) FROM signal_sources s"
)


def underway() -> Underway:
    """What is on its way or lost, over the whole installation."""
    inbox = session().execute(select(func.count()).select_from(SignalInbox)).scalar_one()
    missing = int(session().execute(_MISSING).scalar_one())
    return Underway(inbox, max(0, missing - inbox))
