"""Questions that many forms ask, ready in every language: where somebody lives, about a household, about a company.

A question becomes a field of the workspace's own when a form first asks it; until then it costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from babel import Locale

from app.contacts.rules import FieldKind, fold_name
from app.forms.rules import BIRTHDAY, CUSTOM
from app.kernel import i18n
from app.kernel.i18n import gettext as _


@dataclass(frozen=True, slots=True)
class Question:
    """A ready question.

    Args:
        key: of the custom field.
        group: what it is about, as staff reads it.
        label: the field's name, as staff reads it.
        kind: what it holds.
        asked: its words in the language in use.
        choices: answers to choose from; they read the same in every language.
        autocomplete: what a browser may fill in.
    """

    key: str
    group: str
    label: str
    kind: FieldKind
    asked: Callable[[], str]
    choices: tuple[str, ...] = ()
    autocomplete: str = ""

    @property
    def name(self) -> str:
        """As a form names it."""
        return CUSTOM + self.key

    def as_field(self) -> AskedField:
        """As a form shows it before the workspace has the field."""
        return AskedField(self.key, self.label, self.kind.value, list(self.choices))


@dataclass(slots=True)
class AskedField:
    """The part of a custom field that showing it needs."""

    key: str
    label: str
    kind: str
    choices: list[str]


QUESTIONS = (
    Question("country", "Person", "Country", FieldKind.COUNTRY, lambda: _("Country"), autocomplete="country"),
    Question(BIRTHDAY, "Person", "Birthday", FieldKind.DATE, lambda: _("Birthday"), autocomplete="bday"),
    Question(
        "household_size", "Household", "People in the household", FieldKind.NUMBER,
        lambda: _("How many people live in your household?"),
    ),
    Question(
        "household_children", "Household", "Children in the household", FieldKind.NUMBER,
        lambda: _("How many of them are children?"),
    ),
    Question(
        "company", "Company", "Company", FieldKind.TEXT, lambda: _("Company"), autocomplete="organization"
    ),
    Question(
        "company_role", "Company", "Role in the company", FieldKind.TEXT, lambda: _("Your role there"),
        autocomplete="organization-title",
    ),
    Question(
        "company_size", "Company", "People in the company", FieldKind.CHOICE,
        lambda: _("How many people work there?"), choices=("1", "2–9", "10–49", "50–249", "250+"),
    ),
)  # fmt: skip
_BY_NAME = {question.name: question for question in QUESTIONS}


def find(name: str) -> Question | None:
    """The ready question of that name, if it is one."""
    return _BY_NAME.get(name)


def countries() -> list[tuple[str, str]]:
    """(two letters, name) of every country, sorted as the language in use sorts them by eye."""
    names = Locale.parse(i18n.current()).territories
    found = [(code, name) for code, name in names.items() if code in i18n.country_codes()]
    return sorted(found, key=lambda pair: _plain(pair[1]))


def _plain(name: str) -> str:
    return fold_name(name)
