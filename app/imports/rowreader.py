"""From the cells of a row to what we would know of a person, or to the reason why we cannot."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from app.consent.rules import Reason
from app.contacts.addresses import Address, AddressError, normalise
from app.contacts.rules import FieldKind, clean_name, fold_name, read_field
from app.groups import rules as groups
from app.imports import numerals, rules
from app.imports.rules import FIELD, Plan, Target, iso_day, language_of, read_moment
from app.kernel import i18n
from app.tags import rules as tags

_SEVERAL: Final = (";", "|", ",")
_NO_TARGETS: Final = (Target.STATUS, Target.SAID_NO, Target.BOUNCED)


class Refused(ValueError):
    """A row that is left out; the text says why, in the words of its column."""


@dataclass(frozen=True, slots=True)
class OwnField:
    """A workspace's own field, as far as reading a cell needs it."""

    key: str
    label: str
    kind: FieldKind
    choices: tuple[str, ...]


@dataclass(slots=True)
class Row:
    """What a row says; None and no entry: the file says nothing about it."""

    address: Address
    first_name: str | None = None
    last_name: str | None = None
    language: str | None = None
    fields: dict[str, Any] | None = None
    tags: dict[str, str] | None = None
    company: str | None = None
    said_at: datetime | None = None
    """When they said yes; of a row that tells a no, when that was."""
    source: str | None = None
    ip: str | None = None
    no: Reason | None = None
    """Why they are written to no more where the file comes from; then nothing else of the row is read."""
    is_open: bool = False
    """Their state there is no yes."""

    @property
    def name_folded(self) -> str:
        """As the search looks at it, where the file names both."""
        return fold_name(f"{self.first_name or ''} {self.last_name or ''}".strip())

    @property
    def fields_json(self) -> str | None:
        """The own fields as they are stored."""
        return json.dumps(self.fields, ensure_ascii=False) if self.fields else None

    @property
    def company_folded(self) -> str | None:
        """As companies are told apart."""
        return groups.fold(self.company) if self.company else None

    @property
    def tags_json(self) -> str | None:
        """The tags as they are stored."""
        return json.dumps(self.tags, ensure_ascii=False) if self.tags else None


class RowReader:
    """Reads rows by one plan."""

    def __init__(self, plan: Plan, fields: Sequence[OwnField], *, default_said_at: datetime | None = None) -> None:
        """Prepare for a file.

        Args:
            plan: what each column holds.
            fields: the workspace's own.
            default_said_at: when people said yes whose row does not tell.
        """
        self._month_first = plan.month_first
        own = {f"{FIELD}{found.key}": found for found in fields}
        readers: dict[str, Callable[[Row, str], None]] = {
            Target.FIRST_NAME: self._first_name,
            Target.LAST_NAME: self._last_name,
            Target.FULL_NAME: self._full_name,
            Target.LANGUAGE: self._language,
            Target.TAGS: self._tags,
            Target.COMPANY: self._company,
            Target.SAID_AT: self._said_at,
            Target.SOURCE: self._source,
            Target.IP: self._ip,
            Target.STATUS: self._status,
        }
        self._steps: list[tuple[int, str, Callable[[Row, str], None]]] = []
        self._address_at = plan.targets.index(Target.EMAIL)
        for number, target in enumerate(plan.targets):
            if target in own:
                decimal = plan.decimals[number] if number < len(plan.decimals) else numerals.NONE
                reader = _field_reader(own[target], self._month_first, decimal)
                self._steps.append((number, own[target].label, reader))
            elif target in readers:
                self._steps.append((number, target, readers[target]))
        self._noes = [(number, target) for number, target in enumerate(plan.targets) if target in _NO_TARGETS]
        self._default_said_at = default_said_at
        self._default_source = plan.permission.source if plan.permission else ""

    def read(self, cells: Sequence[str]) -> Row:
        """A row's person.

        Raises:
            Refused: why it is left out.
        """
        no = self._no(cells)
        for cell in cells if no is None else (cells[self._address_at],):
            if "\ufffd" in cell or "\x00" in cell:
                raise Refused("holds characters that cannot be read in this encoding")
        try:
            row = Row(normalise(cells[self._address_at]), no=no)
        except AddressError as fault:
            raise Refused(fault.reason if cells[self._address_at] else "has no email address") from None
        if no is not None:
            row.said_at = self._no_at(no, cells)
            return row
        row.said_at, row.source = self._default_said_at, self._default_source or None
        for number, label, step in self._steps:
            cell = cells[number]
            if cell:
                try:
                    step(row, cell)
                except ValueError as fault:
                    raise Refused(f"{label}: {fault}") from None
        if row.is_open:
            row.said_at = row.source = None
        return row

    def _no(self, cells: Sequence[str]) -> Reason | None:
        """The gravest of those that a row tells: whoever complained said no, too."""
        if not self._noes:
            return None
        told = {rules.no_of(target, cells[number]) for number, target in self._noes}
        return next((reason for reason in (Reason.COMPLAINT, Reason.NEVER, Reason.BOUNCE) if reason in told), None)

    def _no_at(self, no: Reason, cells: Sequence[str]) -> datetime | None:
        """When that was, where a column tells a moment and not only that it was."""
        told_by = Target.BOUNCED if no is Reason.BOUNCE else Target.SAID_NO
        cell = next((cells[number] for number, target in self._noes if target == told_by), "")
        try:
            return read_moment(cell, month_first=self._month_first)
        except ValueError:
            return None

    def _status(self, row: Row, cell: str) -> None:
        row.is_open = not rules.is_yes_word(cell)

    def _first_name(self, row: Row, cell: str) -> None:
        row.first_name = clean_name(cell)

    def _last_name(self, row: Row, cell: str) -> None:
        row.last_name = clean_name(cell)

    def _full_name(self, row: Row, cell: str) -> None:
        """The last word is the last name; before a comma stands the last name."""
        last, comma, first = cell.partition(",")
        if not comma:
            first, _, last = cell.rpartition(" ")
            if not first:
                first, last = last, ""
        row.first_name = clean_name(first.strip()) or None
        row.last_name = clean_name(last.strip()) or None

    def _language(self, row: Row, cell: str) -> None:
        row.language = language_of(cell, i18n.languages(), i18n.NAMES)

    def _tags(self, row: Row, cell: str) -> None:
        row.tags = tags.read(cell) or None
        if row.tags and len(row.tags) > tags.MAX_EACH:
            raise ValueError(f"A person carries {tags.MAX_EACH} tags at most.")

    def _company(self, row: Row, cell: str) -> None:
        row.company = groups.clean_name(cell)

    def _said_at(self, row: Row, cell: str) -> None:
        try:
            row.said_at = read_moment(cell, month_first=self._month_first)
        except ValueError:
            raise ValueError("Write the day of the yes, like 2026-11-25.") from None

    def _source(self, row: Row, cell: str) -> None:
        row.source = cell[:400]

    def _ip(self, row: Row, cell: str) -> None:
        row.ip = cell[:45]


def _field_reader(field: OwnField, month_first: bool, decimal: str) -> Callable[[Row, str], None]:
    def read(row: Row, cell: str) -> None:
        written = _written(field, cell, month_first=month_first, decimal=decimal)
        value = read_field(field.kind, written, field.choices)
        if value is not None:
            row.fields = row.fields or {}
            row.fields[field.key] = value

    return read


def _written(field: OwnField, cell: str, *, month_first: bool, decimal: str) -> str | list[str]:
    """A cell as people write it, as a form would have it."""
    if field.kind is FieldKind.NUMBER:
        return numerals.plain(cell, decimal)
    if field.kind is FieldKind.DATE:
        return iso_day(cell, month_first=month_first)
    if field.kind is FieldKind.COUNTRY:
        return cell
    if field.kind is FieldKind.MULTI_CHOICE:
        separator = next((found for found in _SEVERAL if found in cell), ",")
        return [part.strip() for part in cell.split(separator)]
    return cell
