"""The people behind a number, with the reason."""

from __future__ import annotations

from uuid import UUID

from flask import render_template, request, url_for

from app.campaigns import queries
from app.campaigns.pages import blueprint, home_of, standing_of, zone_of
from app.campaigns.queries import PEOPLE_ROWS, ListedPerson, Standing
from app.campaigns.rules import LEFT_OUT
from app.delivery.rules import Word
from app.kernel.errors import BadRequest
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.paging import Page, decode_cursor, encode_cursor
from app.tracking import queries as tracking
from app.tracking.rules.hits import Kind

_TITLES = {
    **{word.value: f"{word.value.capitalize()}" for word in Word},
    "clicked": "Clicked by hand",
    "opened": "Opened by hand",
    "left": "Left within a week",
    "reached": "Would get it now",
    **{key: f"Left out: {words[0]}" for key, words in LEFT_OUT.items()},
}


@blueprint.get("/campaigns/<uuid:campaign_id>/people")
@guards.member("people.read")
def people(campaign_id: UUID) -> str:
    """Those whom ``word`` counts: a word of the report, clicked, opened, left, or a reason to be left out."""
    standing = standing_of(campaign_id)
    word, cursor = request.args.get("word", Word.SENT.value), request.args.get("page", "")
    if word not in _TITLES:
        raise BadRequest("Choose one of the numbers of the report.")
    page = _page(standing, word, cursor)
    following = page.next_cursor
    return render_template(
        "campaigns/people.html",
        campaign=standing,
        title=_TITLES[word],
        rows=page.rows,
        has_more=following is not None,
        first_url=url_for(".people", campaign_id=campaign_id, word=word) if cursor else None,
        older_url=url_for(".people", campaign_id=campaign_id, word=word, page=following)
        if following
        else None,
        words=[(name, _TITLES[name]) for name in _offered(standing)],
        word=word,
        home_url=url_for(home_of(standing), campaign_id=campaign_id),
        zone=zone_of(),
    )


def _offered(standing: Standing) -> list[str]:
    if standing.mailing_no is None:
        return ["reached", *LEFT_OUT]
    return [*(word.value for word in Word), "opened", "clicked", "left"]


def _page(standing: Standing, word: str, cursor: str) -> Page[ListedPerson]:
    workspace_id = current_actor().workspace_id
    if word == "reached" or word in LEFT_OUT:
        return queries.list_left_out(workspace_id, standing.interests, word, cursor, standing.segment_id)
    if standing.mailing_no is None:
        return Page([], None)
    if word in {"clicked", "opened"}:
        return _readers(workspace_id, standing.mailing_no, Kind.CLICK if word == "clicked" else None, cursor)
    if word == "left":
        return queries.list_left(workspace_id, standing.mailing_no, cursor)
    return queries.list_messages(workspace_id, standing.mailing_no, Word(word), cursor)


def _readers(workspace_id: UUID, mailing_no: int, kind: Kind | None, cursor: str) -> Page[ListedPerson]:
    after = decode_cursor(cursor, int)[0] if cursor else 0
    found = tracking.list_readers(workspace_id, mailing_no, kind, after_n=after, limit=PEOPLE_ROWS + 1)
    shown = found[:PEOPLE_ROWS]
    names = queries.name_people(workspace_id, [one.contact_id for one in shown])
    rows = [
        ListedPerson(
            one.contact_id,
            *names.get(one.contact_id, ("", "")),
            "once" if one.count == 1 else f"{one.count} times",
            one.last_at,
        )
        for one in shown
    ]
    return Page(rows, encode_cursor(shown[-1].n) if len(found) > PEOPLE_ROWS else None)
