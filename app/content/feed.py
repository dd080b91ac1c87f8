"""The archive as an Atom feed (RFC 4287), for readers and for websites that show what is new."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

MIME: Final = "application/atom+xml; charset=utf-8"
_NAMESPACE: Final = "http://www.w3.org/2005/Atom"


@dataclass(frozen=True, slots=True)
class Entry:
    """One public letter; ``url`` never changes and is its id."""

    title: str
    summary: str
    topic: str
    language: str
    url: str
    at: datetime


def write(title: str, author: str, url: str, own_url: str, entries: Iterable[Entry], now: datetime) -> bytes:
    """The feed, newest entry first.

    Args:
        title: of the feed.
        author: name of the brand.
        url: of the archive.
        own_url: of the feed itself.
        entries: newest first.
        now: when there is no entry yet, the feed is of this moment.
    """
    found = list(entries)
    feed = Element("feed", xmlns=_NAMESPACE)
    SubElement(feed, "title").text = title
    SubElement(feed, "id").text = url
    SubElement(feed, "link", rel="self", href=own_url)
    SubElement(feed, "link", rel="alternate", type="text/html", href=url)
    SubElement(feed, "updated").text = (found[0].at if found else now).isoformat()
    SubElement(SubElement(feed, "author"), "name").text = author
    for one in found:
        _add(feed, one)
    written: bytes = tostring(feed, encoding="utf-8", xml_declaration=True)
    return written


def _add(feed: Element, one: Entry) -> None:
    entry = SubElement(feed, "entry", {"xml:lang": one.language})
    SubElement(entry, "title").text = _plain(one.title)
    SubElement(entry, "id").text = one.url
    SubElement(entry, "link", rel="alternate", type="text/html", href=one.url)
    SubElement(entry, "published").text = one.at.isoformat()
    SubElement(entry, "updated").text = one.at.isoformat()
    if one.topic:
        SubElement(entry, "category", term=_plain(one.topic))
    if one.summary:
        SubElement(entry, "summary").text = _plain(one.summary)


def _plain(words: str) -> str:
    """Without what XML 1.0 cannot hold."""
    return "".join(letter for letter in words if letter.isprintable())
