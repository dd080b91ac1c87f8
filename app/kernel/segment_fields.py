"""What a room declares so that people can be chosen by it: plain data, put into SQL by the room of segments.

All text of SQL stands in declarations; whatever somebody wrote reaches a statement as a bound value. Statements
know ``c`` (a row of ``contacts``), ``:workspace_id`` and ``:now``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo


class Type(StrEnum):
    """What a field holds, hence which operators it has and what its SQL must give."""

    TEXT = "text"
    NUMBER = "number"
    """SQL: numeric."""
    MONEY = "money"
    """SQL: text, ``12.50 EUR``."""
    DAY = "day"
    """SQL: text, ISO 8601."""
    MOMENT = "moment"
    """SQL: timestamptz."""
    CHOICE = "choice"
    """One value of ``choices``; SQL: text."""
    CHOICES = "choices"
    """Any values of ``choices``; SQL: a JSON array."""
    ACT = "act"
    """Something that happened to or by a person, any number of times."""
    MEMBER = "member"
    """In another group of people; a value of ``choices``."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One rule about a field, read and checked; ``op`` is never a negative one, the compiler turns those around.

    Attributes:
        value: str, Decimal, (Decimal, currency) or date, as the field's type says.
        of: one of the field's ``of_choices``; None: of any.
    """

    op: str
    value: Any = None
    times: int | None = None
    days: int | None = None
    of: str | None = None


@dataclass(slots=True)
class Bound:
    """A statement in the making: its values by name, and what its text may refer to.

    Attributes:
        others: the SELECT (contact_id) of a segment by its id.
        is_sampled: of one person in ``sampling.ONE_IN`` only.
    """

    workspace_id: UUID
    now: datetime
    zone: ZoneInfo
    others: Callable[[UUID], str]
    is_sampled: bool = False
    values: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: Any) -> str:
        """The value's name in the text."""
        name = f"segment_{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    @property
    def today(self) -> date:
        """The day in the workspace's time zone."""
        return self.now.astimezone(self.zone).date()

    def midnight(self, day: date) -> datetime:
        """When a day begins in the workspace's time zone."""
        return datetime(day.year, day.month, day.day, tzinfo=self.zone)

    def ago(self, days: int) -> datetime:
        """So many times 24 hours before now."""
        return self.now - timedelta(days=days)


@dataclass(frozen=True, slots=True)
class Test:
    """A condition on ``c``."""

    __test__ = False  # pytest takes what is named so for a test

    sql: str


@dataclass(frozen=True, slots=True)
class People:
    """A SELECT of ``contact_id`` that refers to nothing outside of it; with ``are_not`` everybody else is meant.

    One may be there several times. Uncorrelated, so that PostgreSQL hashes it once instead of looking people up.
    """

    sql: str
    are_not: bool = False


@dataclass(frozen=True, slots=True)
class Own:
    """The value stands on the person's own row: an expression over ``c``; ``{name}`` is one of the values.

    Attributes:
        may_be_indexed: there may be an index of ``comparing.columns``, so conditions are written as those.
    """

    expression: str
    values: Mapping[str, Any] = field(default_factory=dict)
    may_be_indexed: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """The value stands in rows elsewhere.

    Attributes:
        rows: what follows FROM, up to the last condition: ``addresses a WHERE a.workspace_id = :workspace_id``.
        contact: expression of the person's id.
        expression: of the value.
    """

    rows: str
    contact: str
    expression: str


@dataclass(frozen=True, slots=True)
class Acts:
    """Rows of which each is one act.

    Attributes:
        rows, contact: as those of ``Rows``; ``{name}`` in ``rows`` is one of the values.
        at: expression of the moment.
        of: expression of what ``of_choices`` name, a bigint; empty: they name nothing.
    """

    rows: str
    contact: str
    at: str
    of: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


Special = Callable[[Condition, Bound], Test | People]


@dataclass(frozen=True, slots=True)
class SegmentField:
    """Something by which people can be chosen.

    Attributes:
        key: how stored rules name it; never changes.
        label: in a list of fields.
        group: under which it stands there.
        sql: how a condition on it comes about.
        phrase: in a sentence; without one the label, with a small first letter.
        operators: names of those offered; empty: all of its type.
        choices: (value, label) of the types that choose.
        of: which ``SegmentChoices`` narrow an act.
        is_old: archived: rules that name it go on, new ones do not begin.
    """

    key: str
    label: str
    group: str
    type: Type
    sql: Own | Rows | Acts | Special
    phrase: str = ""
    operators: tuple[str, ...] = ()
    choices: tuple[tuple[str, str], ...] = ()
    of: str = ""
    of_choices: tuple[tuple[str, str], ...] = ()
    is_old: bool = False

    @property
    def said(self) -> str:
        """How a sentence calls it."""
        return self.phrase or self.label[:1].lower() + self.label[1:]


OwnFields = Callable[[UUID], list[SegmentField]]
"""Fields that each workspace has of its own."""


@dataclass(frozen=True, slots=True)
class SegmentChoices:
    """What acts of another room can be narrowed to: ``read(workspace_id)`` gives (value, label), newest first."""

    of: str
    read: Callable[[UUID], tuple[tuple[str, str], ...]]
