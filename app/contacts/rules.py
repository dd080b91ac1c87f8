"""Pure decisions about people: masking an address, reading a typed field."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from app.kernel import comparing, i18n
from app.kernel.segment_fields import Type

KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
MAX_TEXT = 1000
MAX_NAME = 80
MAX_DIGITS = 64
"""Of a number as it is stored: PostgreSQL reads 16,383 behind the point, and a segment ends with an error beyond."""
FORMER = "former"
"""Channel of the address of somebody who was merged: it leads to who they are now."""
PHONE_KEYS = ("phone", "mobile", "telephone", "phone_number", "mobile_phone", "tel", "cell", "telefon", "handy")
"""Fields that hold a telephone number, by their key: the first that somebody has tells who may be the same."""
NUMBER_KEYS = ("external_id", "customer_id", "customer_number", "customer_no", "member_id", "kundennummer")
"""Fields that hold what another program calls somebody, in the same way."""
ZONE_KEYS = ("time_zone", "timezone", "zeitzone", "tz")
"""Fields that hold somebody's time zone by its IANA name, in the same way."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
# Letters that Unicode does not take apart, as people type them on another keyboard.
_PLAIN = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe"})


class FieldKind(StrEnum):
    """What a custom field holds."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    CHOICE = "choice"
    MULTI_CHOICE = "multi_choice"
    BOOLEAN = "boolean"
    COUNTRY = "country"
    MONEY = "money"


FieldValue = str | bool | list[str] | None


class KnownField(Protocol):
    """The part of a workspace's own field that reading answers needs."""

    key: str
    label: str
    kind: str
    choices: list[str]


def country_among(fields: Iterable[KnownField], told: Mapping[str, Sequence[str]]) -> str:
    """The country among what somebody tells (raw, by key): the first field of that kind, two letters or empty."""
    for field in fields:
        value = next(iter(told.get(field.key, ())), "").strip()
        if field.kind == FieldKind.COUNTRY and value:
            return value.upper()
    return ""


def mask(address: str) -> str:
    """An address as a page shows it that a forwarded mail can open: ``m•••@ex….org``."""
    local, _, domain = address.rpartition("@")
    name, _, ending = domain.rpartition(".")
    return f"{local[:1]}•••@{name[:2]}….{ending}" if name else f"{local[:1]}•••"


def clean_name(raw: str) -> str:
    """A name on one line, without spaces too many.

    Raises:
        ValueError: longer than 80 characters or with a control character in it.
    """
    name = " ".join(part for part in raw.split(" ") if part)
    if _CONTROL.search(name):
        raise ValueError("Write the name on one line.")
    if len(name) > MAX_NAME:
        raise ValueError(f"Write at most {MAX_NAME} characters.")
    return name


def fold_name(name: str) -> str:
    """A name as it is searched: without case and accents, so that ``yildiz`` finds ``Yıldız``."""
    if name.isascii():
        return name.lower()
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).translate(_PLAIN)


def read_field(kind: FieldKind, raw: str | Sequence[str], choices: Sequence[str] = ()) -> FieldValue:
    """The stored form of what somebody wrote; numbers and money stay exact decimal text, dates ISO 8601.

    Returns:
        None for an empty value.

    Raises:
        ValueError: says how to write it.
    """
    if kind is FieldKind.MULTI_CHOICE:
        return _several([raw] if isinstance(raw, str) else list(raw), choices)
    value = (raw if isinstance(raw, str) else next(iter(raw), "")).strip()
    if not value:
        return None
    if kind is FieldKind.CHOICE:
        return _one_of(value, choices)
    return _READERS[kind](value)


def _text(value: str) -> str:
    if len(value) > MAX_TEXT:
        raise ValueError(f"Write at most {MAX_TEXT} characters.")
    if _UNSTORABLE.search(value):
        raise ValueError("Remove the characters that cannot be read.")
    return value


def _number(value: str) -> str:
    try:
        number = Decimal(value.replace(" ", "").replace(",", "."))
    except InvalidOperation:
        raise ValueError("Write a number, like 12 or 3.5.") from None
    if not number.is_finite() or abs(number.adjusted()) > 30:
        raise ValueError("Write a number, like 12 or 3.5.")
    written = format(number, "f")
    if len(written) > MAX_DIGITS:
        raise ValueError("Write a number, like 12 or 3.5.")
    return written


def _date(value: str) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise ValueError("Write a date, like 2026-11-22.") from None


def _boolean(value: str) -> bool:
    if value.lower() in {"1", "yes", "true", "on"}:
        return True
    if value.lower() in {"0", "no", "false", "off"}:
        return False
    raise ValueError("Write yes or no.")


def _country(value: str) -> str:
    if value.upper() not in i18n.country_codes():
        raise ValueError("Write the country's two letters, like DE.")
    return value.upper()


def _money(value: str) -> str:
    match = re.fullmatch(r"(-?[0-9]{1,15}(?:\.[0-9]{1,4})?)\s*([A-Za-z]{3})", value)
    if not match:
        raise ValueError("Write amount and currency, like 12.50 EUR.")
    return f"{match.group(1)} {match.group(2).upper()}"


def _one_of(value: str, choices: Sequence[str]) -> str:
    if value not in choices:
        raise ValueError("Choose one of the values offered.")
    return value


def _several(values: Sequence[str], choices: Sequence[str]) -> list[str] | None:
    chosen = [_one_of(value.strip(), choices) for value in values if value.strip()]
    return sorted(set(chosen), key=list(choices).index) or None


_READERS: dict[FieldKind, Callable[[str], FieldValue]] = {
    FieldKind.TEXT: _text,
    FieldKind.NUMBER: _number,
    FieldKind.DATE: _date,
    FieldKind.BOOLEAN: _boolean,
    FieldKind.COUNTRY: _country,
    FieldKind.MONEY: _money,
}


# --- Indexes of own fields --------------------------------------------------------------------------------------

INDEX_NAME: Final = "ix_own_field_"
"""So the names of indexes begin that answer for one field of one workspace; its id follows."""
_INDEXED = {
    FieldKind.TEXT: Type.TEXT,
    FieldKind.NUMBER: Type.NUMBER,
    FieldKind.DATE: Type.DAY,
    FieldKind.MONEY: Type.MONEY,
}


@dataclass(frozen=True, slots=True)
class Index:
    """``CREATE INDEX name ON on``."""

    name: str
    on: str


def field_key(key: str) -> str:
    """How rules of a segment name a field."""
    return f"contacts.field.{key}"


def stored_text(fields: str, key: str) -> str:
    """What somebody's fields hold under a key, as SQL."""
    return f"({fields} ->> {key})"


def index_name(field_id: UUID) -> str:
    """The name of the index of a field."""
    return f"{INDEX_NAME}{field_id.hex}"


def index_of(workspace_id: UUID, field_id: UUID, kind: FieldKind, key: str) -> Index | None:
    """The index that answers conditions on a field; None: its kind has none of its own.

    Its key is of letters, digits and underscores, so it may stand in a statement that takes no values.
    """
    if kind not in _INDEXED or not KEY.fullmatch(key):
        return None
    columns = comparing.columns(_INDEXED[kind], stored_text("fields", f"'{key}'"))
    # Who has none of it stands in no index; whoever compares with something means none of them.
    where = f"workspace_id = '{workspace_id}'::uuid AND {columns[0]} IS NOT NULL"
    return Index(index_name(field_id), f"contacts ({', '.join(columns)}) WHERE {where}")
