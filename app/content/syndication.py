"""Reading feeds that strangers wrote: RSS 0.9 to 2.0, RDF (RSS 1.0) and Atom. Pure.

The reader is Python's own expat. It never loads anything, and is stopped at the first entity that a feed declares, which is
what bombs and stolen files are made of. What comes out is plain text, and addresses of the web.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from html import unescape
from html.entities import html5
from typing import Final
from urllib.parse import quote, urljoin, urlsplit
from xml.parsers import expat

import nh3

MOST_ENTRIES: Final = 100
"""Those that come after are not read."""
LONGEST_TITLE: Final = 200
LONGEST_SUMMARY: Final = 320
LONGEST_ADDRESS: Final = 2_000
_DEEPEST: Final = 100
_MOST_OF_A_FIELD: Final = 50_000
_MOST_CLEANED: Final = 20_000
_ENCODING: Final = re.compile(r"""^\s*<\?xml[^>]{0,200}?\bencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9._-]{1,40})", re.IGNORECASE)
_KNOWN_CHARSET: Final = re.compile(
    r"(?:utf-?(?:8|16|32)(?:-?[bl]e)?|us-ascii|ascii|iso-?8859-?\d{1,2}|latin-?1|windows-?125\d|cp125\d|koi8-?[ru]|gb2312|gbk"
    r"|gb18030|big5|euc-?(?:jp|kr)|shift_?jis|iso-2022-jp)",
    re.IGNORECASE,
)
_LATIN: Final = re.compile(r"(?:us-)?ascii|iso-?8859-?1|latin-?1")
"""What the web means by these names."""
_IN_SEVEN_BITS: Final = ("utf-16", "utf16", "utf-32", "utf32", "iso-2022")
_MARKS: Final = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAMED: Final = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,30});")
_BARE: Final = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)")
_BLOCK: Final = re.compile(r"<(?=/?(?:p|br|div|li|h[1-6]|tr|td|ul|ol|blockquote|figure|figcaption|hr)\b)", re.IGNORECASE)
_PICTURE: Final = re.compile(r"""<img\b[^<>]{0,2000}?\ssrc\s*=\s*["']([^"'<>]{1,2000})["']""", re.IGNORECASE)
_PAGE: Final = re.compile(r"<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_LINK: Final = re.compile(r"<link\b[^<>]{1,2000}>", re.IGNORECASE)
_FEED_TYPE: Final = re.compile(r"application/(?:rss|atom|rdf)\+xml", re.IGNORECASE)
_HREF: Final = re.compile(r"""\bhref\s*=\s*["']?([^"'\s<>]{1,2000})""", re.IGNORECASE)
_TURNS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\u200b")
_AS_TEXT: Final = frozenset({"text", "text/plain"})


class NotAFeed(Exception):
    """What stands at an address cannot be read as a feed; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, in plain text; empty where it does not say.

    Attributes:
        key: tells it from the feed's others, and stays when its words change.
        link: of the web.
        picture: an https address.
        at: when it says that it was published.
    """

    key: str
    title: str
    summary: str
    link: str
    picture: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Feed:
    """What a feed says of itself, and its entries in its order."""

    title: str
    entries: tuple[Entry, ...]


def read(body: bytes, url: str, content_type: str = "") -> Feed:
    """The feed in an answer.

    Args:
        body: its octets.
        url: where it stands: what is relative in it starts there.
        content_type: as the server called it.

    Raises:
        NotAFeed: it is none, or one that declares entities.
    """
    text = _decoded(body, content_type)
    if not text.strip():
        raise NotAFeed("There is nothing at this address.")
    for mended in (str, _mended):  # most feeds are well as they are, and mending takes ten times as long as reading
        reader = _Reader(url)
        if reader.read(mended(text)):
            return reader.feed
    # Cut off, or broken in the middle: what was whole before that is there.
    if reader.is_feed and reader.entries:
        return reader.feed
    raise NotAFeed(_why_none(text, url))


def as_text(html: str, longest: int) -> str:
    """HTML as one line of plain text, cut at a word."""
    spaced = _BLOCK.sub(" <", html[:_MOST_CLEANED])
    plain = nh3.clean(spaced, tags=set(), clean_content_tags={"script", "style", "title"})
    return _one_line(unescape(plain), longest)


def web_address(raw: str, base: str) -> str:
    """An absolute http or https address that fits into a letter as it is; empty where there is none."""
    try:
        parts = urlsplit(urljoin(base, raw.strip()))
        host = (parts.hostname or "").encode("idna").decode() if not (parts.hostname or "").isascii() else parts.hostname
        port = f":{parts.port}" if parts.port else ""
    except (ValueError, UnicodeError):
        return ""
    if parts.scheme not in {"http", "https"} or not host or "@" in parts.netloc:
        return ""
    host = f"[{host}]" if ":" in host else host
    query = f"?{_written(parts.query)}" if parts.query else ""
    fragment = f"#{_written(parts.fragment)}" if parts.fragment else ""
    whole = f"{parts.scheme}://{_written(host)}{port}{_written(parts.path)}{query}{fragment}"
    return whole if len(whole) <= LONGEST_ADDRESS else ""


def _written(part: str) -> str:
    """Without what ends an attribute, begins a merge tag, or names a colour."""
    return quote(part, safe="%/?:@!&'()*+,;=~-._[]")


def _one_line(text: str, longest: int) -> str:
    kept = "".join(
        " " if unicodedata.category(one) in {"Zl", "Zp", "Cc"} else one
        for one in text
        if one not in _TURNS and unicodedata.category(one) != "Cs"
    )
    line = " ".join(kept.split())
    if len(line) <= longest:
        return line
    cut = line[: longest - 1]
    return f"{cut.rpartition(' ')[0] if ' ' in cut[longest // 2 :] else cut}…"


def _decoded(body: bytes, content_type: str) -> str:
    """The text of an answer: by its mark, by what it is in truth, by what it says, by what its server says."""
    for mark, name in _MARKS:
        if body.startswith(mark):
            return _FORBIDDEN.sub("", body.decode(name, "replace")).removeprefix("\ufeff")
    told = _ENCODING.match(body[:300].decode("latin-1"))
    served = _CHARSET.search(content_type)
    names = [found[1].lower() for found in (told, served) if found and _KNOWN_CHARSET.fullmatch(found[1])]
    names = ["windows-1252" if _LATIN.fullmatch(name) else name for name in names]
    first = [name for name in names if name.startswith(_IN_SEVEN_BITS)]
    for name in (*first, "utf-8", *names, "windows-1252"):
        try:
            return _FORBIDDEN.sub("", body.decode(name))
        except (LookupError, UnicodeError):
            continue
    return _FORBIDDEN.sub("", body.decode("latin-1"))


def _mended(text: str) -> str:
    """With the named characters of HTML written out, and every other bare ampersand as one."""
    return _BARE.sub("&amp;", _NAMED.sub(_character, text))


def _character(found: re.Match[str]) -> str:
    known = html5.get(f"{found[1]};", "")
    return known if known and not set(known) & set("<>&\"'") else found[0]


def _why_none(text: str, url: str) -> str:
    beginning = text[:200_000]
    if not _PAGE.search(beginning[:5_000]):
        return "There is no feed at this address: what stands there is neither RSS nor Atom."
    for link in _LINK.findall(beginning):
        href = _HREF.search(link) if _FEED_TYPE.search(link) else None
        found = web_address(unescape(href[1]), url) if href else ""
        if found and found != url:
            return f"There is a web page at this address, not a feed. Its feed is at {found}"
    return "There is a web page at this address, and it names no feed."


class _Refused(Exception):
    """Stops the reader; the text says why."""


class _Enough(Exception):
    """There are as many entries as are read."""


@dataclass(slots=True)
class _Found:
    """An entry, or the feed itself, while it is read: each field with the first words that were found."""

    base: str
    about: str = ""
    words: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    link: str = ""
    picture: str = ""

    def keep(self, name: str, text: str, kind: str) -> None:
        if name not in self.words and text.strip():
            self.words[name], self.types[name] = text, kind


_FIELDS: Final[Mapping[str, str]] = {
    "title": "title", "link": "link", "guid": "id", "id": "id", "description": "summary", "summary": "summary",
    "content:encoded": "body", "content": "body", "pubDate": "published", "published": "published", "issued": "published",
    "dc:date": "published", "updated": "updated", "modified": "updated",
}  # fmt: skip


class _Reader:
    """Takes what expat finds. Names stand as they are written: feeds whose namespaces are wrong are read all the same."""

    def __init__(self, url: str) -> None:
        self.url, self.is_feed = url, False
        self.entries: list[Entry] = []
        self._own = ""
        self._path: list[str] = []
        self._about = _Found(url)
        self._entry: _Found | None = None
        self._entry_depth = 0
        self._field, self._kind, self._field_depth = "", "", 0
        self._text: list[str] = []
        self._length = 0
        self._keys: set[str] = set()

    @property
    def feed(self) -> Feed:
        return Feed(_words(self._about, "title", LONGEST_TITLE), tuple(self.entries))

    def read(self, text: str) -> bool:
        """Whether it is a whole feed.

        Raises:
            NotAFeed: it declares entities, or is nested without end.
        """
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.EntityDeclHandler = _refuse
        try:
            parser.Parse(text, True)
        except _Enough:
            return True
        except _Refused as refused:
            raise NotAFeed(str(refused)) from None
        except expat.ExpatError:
            return False
        return self.is_feed

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._path) >= _DEEPEST:
            raise _Refused("This feed is nested too deep to be read.")
        if not self._path:
            self._root(name, attributes)
        self._path.append(name)
        if not self.is_feed or self._field:
            return
        local = self._local(name)
        if local in {"item", "entry"} and self._entry is None:
            base = self._based(attributes)
            self._entry, self._entry_depth = _Found(base, attributes.get("rdf:about", "")), len(self._path)
            return
        holder = self._entry or self._about
        depth = self._entry_depth if self._entry else (1 if self._path[0].endswith("feed") else 2)
        self._pictured(holder, name, attributes)
        if len(self._path) == depth + 1 and (known := _FIELDS.get(local)):
            self._begin(holder, known, attributes)

    def _root(self, name: str, attributes: Mapping[str, str]) -> None:
        prefix, _, local = name.rpartition(":")
        self.is_feed = local in {"rss", "feed"} or name in {"rdf:RDF", "RDF"}
        self._own = f"{prefix}:" if prefix and local == "feed" else ""
        self._about.base = self._based(attributes)

    def _local(self, name: str) -> str:
        return name.removeprefix(self._own) if self._own else name

    def _based(self, attributes: Mapping[str, str]) -> str:
        return web_address(attributes.get("xml:base", ""), self._about.base) or self.url

    def _begin(self, holder: _Found, name: str, attributes: Mapping[str, str]) -> None:
        kind = attributes.get("type", "").lower()
        if name == "link" and "href" in attributes:
            if attributes.get("rel", "alternate") == "alternate" and not holder.link:
                holder.link = attributes["href"]
            elif attributes.get("rel") == "enclosure" and kind.startswith("image/"):
                holder.picture = holder.picture or attributes["href"]
            return
        if name == "id" and attributes.get("isPermaLink", "").lower() == "false":
            kind = "no link"
        self._field, self._kind, self._field_depth = name, kind, len(self._path)
        self._text, self._length = [], 0

    def _pictured(self, holder: _Found, name: str, attributes: Mapping[str, str]) -> None:
        kind, medium = attributes.get("type", "").lower(), attributes.get("medium", "").lower()
        is_picture = name in {"media:thumbnail", "itunes:image"} or (
            name in {"enclosure", "media:content"} and (kind.startswith("image/") or medium == "image")
        )
        if is_picture and not holder.picture:
            holder.picture = attributes.get("url") or attributes.get("href") or ""

    def _characters(self, text: str) -> None:
        if self._field and self._length < _MOST_OF_A_FIELD:
            self._text.append(text)
            self._length += len(text)

    def _end(self, _name: str) -> None:
        depth = len(self._path)
        self._path.pop()
        if self._field and depth == self._field_depth:
            (self._entry or self._about).keep(self._field, "".join(self._text), self._kind)
            self._field = ""
        elif self._field:
            self._text.append(" ")
        elif self._entry is not None and depth == self._entry_depth:
            self._keep(self._entry)
            self._entry = None

    def _keep(self, found: _Found) -> None:
        entry = _entry_of(found)
        if entry is None or entry.key in self._keys:
            return
        self._keys.add(entry.key)
        self.entries.append(entry)
        if len(self.entries) >= MOST_ENTRIES:
            raise _Enough


def _refuse(*_: object) -> None:
    raise _Refused("This feed declares entities of its own. Nod does not read those, as they can be made to do harm.")


def _entry_of(found: _Found) -> Entry | None:
    """The entry that was read; None where it shows nothing."""
    words = found.words
    named = words.get("id", "") if found.types.get("id") != "no link" else ""
    raw_link = found.link or words.get("link", "") or (named if named.strip().startswith(("http://", "https://")) else "")
    link = web_address(raw_link, found.base) if raw_link.strip() else ""
    body = words.get("body", "") or words.get("summary", "")
    summary = _words(found, "summary", LONGEST_SUMMARY) or _words(found, "body", LONGEST_SUMMARY)
    title = _words(found, "title", LONGEST_TITLE) or _one_line(summary, 80)
    if not title:
        return None
    shown = found.picture or _first_picture(body) or _first_picture(words.get("summary", ""))
    picture = web_address(shown, found.base) if shown else ""
    known_by = (words.get("id", "") or found.about or link or title).strip()
    return Entry(
        sha256(known_by.encode()).hexdigest()[:32], title, "" if summary == title else summary, link,
        picture if picture.startswith("https://") else "",
        _moment(words.get("published", "")) or _moment(words.get("updated", "")),
    )  # fmt: skip


def _words(found: _Found, name: str, longest: int) -> str:
    text = found.words.get(name, "")
    return _one_line(text, longest) if found.types.get(name) in _AS_TEXT else as_text(text, longest)


def _first_picture(html: str) -> str:
    found = _PICTURE.search(html)
    return unescape(found[1]) if found else ""


def _moment(text: str) -> datetime | None:
    """A moment as RSS or Atom write it; without a zone it is taken for UTC."""
    ways: Sequence[Callable[[str], datetime]] = (datetime.fromisoformat, parsedate_to_datetime)
    for way in ways:
        try:
            found = way(text.strip()[:60])
            moment = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        return moment if 1990 <= moment.year <= 2100 else None
    return None
