"""The values of the merge tags for one reader: one place for mails, previews and public copies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.core import UnknownLocaleError
from babel.dates import format_date

from app.accounts.rules.brand import Brand
from app.content import places
from app.content.variables import NEWSLETTER, Several, Variable, samples


@dataclass(slots=True)
class Reader:
    """Somebody who gets a letter; ``fields`` are the workspace's own, by key, as they are stored."""

    first_name: str = ""
    last_name: str = ""
    email: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)


def reader_values(
    reader: Reader,
    brand: Brand,
    *,
    topic: str,
    permission_at: datetime | None,
    links: Mapping[str, str],
    language: str = "en",
) -> dict[str, Any]:
    """A tree of the names in ``variables.NEWSLETTER`` for one reader.

    Args:
        reader: whom the letter is for.
        brand: who writes.
        topic: name of the interest that the letter belongs to.
        permission_at: when the reader said yes to it.
        links: addresses of unsubscribe, preferences, why and web_view.
        language: of the letter.
    """
    return {
        **shared_values(brand, topic=topic, links=links),
        **Own(reader, brand, permission_at, language).tree(),
    }


def shared_values(brand: Brand, *, topic: str, links: Mapping[str, str]) -> dict[str, Any]:
    """Those of ``reader_values`` that do not tell readers apart, but for what stands in the links."""
    return {"brand": _brand(brand), "topic": {"name": topic}, "links": links}


class Own:
    """The values that are one reader's own, each worked out when a tag asks for it: thousands are made each second.

    Attributes:
        first_name, last_name, email: the reader's.
        fields: the workspace's own, by key, as they are stored.
    """

    __slots__ = ("_brand", "_known", "_language", "_said_at", "email", "fields", "first_name", "last_name")

    def __init__(self, reader: Reader, brand: Brand, permission_at: datetime | None, language: str) -> None:
        self.first_name = reader.first_name
        self.last_name = reader.last_name
        self.email = reader.email
        self.fields = reader.fields
        self._brand = brand
        self._said_at = permission_at
        self._language = language
        self._known: dict[str, str] | None = None

    @property
    def day(self) -> str:
        """Of the yes."""
        return self._moment["date"]

    @property
    def minute(self) -> str:
        """Of the yes."""
        return self._moment["time"]

    @property
    def _moment(self) -> dict[str, str]:
        if self._known is None:
            said_at = self._said_at
            self._known = _moment(said_at, self._brand.time_zone, self._language) if said_at else _NO_MOMENT
        return self._known

    def tree(self) -> dict[str, Any]:
        """As merge tags name them."""
        return {
            "contact": {
                "first_name": self.first_name,
                "last_name": self.last_name,
                "email": self.email,
                "fields": {key: _plain(value) for key, value in self.fields.items()},
            },
            "permission": self._moment if self._said_at else {},
        }


_NO_MOMENT: Final = {"date": "", "time": ""}
OWN_NAMES: Final = {
    "contact.first_name": "first_name",
    "contact.last_name": "last_name",
    "contact.email": "email",
    "permission.date": "day",
    "permission.time": "minute",
}
"""Merge tags' names of text in ``Own``, and what it is called there."""


def transactional_values(reader: Reader, brand: Brand) -> dict[str, Any]:
    """A tree of the names in ``variables.TRANSACTIONAL``: whom it is for and who writes, and no way to leave."""
    return {"brand": _brand(brand), "contact": Own(reader, brand, None, "").tree()["contact"]}


def sample_values(brand: Brand, links: Mapping[str, str], names: Iterable[Variable] = ()) -> dict[str, Any]:
    """Values of a made-up reader, who has told all of ``names``, too: those of the workspace's own fields."""
    return {**samples((*NEWSLETTER, *names)), "brand": _brand(brand), "links": links}


def public_values(brand: Brand, topic: str = "") -> dict[str, Any]:
    """Values of nobody: for copies that everybody may read, without a name and without a personal link."""
    return {"brand": _brand(brand), "topic": {"name": topic}}


def _plain(value: Any) -> Any:
    return Several(value) if isinstance(value, list) else value


@lru_cache(maxsize=64)
def _brand(brand: Brand) -> Mapping[str, str]:
    return {
        "name": brand.name,
        "short_name": brand.short_name,
        "site": brand.site or "",
        "logo": f"{places.base()}{brand.logo_url}" if brand.logo_url else "",
        "footer": brand.footer,
        "postal_address": ", ".join(
            line.strip() for line in brand.postal_address.splitlines() if line.strip()
        ),
    }


def _moment(moment: datetime, zone: str, language: str) -> dict[str, str]:
    local = moment.astimezone(ZoneInfo(zone))
    return {"date": _day(local.toordinal(), language), "time": f"{local.hour:02d}:{local.minute:02d}"}


@lru_cache(maxsize=4096)
def _day(ordinal: int, language: str) -> str:
    day = datetime.fromordinal(ordinal).date()
    try:
        return format_date(day, "long", locale="en_GB" if language == "en" else language)
    except (UnknownLocaleError, ValueError):
        return day.isoformat()
