"""Answers that show a mail: on an address of their own, sandboxed, so that nothing in them ever runs.

A mail's styles need ``unsafe-inline``, which no page of ours may have; so a mail is never part of a page. In the
sandbox it has no origin: no cookie, no storage, no script, no form, and only our own pages may frame it.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Final

from flask import Response, make_response

from app.content import places
from app.kernel.http import headers

_DARK: Final = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE)
_SCHEMES: Final = re.compile(r"(color-schemes?\s*(?::|[\"']\s+content\s*=\s*[\"'])\s*)(?:light\s+dark|dark\s+light)\b", re.IGNORECASE)
_MARKS: Final = Path(__file__).with_name("marks.js").read_text(encoding="utf-8")
_PAGE: Final = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>:root{{color-scheme:light dark}}"
    "body{{background:Canvas;color:CanvasText;font:16px/24px system-ui,sans-serif;margin:16px;overflow-wrap:anywhere}}"
    "h2{{font-size:13px;line-height:20px;margin:0 0 4px;opacity:.8}}section{{margin:0 0 24px}}"
    "pre{{white-space:pre-wrap;font:13px/20px ui-monospace,monospace;margin:0}}div>:first-child{{margin-top:0}}"
    "p{{max-width:480px}}</style>{body}"
)


def letter(
    page: str, *, with_links: bool = False, with_pictures: bool = True, with_marks: bool = False
) -> Response:
    """A mail's HTML as an answer.

    Args:
        page: as it would be sent.
        with_links: links open in a new tab; otherwise they lead nowhere.
        with_pictures: False shows it as inboxes do that load no pictures.
        with_marks: with our one script, which tells the page around it which block was pressed.
    """
    if with_marks:
        page = f'{page}<script nonce="{headers.nonce()}">{_MARKS}</script>'
    return _sandboxed(
        make_response(page), with_links=with_links, with_pictures=with_pictures, with_marks=with_marks
    )


def plain(text: str) -> Response:
    """A mail's text part as an answer."""
    response = make_response(text)
    response.content_type = "text/plain; charset=utf-8"
    return _sandboxed(response)


def page(title: str, body: str, status: int = 200) -> Response:
    """Something of ours that shows what somebody wrote, in the colours of the machine in front of us; ``body`` is HTML."""
    return _sandboxed(make_response(_PAGE.format(title=html.escape(title), body=body), status))


def fault(message: str) -> Response:
    """What stands in the frame of a letter that cannot be shown."""
    return page("No preview", f"<h1>No preview yet</h1><p>{html.escape(message)}</p>", 422)


def themed(page: str, theme: str) -> str:
    """The page as a light or a dark inbox shows it, whatever the machine in front of us prefers."""

    def media(found: re.Match[str]) -> str:
        return "all" if found[1].lower() == theme else "not all"

    if theme not in {"light", "dark"}:
        return page
    # What the mail stands on where it paints nothing itself is the inbox's, and goes with the theme as well.
    return _SCHEMES.sub(rf"\g<1>{theme}", _DARK.sub(media, page))


def _sandboxed(
    response: Response, *, with_links: bool = False, with_pictures: bool = True, with_marks: bool = False
) -> Response:
    allowed = ["allow-popups", "allow-popups-to-escape-sandbox"] if with_links else []
    # Without an origin of its own our script reaches no cookie, no storage, no page of ours and no network.
    allowed += ["allow-scripts"] if with_marks else []
    return headers.sandbox(
        response,
        f"https: data: {places.base()}" if with_pictures else "'none'",
        allow=" ".join(allowed),
        scripts=f"'nonce-{headers.nonce()}'" if with_marks else "",
    )
