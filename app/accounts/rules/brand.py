"""A workspace as readers see it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from uuid import UUID

from app.accounts.rules import colour


@dataclass(frozen=True, slots=True)
class Brand:
    """What pages and mails show of a workspace; addresses that are not set are None."""

    id: UUID
    public_id: str
    name: str
    short_name: str
    site: str | None
    logo_url: str | None
    """A path of ours."""
    postal_address: str
    imprint_url: str | None
    privacy_url: str | None
    contact_email: str | None
    language: str
    time_zone: str
    accent: str
    country: str
    """Two letters, or empty."""
    heading_font: str = ""
    """A name of the list of fonts; empty: the usual one."""
    text_font: str = ""
    footer: str = ""
    """More words for the footer of letters."""

    @property
    def css_url(self) -> str:
        """The brand's style sheet; the address changes with its content, so it may be cached for ever."""
        return f"/brand/{self.public_id}.css?v={css_version(self.accent)}"

    @property
    def palette(self) -> colour.Palette:
        """The readable colours of the accent."""
        return colour.palette(self.accent)


@dataclass(frozen=True, slots=True)
class Details:
    """What somebody may say about a brand; addresses are absolute, texts may be empty where they have a default."""

    name: str
    postal_address: str
    language: str
    site: str = ""
    accent: str = colour.DEFAULT_ACCENT
    short_name: str = ""
    time_zone: str = ""
    imprint_url: str = ""
    privacy_url: str = ""
    contact_email: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """How letters look beside their accent: names of fonts, words for the footer, the path of the logo; all may be empty."""

    logo: str = ""
    heading_font: str = ""
    text_font: str = ""
    footer: str = ""


def time_zone_of(language: str) -> str:
    """The first guess, until somebody chooses."""
    return {"en": "Europe/London", "de": "Europe/Berlin"}.get(language, "UTC")


def css_version(accent: str) -> str:
    """Changes whenever the brand's style sheet does."""
    return hashlib.sha256(colour.palette(accent).css.encode()).hexdigest()[:10]


def host_of(url: str) -> str:
    """``oxbow.example`` of ``https://oxbow.example/shop``; empty where there is no address."""
    return url.partition("://")[2].partition("/")[0]
