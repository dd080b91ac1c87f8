"""The mail as it was sent, with the share of clicks on each of its links."""

from __future__ import annotations

import html
import re
from typing import Final
from uuid import UUID

from flask import Response, make_response, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.accounts import queries as accounts
from app.campaigns.pages import blueprint, shown, standing_of, to
from app.campaigns.pages.report import has_begun, leads_of
from app.campaigns.queries import Standing
from app.content import queries as letters
from app.content import service as content
from app.kernel.errors import NotFound
from app.kernel.http import guards, headers
from app.kernel.http.actor import current_actor
from app.kernel.i18n import NAMES
from app.tracking import queries as tracking
from app.tracking.rules.verdicts import Verdict

_MARK: Final = "https://link.invalid/"
_LINK: Final = re.compile(r"<a\b[^<>]*?\bhref=([\"'])" + re.escape(_MARK) + r"(\d{1,4})\1[^<>]*>", re.IGNORECASE)
_HREF: Final = re.compile(r"\s(?:href|target)=(?:\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_BADGE: Final = (
    '<span style="display:inline-block;margin:0 4px;padding:0 6px;border-radius:9px;background:#0b57d0;color:#fff;'
    'font:600 12px/18px system-ui,sans-serif;text-decoration:none;white-space:nowrap">{share}</span>'
)


@blueprint.get("/campaigns/<uuid:campaign_id>/clicks")
@guards.member("campaigns.read")
def click_map(campaign_id: UUID) -> AnyResponse:
    """The mail in a frame, in one of its languages, and beside it the same as a table for all of them."""
    standing = standing_of(campaign_id)
    if not has_begun(standing) or standing.version_id is None:
        return to("show", campaign_id)
    found = tracking.by_link(current_actor().workspace_id, standing.mailing_no or 0)
    version = letters.get_version(current_actor().workspace_id, standing.version_id)
    codes = [version.language, *sorted(version.translations or ())]
    asked = request.args.get("language", "")
    language = asked if asked in codes else codes[0]
    tabs = [
        {"name": NAMES.get(code, code), "is_shown": code == language, "url": url_for(".click_map", campaign_id=campaign_id, language=code)}
        for code in codes
    ]
    return make_response(
        render_template(
            "campaigns/clicks.html",
            campaign=standing,
            links=shown.links(found, leads_of(standing)),
            languages=tabs,
            frame_url=url_for(".click_map_mail", campaign_id=campaign_id, language=language),
        )
    )


@blueprint.get("/campaigns/<uuid:campaign_id>/clicks/mail")
@guards.member("campaigns.read")
def click_map_mail(campaign_id: UUID) -> Response:
    """What stands in that frame: on an address of its own, sandboxed, its links lead nowhere."""
    standing = standing_of(campaign_id)
    if standing.version_id is None or standing.mailing_no is None:
        raise NotFound("Nothing of this campaign has left.")
    page = _marked(standing, _shares(standing.mailing_no), request.args.get("language", ""))
    return headers.sandbox(make_response(page), f"https: data: {content.base_url()}")


def _shares(mailing_no: int) -> dict[int, str]:
    """By the link's index: its part of all clicks by hand."""
    found = {one.index: one.counts[Verdict.HUMAN] for one in tracking.by_link(current_actor().workspace_id, mailing_no)}
    whole = sum(found.values())
    return {index: f"{100 * count / whole:.0f}%" if whole else "0%" for index, count in found.items()}


def _marked(standing: Standing, shares: dict[int, str], language: str) -> str:
    workspace_id = current_actor().workspace_id
    assert standing.version_id is not None
    version = letters.get_version(workspace_id, standing.version_id)
    translations = content.list_translated(version)
    # A translation numbers its links by itself; what was counted has the mailing's numbers.
    places = content.link_places(version, translations).get(language)
    version = translations.get(language, version)
    own = {name: f"{_MARK}{name}" for name in ("unsubscribe", "preferences", "why", "web_view")}
    values = content.sample_values(accounts.brand(workspace_id), own, content.named_by(version.needs))
    page = content.render(version, values, links=lambda index, _url: f"{_MARK}{places[index] if places else index}").html

    def badge(found: re.Match[str]) -> str:
        share = shares.get(int(found[2]), "0%")
        return _HREF.sub("", found[0]) + _BADGE.format(share=html.escape(share))

    return _LINK.sub(badge, page)
