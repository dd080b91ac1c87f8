"""The list of people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from flask import render_template, request, url_for

from app.consent import queries as consent
from app.consent.queries import ending
from app.consent.rules import Word
from app.kernel import clock
from app.kernel.errors import BadRequest, NotFound
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.paging import Page
from app.people import queries, rules
from app.people.pages import blueprint
from app.people.queries import ListedPerson, Search
from app.tags import queries as tags

if TYPE_CHECKING:
    from app.tags.models import Tag


@blueprint.get("/people")
@guards.member("people.read")
def index() -> str:
    """Everybody, newest first; ``q``, ``word``, ``interest`` and ``tag`` narrow it, ``page`` goes on."""
    workspace_id = current_actor().workspace_id
    interests = consent.list_interests(workspace_id, include_archived=True)
    tag = _tag(workspace_id)
    search = _search({str(found.id): found.id for found in interests}, tag.id if tag else None)
    counts = consent.counts_by_word(workspace_id, clock.now())
    page = queries.list_people(workspace_id, search, request.args.get("page", ""))
    now = clock.now()
    ends_soon, _ = ending.count_ending(workspace_id, now + ending.SOON, now)
    return render_template(
        "people/list.html",
        ends_soon=ends_soon,
        suppressed_url=url_for("people.list_suppressed"),
        ending_url=url_for("people.ending_soon"),
        counts=counts,
        query=search.query,
        word=search.word.value if search.word else "",
        interest=str(search.interest or ""),
        interests=[(str(found.id), found.name) for found in interests],
        tag=tag,
        rows=[_row(row) for row in page.rows],
        total=_total(workspace_id, search, counts, page),
        newer_url=_turn(page.previous_cursor),
        older_url=_turn(page.next_cursor),
        new_url=url_for("people.new") if current_actor().may("people.write") else None,
        export_url=url_for("imports.exports"),
        import_url=url_for("imports.index") if current_actor().may("people.write") else None,
    )


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
    workspace_id: UUID, search: Search, counts: dict[str, int], page: Page[ListedPerson]
) -> int | None:
    if page.next_cursor is None and page.previous_cursor is None:
        return len(page.rows)
    if search.query or search.interest or search.tag:
        return queries.count_people(workspace_id, search)
    return counts[search.word] if search.word else sum(counts.values())


def _row(person: ListedPerson) -> dict[str, Any]:
    return {
        "url": url_for("people.show", contact_id=person.id),
        "name": person.name,
        "email": person.address,
        "initials": rules.initials(person.name, person.address),
        "state": person.word.value,
        "language": person.language,
        "added_at": person.created_at,
    }


def _turn(cursor: str | None) -> str | None:
    if cursor is None:
        return None
    kept: dict[str, Any] = {
        name: request.args[name] for name in ("q", "word", "interest", "tag") if request.args.get(name)
    }
    return url_for("people.index", **kept, page=cursor)
