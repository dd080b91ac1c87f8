"""Feeds in letters: fetched when somebody looks or a series is due, kept, and shown from what was kept.

Fetching needs no transaction; keeping what came of it is one. A letter holds the entries it shows in its blocks, so its
preview, its review and its version are the same, and a feed that is away changes nothing in any of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, delete, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from app.content import queries, syndication
from app.content.blocks import entries
from app.content.blocks.entries import Wish
from app.content.blocks.writing import Block
from app.content.models import Feed, FeedEntry, FeedMark, Letter
from app.kernel import clock, outgoing
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict
from app.kernel.ids import uuid7

OCTETS: Final = 4 * 1024 * 1024
SECONDS: Final = 8.0
"""For each step of its server, and three times that for everything."""
MOST_FEEDS: Final = 300
_LEFT_OUT: Final = text(
    "INSERT INTO feed_marks (series_id, feed_id, key, workspace_id, letter_id, is_shown, at)"
    " SELECT :series_id, e.feed_id, e.key, e.workspace_id, :letter_id, false, :at FROM feed_entries e"
    " WHERE e.workspace_id = :workspace_id AND e.feed_id = :feed_id AND e.first_seen_at <= :until ON CONFLICT DO NOTHING"
)
_TURN: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('feed_marks ' || :series, 0))")
_TAKEN: Final = "An entry of its feed was in an earlier issue. Look at the feed now, so that this letter shows others."


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of asking for a feed: the feed, or why there is none, in words."""

    feed: syndication.Feed | None
    fault: str = ""


def fetch_feed(address: str) -> Fetched:
    """Ask a public web server for a feed; takes up to half a minute, and no transaction should be open meanwhile."""
    try:
        answer = outgoing.get(address, most=OCTETS, seconds=SECONDS)
        if answer.status != 200:
            return Fetched(None, _status_words(answer.status))
        return Fetched(syndication.read(answer.body, address, answer.content_type))
    except (outgoing.NotSent, syndication.NotAFeed) as fault:
        return Fetched(None, str(fault))


def keep_feed(workspace_id: UUID, address: str, fetched: Fetched) -> None:
    """Keep what was fetched in place of what was known; where nothing came of it, what was known stays with the reason.

    Two who keep the same feed wait for each other.

    Raises:
        BadInput: there are too many feeds in this workspace.
    """
    if fetched.feed is None:
        known = update(Feed).where(Feed.workspace_id == workspace_id, Feed.address == address)
        session().execute(known.values(fault=fetched.fault, looked_at=clock.now()))
        return
    count = select(func.count()).select_from(Feed).where(Feed.workspace_id == workspace_id)
    if find_feed(workspace_id, address) is None and session().execute(count).scalar_one() >= MOST_FEEDS:
        raise BadInput(f"Letters of one workspace show at most {MOST_FEEDS} feeds.")
    told = {"title": fetched.feed.title, "fetched_at": clock.now(), "looked_at": clock.now(), "fault": ""}
    new = insert(Feed).values(id=uuid7(), workspace_id=workspace_id, address=address, **told)
    statement = new.on_conflict_do_update(index_elements=["workspace_id", "address"], set_=told).returning(Feed.id)
    _keep_entries(workspace_id, session().execute(statement).scalar_one(), fetched.feed.entries)


def find_feed(workspace_id: UUID, address: str) -> Feed | None:
    """A feed that could be read at least once."""
    query = select(Feed).where(Feed.workspace_id == workspace_id, Feed.address == address)
    return session().execute(query.execution_options(populate_existing=True)).scalar_one_or_none()


def refilled(letter: Letter, blocks: Sequence[Block], faults: Mapping[str, str] | None = None) -> list[Block]:
    """The blocks with the newest entries that were kept; of a letter of a series without those of its earlier letters.

    Args:
        letter: whose blocks they are.
        blocks: in their order.
        faults: why the last look at an address failed, for those of which nothing was ever kept.
    """
    return entries.fill(blocks, lambda wish: _shown(letter, wish, (faults or {}).get(wish.address)))


def feed_addresses(letter: Letter) -> list[str]:
    """The addresses of all feeds that a letter shows, each once."""
    return list(dict.fromkeys(wish.address for wish in _wishes(letter)))


def count_entries(letter: Letter) -> int:
    """How many entries of feeds stand in a letter."""
    return sum(len(wish.rows) for wish in _wishes(letter))


def feeds_fetched_at(letter: Letter) -> datetime | None:
    """When the feed of a letter was fetched whose last fetching is longest ago; None: it shows none that ever was."""
    addresses = [wish.address for wish in _wishes(letter)]
    query = select(func.min(Feed.fetched_at)).where(Feed.workspace_id == letter.workspace_id, Feed.address.in_(addresses))
    return session().execute(query).scalar_one() if addresses else None


def fetch_faults(letter: Letter) -> list[str]:
    """Why the last look at feeds of a letter failed."""
    return list(dict.fromkeys(fault for wish in _wishes(letter) if (fault := str(wish.shown.get("fault") or ""))))


def feed_faults(letter: Letter) -> list[tuple[str, str]]:
    """Severity and words of what is wrong with the feeds of a letter; an error keeps it from being sent."""
    found = [told for wish in _wishes(letter) if (told := entries.wrong(wish.shown, wish.address))]
    if letter.series_id is not None and _taken(letter.series_id, letter):
        found.append(("error", _TAKEN))
    return list(dict.fromkeys(found))


def mark_entries(workspace_id: UUID, letter_ids: Sequence[UUID]) -> None:
    """Say that letters of a series are launched together with what they show; all that their feeds held then is no longer new.

    The unique key is (series, feed, entry): of two that would show the same entry one is launched. Launches of one series wait
    for each other, since two that cross in what they mark would otherwise do so for ever.

    Args:
        workspace_id: whose they are.
        letter_ids: a campaign's letter, under which all is marked, then those of its variants; translations go out with them.

    Raises:
        Conflict: an entry was in an earlier letter of the series.
    """
    if not _is_turn(workspace_id, letter_ids[0]):
        return
    for letter_id in letter_ids:
        for letter in (queries.get_letter(workspace_id, letter_id), *queries.list_translations(workspace_id, letter_id)):
            for feed_id, wish in _by_feed(letter):
                _mark(letter, letter_ids[0], feed_id, wish)


def unmark_entries(workspace_id: UUID, letter_id: UUID) -> None:
    """Take back what stands under a campaign's letter: nothing of it has left."""
    if _is_turn(workspace_id, letter_id):
        session().execute(delete(FeedMark).where(FeedMark.workspace_id == workspace_id, FeedMark.letter_id == letter_id))


def _is_turn(workspace_id: UUID, letter_id: UUID) -> bool:
    """Whether a letter is of a series; nobody else marks entries in it from then on, until the transaction ends."""
    series_id = queries.get_letter(workspace_id, letter_id).series_id
    if series_id is not None:
        session().execute(_TURN, {"series": str(series_id)})
    return series_id is not None


def _status_words(status: int) -> str:
    if status in {404, 410}:
        return f"There is nothing at this address ({status}). Copy it once more from your website."
    if status in {401, 403}:
        return f"This address is not open to everybody ({status}). Take one that opens without signing in."
    return f"Its server answered {status} in place of the feed. Try again later."


def _keep_entries(workspace_id: UUID, feed_id: UUID, found: Sequence[syndication.Entry]) -> None:
    keys = [one.key for one in found]
    gone = delete(FeedEntry).where(FeedEntry.workspace_id == workspace_id, FeedEntry.feed_id == feed_id)
    session().execute(gone.where(FeedEntry.key.not_in(keys)))
    if not found:
        return
    now = clock.now()
    rows = [
        {
            "feed_id": feed_id, "key": one.key, "workspace_id": workspace_id, "place": place, "title": one.title,
            "summary": one.summary, "link": one.link, "picture": one.picture,
            "published_at": one.at if one.at is None or one.at <= now else now, "first_seen_at": now,
        }
        for place, one in enumerate(found)
    ]  # fmt: skip
    new = insert(FeedEntry).values(rows)
    changed = {name: new.excluded[name] for name in ("place", "title", "summary", "link", "picture")}
    session().execute(new.on_conflict_do_update(index_elements=["feed_id", "key"], set_=changed))


def _wishes(letter: Letter) -> list[Wish]:
    return entries.wishes([Block.of(one) for one in letter.blocks or ()])


def _shown(letter: Letter, wish: Wish, fault: str | None) -> Mapping[str, Any]:
    feed = find_feed(letter.workspace_id, wish.address)
    if feed is None:
        if fault is not None:
            return {"url": wish.address, "fault": fault}
        return wish.shown if wish.shown.get("url") == wish.address and not wish.shown.get("feed") else {}
    unseen = _unseen(letter, feed.id)
    newest = unseen.order_by(func.coalesce(FeedEntry.published_at, FeedEntry.first_seen_at).desc(), FeedEntry.place)
    rows = session().execute(newest.limit(wish.count)).scalars().all()
    new = session().execute(select(func.count()).select_from(unseen.subquery())).scalar_one()
    of_it = (FeedEntry.workspace_id == letter.workspace_id, FeedEntry.feed_id == feed.id)
    known = session().execute(select(func.count()).select_from(FeedEntry).where(*of_it)).scalar_one()
    told = {
        "url": wish.address, "feed": str(feed.id), "at": feed.fetched_at.isoformat(), "title": feed.title,
        "rows": [
            {"key": one.key, "title": one.title, "summary": one.summary, "link": one.link, "picture": one.picture}
            for one in rows
        ],
        "more": new - len(rows), "known": known, "fault": feed.fault,
    }  # fmt: skip
    # To look once more and find the same does not change a letter.
    return wish.shown if {**wish.shown, "at": told["at"]} == told else told


def _unseen(letter: Letter, feed_id: UUID) -> Select[FeedEntry]:
    query = select(FeedEntry).where(FeedEntry.workspace_id == letter.workspace_id, FeedEntry.feed_id == feed_id)
    if letter.series_id is None:
        return query
    of_series = (FeedMark.series_id == letter.series_id, FeedMark.feed_id == FeedEntry.feed_id, FeedMark.key == FeedEntry.key)
    return query.where(~exists().where(*of_series))


def _by_feed(letter: Letter) -> list[tuple[UUID, Wish]]:
    return [(UUID(wish.shown["feed"]), wish) for wish in _wishes(letter) if wish.rows and wish.shown.get("feed")]


def _taken(series_id: UUID, letter: Letter) -> bool:
    """Whether another letter of the series was launched with an entry that this one shows."""
    return any(
        session().execute(
            select(FeedMark.key).where(
                FeedMark.series_id == series_id, FeedMark.feed_id == feed_id, FeedMark.is_shown,
                FeedMark.letter_id != (letter.translation_of or letter.id), FeedMark.key.in_([row["key"] for row in wish.rows]),
            ).limit(1)
        ).first()
        for feed_id, wish in _by_feed(letter)
    )  # fmt: skip


def _mark(letter: Letter, main_id: UUID, feed_id: UUID, wish: Wish) -> None:
    own = {
        "series_id": letter.series_id, "feed_id": feed_id, "workspace_id": letter.workspace_id, "letter_id": main_id,
        "at": clock.now(),
    }  # fmt: skip
    keys = sorted({row["key"] for row in wish.rows})
    new = insert(FeedMark).values([{**own, "key": key, "is_shown": True} for key in keys])
    # One that was left out before has been in no letter; blocks, languages and variants of one campaign may show the same.
    statement = new.on_conflict_do_update(
        index_elements=["series_id", "feed_id", "key"],
        set_={"is_shown": True, "letter_id": own["letter_id"]},
        where=~FeedMark.is_shown | (FeedMark.letter_id == own["letter_id"]),
    )
    if len(session().execute(statement.returning(FeedMark.key)).all()) < len(keys):
        raise Conflict(_TAKEN)
    until = datetime.fromisoformat(wish.shown["at"])
    session().execute(_LEFT_OUT, {**own, "until": until})
