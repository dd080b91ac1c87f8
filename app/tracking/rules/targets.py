"""Where a link may lead: into the web, and a link with merge tags nowhere but where its author began."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

MAX_URL: Final = 4000
WEBSITE: Final = "your website"
_SITE: Final = re.compile(r"\A\{\{[^{}]*\}\}")
_TAG: Final = re.compile(r"\{[{%]")


def is_web(url: str) -> bool:
    """Whether it is a whole http or https address."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    is_clean = url.isprintable() and " " not in url and len(url) <= MAX_URL
    return parts.scheme in {"http", "https"} and bool(host) and is_clean


def is_pattern(url: str) -> bool:
    """Whether it holds merge tags: what it comes to is found for each reader."""
    return bool(_TAG.search(url))


def may_lead(url: str) -> bool:
    """Whether a link of a mailing may be this address or pattern.

    The host of a pattern is complete before its first tag; one that begins with a tag was looked at by whoever made it.
    """
    start = _start(url)
    if not is_pattern(url):
        return is_web(url)
    ends_host = not start or any(mark in start.partition("://")[2] for mark in "/?#")
    return ends_host and (not start or is_web(start)) and url.isprintable() and len(url) <= MAX_URL


def is_of(pattern: str, url: str) -> bool:
    """Whether a pattern can have come to this address, and a link may lead there."""
    return is_web(url) and url.startswith(_start(pattern))


def spoken(url: str) -> str:
    """An address for the eye: what begins with a tag begins on the workspace's own website."""
    return _SITE.sub(WEBSITE, url)


def _start(url: str) -> str:
    return _TAG.split(url, maxsplit=1)[0]
