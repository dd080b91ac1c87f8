"""Words in the reader's language: PO files read once at start, English where a word is missing."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextvars import ContextVar
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.messages.pofile import read_po
from babel.numbers import format_currency

from app.kernel import clock

DEFAULT = "en"
FOLDER = Path(__file__).parent.parent / "translations"
NAMES = {
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "it": "Italiano",
    "nl": "Nederlands",
    "pt": "Português",
}
_NO_COUNTRY = frozenset(["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"])
"""Codes of the locale data that name a group, a test or an outlying place."""
_FROM_RIGHT = frozenset({"ar", "fa", "he", "ur"})
_JUST_NOW = timedelta(seconds=5)
_language: ContextVar[str] = ContextVar("language", default=DEFAULT)
_catalogues: dict[str, tuple[dict[str, tuple[str, ...]], Callable[[int], int]]] = {}


def languages() -> tuple[str, ...]:
    """The languages that public pages speak, English first."""
    return tuple(NAMES)


def use(language: str) -> None:
    """Choose the language of this request or mail; an unknown one becomes English."""
    _language.set(language if language in NAMES else DEFAULT)


def current() -> str:
    """The language in use."""
    return _language.get()


def best(accept_language: str, among: Collection[str] = tuple(NAMES), otherwise: str = DEFAULT) -> str:
    """The language that a browser's Accept-Language asks for first.

    Args:
        accept_language: the header.
        among: what there is to choose from.
        otherwise: the answer when none of it is asked for.
    """
    wanted: list[tuple[float, str]] = []
    for part in accept_language.split(",")[:20]:
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        wanted.append((-weight, tag.lower().split("-")[0]))
    return next((tag for _, tag in sorted(wanted, key=lambda item: item[0]) if tag in among), otherwise)


def direction(language: str) -> str:
    """The side that a language's lines begin on: ``ltr`` or ``rtl``."""
    return "rtl" if language.partition("-")[0] in _FROM_RIGHT else "ltr"


def gettext(message: str) -> str:
    """The message in the language in use."""
    strings, _ = _catalogue(_language.get())
    found = strings.get(message)
    return found[0] if found and found[0] else message


def ngettext(singular: str, plural: str, n: int) -> str:
    """The form for n."""
    strings, index = _catalogue(_language.get())
    found = strings.get(singular)
    if found and len(found) > 1 and found[index(n)]:
        return found[index(n)]
    return singular if n == 1 else plural


def _catalogue(language: str) -> tuple[dict[str, tuple[str, ...]], Callable[[int], int]]:
    if language not in _catalogues:
        _catalogues[language] = _read(language)
    return _catalogues[language]


def _read(language: str) -> tuple[dict[str, tuple[str, ...]], Callable[[int], int]]:
    path = FOLDER / language / "LC_MESSAGES" / "messages.po"
    if not path.exists():
        return {}, _two_forms
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language)
    strings: dict[str, tuple[str, ...]] = {}
    for message in catalogue:
        if not message.id or message.fuzzy:
            continue
        key = message.id if isinstance(message.id, str) else message.id[0]
        value = message.string
        strings[key] = (value,) if isinstance(value, str) else tuple(value or ())
    return strings, _two_forms


def _two_forms(n: int) -> int:
    return 0 if n == 1 else 1


def day(moment: datetime, zone: str = "UTC") -> str:
    """A date in full: 22 November 2026."""
    return format_date(moment.astimezone(ZoneInfo(zone)), format="long", locale=_babel())


def minute(moment: datetime, zone: str = "UTC") -> str:
    """Hour and minute: 09:14."""
    return format_time(moment.astimezone(ZoneInfo(zone)), format="HH:mm", locale=_babel())


def instant(moment: datetime, zone: str = "UTC") -> str:
    """Date and time in full."""
    return format_datetime(moment.astimezone(ZoneInfo(zone)), format="d MMMM y, HH:mm", locale=_babel())


def money(amount: Decimal, currency: str) -> str:
    """An amount with as many decimals as its currency has, and the three letters: 1,240.50 EUR."""
    return format_currency(amount, currency, format="#,##0.00 ¤¤", locale=_babel())


def ago(moment: datetime, now: datetime | None = None) -> str:
    """How long ago, in words: 3 minutes ago; what comes reads "in 2 days"."""
    passed = moment - (now or clock.now())
    if abs(passed) < _JUST_NOW:
        return gettext("just now")
    return format_timedelta(passed, add_direction=True, locale=_babel())


def _babel() -> str:
    return "en_GB" if _language.get() == "en" else _language.get()


@lru_cache(maxsize=1)
def country_codes() -> frozenset[str]:
    """The two letters of every country."""
    known = map(str, Locale(DEFAULT).territories)
    return frozenset(code for code in known if len(code) == 2 and code.isalpha()) - _NO_COUNTRY


@lru_cache(maxsize=1)
def countries() -> tuple[tuple[str, str], ...]:
    """Countries (two letters) by their English names, for a list to choose from."""
    names = Locale(DEFAULT).territories
    found = ((code, names[code]) for code in country_codes())
    return tuple(sorted(found, key=lambda pair: pair[1]))
