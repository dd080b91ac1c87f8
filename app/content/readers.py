"""The values of the merge tags for one reader: one place for mails, previews and public copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel.core import UnknownLocaleError
from babel.dates import format_date

from app.accounts.rules.brand import Brand
from app.content.variables import NEWSLETTER, samples


@dataclass(frozen=True, slots=True)
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
        **own_values(reader, brand, permission_at=permission_at, language=language),
    }


def shared_values(brand: Brand, *, topic: str, links: Mapping[str, str]) -> dict[str, Any]:
    """Those of ``reader_values`` that do not tell readers apart, but for what stands in the links."""
    return {"brand": _brand(brand), "topic": {"name": topic}, "links": links}


def own_values(
    reader: Reader, brand: Brand, *, permission_at: datetime | None, language: str = "en"
) -> dict[str, Any]:
    """Those of ``reader_values`` that are one reader's own."""
    return {
        "contact": {
            "first_name": reader.first_name,
            "last_name": reader.last_name,
            "email": reader.email,
            "fields": {key: _plain(value) for key, value in reader.fields.items()},
        },
        "permission": _moment(permission_at, brand.time_zone, language) if permission_at else {},
    }


def sample_values(brand: Brand, links: Mapping[str, str]) -> dict[str, Any]:
    """Values of a made-up reader."""
    return {**samples(NEWSLETTER), "brand": _brand(brand), "links": links}


def public_values(brand: Brand, topic: str = "") -> dict[str, Any]:
    """Values of nobody: for copies that everybody may read, without a name and without a personal link."""
    return {"brand": _brand(brand), "topic": {"name": topic}}


def _plain(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value


@lru_cache(maxsize=64)
def _brand(brand: Brand) -> Mapping[str, str]:
    return {
        "name": brand.name,
        "short_name": brand.short_name,
        "site": brand.site or "",
        "logo": brand.logo_url or "",
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
