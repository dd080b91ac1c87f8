"""Feeds of somebody else's website."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


def item(number: int, title: str = "", *, link: str = "", more: str = "", day: int = 0) -> str:
    """An entry of RSS; the higher its number, the newer it is."""
    title = title or f"Entry {number}"
    link = link or f"https://blog.example/{number}"
    return (
        f"<item><title>{escape(title)}</title><link>{escape(link)}</link><guid>entry-{number}</guid>"
        f"<pubDate>{day or number:02} Nov 2026 08:00:00 GMT</pubDate><description>Words of {number}.</description>{more}</item>"
    )


def rss(items: Iterable[str], *, head: str = '<?xml version="1.0"?>', title: str = "Roastery blog") -> bytes:
    """A feed with these entries."""
    return f'{head}<rss version="2.0"><channel><title>{title}</title>{"".join(items)}</channel></rss>'.encode()


def numbered(*numbers: int) -> bytes:
    """A feed with these entries, in this order."""
    return rss(item(number) for number in numbers)
