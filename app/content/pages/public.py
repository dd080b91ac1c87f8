"""What everybody may read: a letter's public copy, by its mail's link or in the archive."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, render_template, url_for

from app.accounts import queries as accounts
from app.accounts.rules.brand import Brand
from app.content import feed, places, queries
from app.content.letters import public_line, public_subject
from app.content.models import LetterVersion
from app.content.pages import blueprint, frames
from app.content.readers import public_values
from app.content.service import render_public
from app.kernel import clock, i18n
from app.kernel.errors import NotFound
from app.kernel.http import guards
from app.kernel.i18n import gettext as _

FEED_ENTRIES = 50


@blueprint.get("/v/<token>")
@guards.public
def web_view(token: str) -> str:
    """The letter as a page; the same for everybody who got it."""
    version = _version(token)
    return _page(version, url_for("content.web_view_letter", token=token))


@blueprint.get("/v/<token>/letter")
@guards.public
def web_view_letter(token: str) -> Response:
    """What stands in that page's frame."""
    return _letter(_version(token))


@blueprint.get("/archive/<public_id>")
@guards.public
def archive(public_id: str) -> str:
    """The letters so far."""
    brand = accounts.brand_of(accounts.get_workspace_by_public_id(public_id))
    shell = _shell(brand, brand.language)
    years: dict[int, list[dict[str, Any]]] = {}
    for one in queries.list_published(brand.id):
        entry = {
            "subject": public_subject(one, public_values(brand)),
            "topic": one.topic,
            "at": one.at,
            "language": one.language,
            "url": url_for("content.archived", public_id=public_id, number=one.number),
        }
        years.setdefault(one.at.year, []).append(entry)
    feed_url = url_for("content.archive_feed", public_id=public_id)
    return render_template(
        "content/archive.html", **shell, years=years, zone=brand.time_zone, feed_url=feed_url
    )


@blueprint.get("/archive/<public_id>/feed")
@guards.public
def archive_feed(public_id: str) -> Response:
    """The letters so far as an Atom feed."""
    brand = accounts.brand_of(accounts.get_workspace_by_public_id(public_id))
    _shell(brand, brand.language)
    values, url = public_values(brand), places.archive(public_id)
    entries = [
        feed.Entry(
            title=public_subject(one, values),
            summary=public_line(one.preheader, one, values),
            topic=one.topic,
            language=one.language,
            url=places.archive(public_id, one.number),
            at=one.at,
        )
        for one in queries.list_published(brand.id, limit=FEED_ENTRIES)
    ]
    response = make_response(
        feed.write(f"{brand.name}: {_('Letters so far')}", brand.name, url, f"{url}/feed", entries, clock.now())
    )
    response.content_type = feed.MIME
    response.headers["Cache-Control"] = "public, max-age=600"
    return response


@blueprint.get("/archive/<public_id>/<int:number>")
@guards.public
def archived(public_id: str, number: int) -> str:
    """One of them."""
    brand = accounts.brand_of(accounts.get_workspace_by_public_id(public_id))
    publication, version = queries.get_publication(brand.id, number)
    return _page(
        version,
        url_for("content.archived_letter", public_id=public_id, number=number),
        topic=publication.topic,
        at=publication.published_at,
        archive_url=url_for("content.archive", public_id=public_id),
    )


@blueprint.get("/archive/<public_id>/<int:number>/letter")
@guards.public
def archived_letter(public_id: str, number: int) -> Response:
    """What stands in that page's frame."""
    brand = accounts.brand_of(accounts.get_workspace_by_public_id(public_id))
    _publication, version = queries.get_publication(brand.id, number)
    return _letter(version)


def _version(token: str) -> LetterVersion:
    found = queries.find_version(places.read_web_view(token))
    if found is None:
        raise NotFound("This letter is not here.")
    return found


def _page(version: LetterVersion, frame_url: str, **more: Any) -> str:
    brand = accounts.brand(version.workspace_id)
    shell = _shell(brand, version.language)
    subject = public_subject(version, public_values(brand))
    return render_template(
        "content/web_view.html", **shell, subject=subject, frame_url=frame_url, zone=brand.time_zone, **more
    )


def _letter(version: LetterVersion) -> Response:
    values = public_values(accounts.brand(version.workspace_id))
    return frames.letter(render_public(version, values).html, with_links=True)


def _shell(brand: Brand, language: str) -> dict[str, Any]:
    i18n.use(language)
    return {"brand": brand, "lang": i18n.current(), "dir": "ltr"}
