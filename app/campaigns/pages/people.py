"""The people behind a number, with the reason, and the segment that says who they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

from flask import Response as FlaskResponse
from flask import render_template, request, stream_with_context, url_for
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from app.accounts import service as accounts
from app.accounts.rules import acts
from app.campaigns.pages import blueprint, home_of, standing_of, whom, zone_of
from app.campaigns.pages.whom import Whom
from app.campaigns.queries import Standing
from app.campaigns.schemas import Named
from app.delivery.rules import Word
from app.kernel import csvs
from app.kernel.db import release, session, transaction
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted
from app.segments import service as segments

AT_ONCE: Final = 5_000
"""People of one transaction of a file."""


@blueprint.get("/campaigns/<uuid:campaign_id>/people")
@guards.member("people.read")
def people(campaign_id: UUID) -> str:
    """Those whom ``word`` counts: a word of the report, or a reason to be left out; ``which`` of several, ``page`` goes on."""
    return _page(standing_of(campaign_id))


@blueprint.post("/campaigns/<uuid:campaign_id>/people")
@guards.member("people.write")
def save_people(campaign_id: UUID) -> Response:
    """Make a segment that says who they are, under ``name``, and lead to it."""
    standing = standing_of(campaign_id)
    actor, (word, which) = current_actor(), _asked()
    found = whom.find(actor.workspace_id, standing, word, which)
    if not found.rules:
        raise BadInput("No segment can say who these people are.")
    try:
        # Refused halfway, nothing of it may stay: the page that says why is an answer and commits.
        with session().begin_nested():
            tree = whom.segment_of(standing, found)
            made = segments.create(actor.workspace_id, posted(Named())["name"], tree, by=acts.user(actor.id))
    except (BadInput, Conflict) as fault:
        words = next(iter(fault.fields.values()), fault.detail)
        return Response(_page(standing, fault=words), fault.status, mimetype="text/html")
    return redirect(url_for("segments.show", segment_id=made.id), 303)


@blueprint.get("/campaigns/<uuid:campaign_id>/people.csv")
@guards.member("people.write", in_slices=True)
def people_csv(campaign_id: UUID) -> Response:
    """All of them as a file, to who asks for it now; that it was taken is written down, as of other exports.

    It is written some thousand people a transaction. Who changes meanwhile may be in it or not; nobody is in it twice.
    """
    actor, (word, which) = current_actor(), _asked()
    with transaction():
        standing = standing_of(campaign_id)
        found = whom.find(actor.workspace_id, standing, word, which)
        accounts.record(
            "export.taken", by=acts.user(actor.id), workspace_id=actor.workspace_id, of=f"campaign:{campaign_id}",
            detail={"what": "people of a number", "word": word, "which": which, "form": "csv"},
        )  # fmt: skip
    rows = _all(actor.workspace_id, standing, word, found)
    response = FlaskResponse(stream_with_context(csvs.write(rows)), content_type="text/csv; charset=utf-8")
    # Names of files are seen by others: this one tells nothing of the campaign.
    response.headers["Content-Disposition"] = f'attachment; filename="people-{campaign_id.hex[-8:]}.csv"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _all(workspace_id: UUID, standing: Standing, word: str, found: Whom) -> Iterator[Sequence[str]]:
    """The lines of the file; who was erased has none."""
    yield ("email", "name", "what happened", "at")
    cursor: str | None = ""
    while cursor is not None:
        with transaction():
            page = whom.page(workspace_id, standing, word, found, cursor, AT_ONCE)
        release()
        for one in page.rows:
            if one.address:
                yield one.address, one.name, one.note, one.at.isoformat(timespec="seconds") if one.at else ""
        cursor = page.next_cursor


def _asked() -> tuple[str, str]:
    return request.args.get("word", Word.SENT.value), request.args.get("which", "")


def _page(standing: Standing, *, fault: str = "") -> str:
    actor, (word, which), cursor = current_actor(), _asked(), request.args.get("page", "")
    found = whom.find(actor.workspace_id, standing, word, which)
    page = whom.page(actor.workspace_id, standing, word, found, cursor)
    following = page.next_cursor

    def here(after: str | None = None) -> str:
        return url_for(".people", campaign_id=standing.id, word=word, which=which or None, page=after)

    return render_template(
        "campaigns/people.html",
        campaign=standing,
        title=found.title,
        rows=page.rows,
        has_more=following is not None,
        first_url=here() if cursor else None,
        older_url=here(following) if following else None,
        words=[(name, offered.title) for name, offered in _offered(standing, word, found)],
        word=word,
        home_url=url_for(home_of(standing), campaign_id=standing.id),
        zone=zone_of(),
        csv_url=url_for(".people_csv", campaign_id=standing.id, word=word, which=which or None)
        if page.rows and actor.may("people.write")
        else "",
        save_url=here() if found.rules and actor.may("people.write") else "",
        name=request.form.get("name", f"{standing.name}: {found.title[:1].lower()}{found.title[1:]}"[:80]),
        fault=fault,
    )


def _offered(standing: Standing, word: str, found: Whom) -> list[tuple[str, Whom]]:
    offered = dict(whom.BEFORE if standing.mailing_no is None else whom.OF_MAILING)
    return list({**offered, word: found}.items())
