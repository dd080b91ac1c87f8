"""Pure decisions about sign-up forms: what a definition holds, whose post is believed, which words are shown."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

FASTEST_SECONDS = 2
OLDEST_SECONDS = 24 * 3600
PATIENCE_SECONDS = 10
"""How long a page has to be open where a flood is braked and no script solves the puzzle."""
DAY_SECONDS = 24 * 3600
HOUR_SECONDS = 3600

REQUESTS_PER_ADDRESS_AND_DAY = 5
POSTS_PER_NETWORK_AND_HOUR = 20
POSTS_PER_FORM_AND_MINUTE = 600

MAX_NAME = 80
MAX_TITLE = 120
MAX_TEXT = 600
MAX_URL = 500
MAX_ORIGINS = 20
CUSTOM = "c_"
"""Before the key of a custom field, so that no key can shadow a field of ours."""

BIRTHDAY = "birthday"
"""The key of the custom field with which a form asks how old somebody is."""
GUARDIAN = "guardian"
"""As a post names the address of a parent or guardian."""

_LATER = frozenset({"thanks_title", "thanks", "after_url", "welcome", "label", "hint", "value"})
_UNFIT = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\\]")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]+\]", re.ASCII)
_ENCODED_WORD = re.compile(r"=\?[^?\s]+\?[bqBQ]\?")


class Use(StrEnum):
    """Whether a form asks for something."""

    OFF = "off"
    OPTIONAL = "optional"
    REQUIRED = "required"
    HIDDEN = "hidden"
    """Not shown: it carries a value that the page sets."""


class Age(StrEnum):
    """What the time between showing a form and its post says."""

    TOO_FAST = "too_fast"
    FINE = "fine"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Asked:
    """A field beside the address.

    Args:
        name: ``first_name``, ``last_name`` or ``c_`` and the key of a custom field.
        use: shown and how, or hidden.
        label: the question in the words of this language; empty: the field's own label.
        hint: a smaller sentence below it.
        value: what a hidden field carries unless the page that posts says otherwise.
    """

    name: str
    use: Use
    label: str = ""
    hint: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Definition:
    """One version of a form in one language: everything that a person sees of it.

    Args:
        title: the heading.
        intro: a sentence below it.
        button: what the button says; empty: the usual word.
        consent: the words of the mail box, with a second, smaller sentence ``consent_hint``.
        tracking: the words of the tracking box and its ``tracking_hint``; empty: no such box.
        notice: how long data are kept.
        privacy_url: the privacy notice; empty: the brand's.
        asked: fields beside the address, in their order.
        interests: the interests offered; one alone is not asked for.
        thanks_title: the heading of the page after the post; empty: "Look in your inbox". ``thanks`` is a
            sentence of the brand's own there.
        after_url: where to go instead of that page; only on a website that the form names.
        welcome: a few lines for the mail after the yes.
    """

    title: str
    consent: str
    intro: str = ""
    button: str = ""
    consent_hint: str = ""
    tracking: str = ""
    tracking_hint: str = ""
    notice: str = ""
    privacy_url: str = ""
    asked: tuple[Asked, ...] = ()
    interests: tuple[UUID, ...] = ()
    thanks_title: str = ""
    thanks: str = ""
    after_url: str = ""
    welcome: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data for a JSONB column; what came later is left out while empty, so that old hashes stay true."""
        plain = {name: value for name, value in asdict(self).items() if value or name not in _LATER}
        plain["interests"] = [str(interest) for interest in self.interests]
        plain["asked"] = [
            {name: value for name, value in asdict(item).items() if value or name not in _LATER}
            for item in self.asked
        ]
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Definition:
        """What ``to_json`` wrote."""
        values = dict(plain)
        values["interests"] = tuple(UUID(interest) for interest in values.get("interests", ()))
        values["asked"] = tuple(
            Asked(**{**item, "use": Use(item["use"])}) for item in values.get("asked", ())
        )
        return cls(**values)

    def sha256(self) -> str:
        """Names exactly these words and fields, for the proof of what was shown (64 hex digits)."""
        canonical = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def use_of(self, name: str) -> Use:
        """Whether this field is asked for."""
        found = self.find(name)
        return found.use if found else Use.OFF

    def find(self, name: str) -> Asked | None:
        """The field of that name."""
        return next((item for item in self.asked if item.name == name), None)


def consent_body(text: str, hint: str) -> str:
    """The words of a box as they are stored: text and hint, letter for letter, one space between."""
    return f"{text} {hint}".strip()


def judge_age(seconds: float) -> Age:
    """What the seconds between showing and posting say: people need two, and a day is enough."""
    if seconds < FASTEST_SECONDS:
        return Age.TOO_FAST
    return Age.STALE if seconds > OLDEST_SECONDS else Age.FINE


def version_name(version: int, language: str) -> str:
    """The version as a form names it, e.g. ``3.en``."""
    return f"{version}.{language}"


def read_version_name(raw: str) -> tuple[int, str] | None:
    """Number and language of a version's name; None when it is not one."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})\.([a-z]{2,3})", raw)
    return (int(match.group(1)), match.group(2)) if match else None


def web_address(raw: str) -> str:
    """An address of the web that a page may link to: http or https, a host, no sign-in, nothing odd.

    Raises:
        ValueError: anything else (``javascript:``, ``data:``, ``//host``, control characters...).
    """
    url = raw.strip()
    parts = _split(url)
    if parts is None or len(url) > MAX_URL or parts[0] not in {"http", "https"}:
        raise ValueError("Write a whole web address, like https://example.org/privacy.")
    return url


def origin(raw: str) -> str:
    """A website as browsers name it: scheme, host and port, in small letters.

    Raises:
        ValueError: it is not one.
    """
    url = raw.strip().rstrip("/").lower()
    parts = _split(url)
    if parts is None or parts[0] not in {"http", "https"} or parts[2]:
        raise ValueError("Write each website like https://example.org, one a line.")
    scheme, place, _ = parts
    usual = {"http": ":80", "https": ":443"}[scheme]
    return f"{scheme}://{place.removesuffix(usual)}"


def origin_of(url: str) -> str:
    """The website of a whole address, as ``origin`` writes it; empty for what is none."""
    parts = _split(url)
    return origin(f"{parts[0]}://{parts[1]}") if parts and parts[0] in {"http", "https"} else ""


def _split(url: str) -> tuple[str, str, str] | None:
    """Scheme, host with port, and the rest; None for what no browser should follow."""
    if _UNFIT.search(url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = parts.netloc.rpartition(":")[0] if port is not None else parts.netloc
    if not _HOST.fullmatch(host.lower()):
        return None
    return parts.scheme.lower(), parts.netloc, parts.path + parts.query + parts.fragment


def clean_line(raw: str) -> str:
    """Text of one line that may stand in a mail's header or body.

    Raises:
        ValueError: a line break or another control character, or an encoded word of RFC 2047.
    """
    text = raw.strip()
    if re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", text):
        raise ValueError("Write this on one line.")
    if _ENCODED_WORD.search(text):
        raise ValueError("Write plain words here.")
    return text


def fingerprint(once: str, values: Iterable[tuple[str, str]]) -> bytes:
    """Names one post: the page's own key and everything in it. The same post twice counts once (32 bytes)."""
    parts = "\x1f".join(f"{name}\x1e{value}" for name, value in sorted(values))
    return hashlib.sha256(f"{once}\x1d{parts}".encode()).digest()
