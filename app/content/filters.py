"""The filters that a merge tag may use: plain functions on plain values; none can fail or grow its input much."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import quote

from babel.core import UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal

_DATE_STYLES: Final = frozenset({"short", "medium", "long", "full"})


def as_text(value: Any) -> str:
    """How a value without a filter is written; what is no plain value is written as nothing."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, int | float | Decimal | date):
        return str(value)
    return ""


def _default(value: Any, _language: str, other: Any) -> Any:
    return other if value is None or value == "" else value


def _upper(value: Any, _language: str) -> str:
    return as_text(value).upper()


def _lower(value: Any, _language: str) -> str:
    return as_text(value).lower()


def _title(value: Any, _language: str) -> str:
    return " ".join(word[:1].upper() + word[1:] for word in as_text(value).split(" "))


def _capitalize(value: Any, _language: str) -> str:
    text = as_text(value)
    return text[:1].upper() + text[1:]


def _trim(value: Any, _language: str) -> str:
    return as_text(value).strip()


def _truncate(value: Any, _language: str, length: Any = 80) -> str:
    text = as_text(value)
    limit = length if isinstance(length, int) and 0 < length < 10_000 else 80
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _urlencode(value: Any, _language: str) -> str:
    return quote(as_text(value), safe="", errors="replace")


def _date(value: Any, language: str, style: Any = "long") -> str:
    """A date or an ISO 8601 text in the words of the language; anything else as it is."""
    day = _as_date(value)
    if day is None:
        return as_text(value)
    try:
        return format_date(day, style if style in _DATE_STYLES else "long", locale=language)
    except (UnknownLocaleError, ValueError):
        return day.isoformat()


def _as_date(value: Any) -> date | None:
    if isinstance(value, date):
        return value
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value).date()
    except ValueError:
        return None


def _number(value: Any, language: str) -> str:
    amount = _as_decimal(value)
    if amount is None:
        return as_text(value)
    try:
        return format_decimal(amount, locale=language)
    except (UnknownLocaleError, ValueError):
        return str(amount)


def _money(value: Any, language: str, currency: Any = "EUR") -> str:
    amount = _as_decimal(value)
    if amount is None:
        return as_text(value)
    code = currency if isinstance(currency, str) and len(currency) == 3 and currency.isalpha() else "EUR"
    try:
        return format_currency(amount, code.upper(), locale=language)
    except (UnknownLocaleError, ValueError):
        return f"{amount} {code.upper()}"


def _as_decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount.adjusted()) < 30 else None


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter by name.

    Attributes:
        run: takes the value, the language and its arguments.
        least: fewest arguments.
        most: most arguments.
        says: what it does, for the picker.
    """

    run: Callable[..., Any]
    least: int
    most: int
    says: str


FILTERS: Final[dict[str, Filter]] = {
    "default": Filter(_default, 1, 1, "a word to use where the value is missing"),
    "upper": Filter(_upper, 0, 0, "all capitals"),
    "lower": Filter(_lower, 0, 0, "all small letters"),
    "title": Filter(_title, 0, 0, "a capital at the start of each word"),
    "capitalize": Filter(_capitalize, 0, 0, "a capital at the start"),
    "trim": Filter(_trim, 0, 0, "without spaces at both ends"),
    "truncate": Filter(_truncate, 0, 1, "cut to a length"),
    "date": Filter(_date, 0, 1, "a date: short, medium, long or full"),
    "number": Filter(_number, 0, 0, "a number in the reader's writing"),
    "money": Filter(_money, 0, 1, "an amount with its currency, such as “EUR”"),
    "urlencode": Filter(_urlencode, 0, 0, "safe inside a link"),
}
