"""The list of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flask import render_template, request, url_for

from app.consent import queries as consent
from app.consent.queries import ending
from app.consent.rules import Word
from app.forms.rules import CUSTOM
from app.kernel import clock
from app.kernel.errors import BadRequest, NotFound
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.paging import Page
from app.people import columns, queries, rules
from app.people.columns import Column
from app.people.pages import acts, blueprint, kept, profile
from app.people.queries import ListedPerson, Search
from app.tags import queries as tags

if TYPE_CHECKING:
    from app.consent.models import Interest
    from app.tags.models import Tag


@dataclass(frozen=True, slots=True)
class Looked:
    """What the address of the page looks for, with what it takes to say so."""

    search: Search
    interests: Sequence[Interest]
    tag: Tag | None

    @property
    def words(self) -> str:
        """Whom it finds, in words without an address."""
        about = next((found.name for found in self.interests if found.id == self.search.interest), "")
        word = self.search.word.value if self.search.word else ""
        return rules.whom(self.search.query, word, about, self.tag.word if self.tag else "")


def looked_for() -> Looked:
    """Read the address of the page.

    Raises:
        BadRequest: no such word.
        NotFound: no such interest or tag here.
    """
    workspace_id = current_actor().workspace_id
    interests = consent.list_interests(workspace_id, include_archived=True)
    tag = _tag(workspace_id)
    search = _search({str(found.id): found.id for found in interests}, tag.id if tag else None)
    return Looked(search, interests, tag)


@blueprint.get("/people")
@guards.member("people.read")
def index() -> str:
    """Everybody, newest first; ``q``, ``word``, ``interest`` and ``tag`` narrow it, ``page`` goes on; ``acted``: an act."""
    return page(looked_for(), act=acts.acted())


def page(looked: Looked, *, act: Mapping[str, Any] | None = None, faults: Mapping[str, str] | None = None) -> str:
    """The list; with faults of a form about people of it, and what was chosen and written there."""
    actor = current_actor()
    workspace_id, search, now = actor.workspace_id, looked.search, clock.now()
    counts = (consent.counts_by_word if "counted" in request.args else consent.counts_at_hand)(workspace_id, now)
    found = queries.list_people(workspace_id, search, request.args.get("page", ""))
    chosen = columns.of(workspace_id, actor.id)
    return render_template(
        "people/list.html",
        **(_counts(workspace_id, counts, now) if counts else {"counts": None, "ending_url": url_for("people.ending_soon")}),
        counts_url=url_for("people.counts"),
        suppressed_url=url_for("people.list_suppressed"),
        query=search.query,
        word=search.word.value if search.word else "",
        interest=str(search.interest or ""),
        interests=[(str(one.id), one.name) for one in looked.interests],
        tag=looked.tag,
        columns=chosen,
        columns_url=url_for("people.choose_columns", **kept()),
        rows=_rows(workspace_id, found.rows, chosen.chosen),
        total=_total(workspace_id, search, counts, found),
        newer_url=_turn(found.previous_cursor),
        older_url=_turn(found.next_cursor),
        new_url=url_for("people.new") if actor.may("people.write") else None,
        export_url=url_for("imports.exports"),
        import_url=url_for("imports.index") if actor.may("people.write") else None,
        tagging_url=url_for("people.act_on_many", **kept()) if actor.may("people.write") else None,
        act_fields=[(one.key.removeprefix(columns.FIELD), one.label) for one in chosen.offered if one.key.startswith(columns.FIELD)],
        act_field=act_field(request.form["field"]) if faults and request.form.get("field") else None,
        posted=request.form if faults else {},
        posted_value=request.form.getlist("value") if faults else [],
        who=frozenset(request.form.getlist("who")) if faults else frozenset(),
        faults=faults or {},
        act=act,
    )


def act_field(key: str) -> dict[str, Any] | None:
    """One of the workspace's own fields for an act on many, as ``people/act_value.html`` takes it; None: no such."""
    found = profile.inputs(current_actor().workspace_id, {}, None)
    return next((one for one in found if one["name"] == CUSTOM + key), None)


@blueprint.get("/people/counts")
@guards.member("people.read")
def counts() -> str:
    """How many people there are by their word: what the list asks for afterwards where it takes its time."""
    workspace_id, now = current_actor().workspace_id, clock.now()
    found = consent.counts_by_word(workspace_id, now)
    return render_template("people/counts.html", **_counts(workspace_id, found, now))


def _counts(workspace_id: UUID, found: Mapping[str, int], now: datetime) -> dict[str, Any]:
    ends_soon, _ = ending.count_ending(workspace_id, now + ending.SOON, now)
    return {"counts": found, "ends_soon": ends_soon, "ending_url": url_for("people.ending_soon")}


def _tag(workspace_id: UUID) -> Tag | None:
    raw = request.args.get("tag", "")
    try:
        return tags.get_tag(workspace_id, UUID(raw)) if raw else None
    except ValueError:
        raise NotFound("This tag is not here.") from None


def _search(interests: dict[str, UUID], tag: UUID | None) -> Search:
    interest, word = request.args.get("interest", ""), request.args.get("word", "")
    if interest and interest not in interests:
        raise NotFound("This interest is not here.")
    if word and word not in set(Word):
        raise BadRequest("Choose one of the words yes, asked, no and never.")
    return Search(
        query=request.args.get("q", "")[: rules.MAX_QUERY].strip(),
        word=Word(word) if word else None,
        interest=interests[interest] if interest else None,
        tag=tag,
    )


def _total(
    workspace_id: UUID, search: Search, counts: Mapping[str, int] | None, page: Page[ListedPerson]
) -> int | None:
    if page.next_cursor is None and page.previous_cursor is None:
        return len(page.rows)
    if search.query or search.interest or search.tag:
        return queries.count_people(workspace_id, search)
    if counts is None:
        return None
    return counts[search.word] if search.word else sum(counts.values())


def _rows(workspace_id: UUID, people: Sequence[ListedPerson], chosen: Sequence[Column]) -> list[dict[str, Any]]:
    values = columns.values(workspace_id, [person.id for person in people], chosen)
    return [_row(person) | {key: held.get(person.id) for key, held in values.items()} for person in people]


def _row(person: ListedPerson) -> dict[str, Any]:
    return {
        "id": str(person.id),
        "url": url_for("people.show", contact_id=person.id),
        "name": person.name,
        "email": person.address,
        "initials": rules.initials(person.name, person.address),
        "permission": person.word.value,
        "language": person.language,
        "added": person.created_at,
    }


def _turn(cursor: str | None) -> str | None:
    return None if cursor is None else url_for("people.index", **(kept() | {"page": cursor}))
