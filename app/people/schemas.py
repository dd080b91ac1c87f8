"""What the pages of people post."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request
from marshmallow import ValidationError, fields, pre_load, validate, validates_schema

from app.consent.rules import Basis, Channel, Reason, Renewal
from app.consent.rules.grounds import Act
from app.contacts.rules import MAX_NAME, MAX_TEXT, FieldKind
from app.forms.rules import CUSTOM
from app.groups.rules import MAX_NAME as MAX_COMPANY
from app.kernel import i18n
from app.kernel.errors import BadInput
from app.kernel.http import csrf
from app.kernel.http.posted import Input, Line, Lines, Tick, load
from app.people import rules
from app.people.grounds import METHODS
from app.people.service import Profile
from app.tags.rules import MAX_WORD

_LANGUAGE = validate.OneOf(i18n.languages(), error="Choose a language that our pages speak.")
_METHOD = validate.OneOf(METHODS, error="Choose one of the ways offered.")
_DAY: dict[str, str | list[Any] | dict[Any, Any]] = dict.fromkeys(
    ("required", "invalid", "null"), "Write a day, like 2026-11-25."
)


_PAGE = validate.Length(max=500, error="These are too many at once.")


class ProfileForm(Input):
    """Names and language; custom fields are read beside it, since each workspace has its own."""

    first_name = Line(longest=MAX_NAME, empty=True)
    last_name = Line(longest=MAX_NAME, empty=True)
    language = fields.String(load_default=i18n.DEFAULT, validate=_LANGUAGE)


class NewPerson(ProfileForm):
    """A person with an address, and what to ask them about."""

    email = Line(longest=1024, message="Write their address.")
    interest = fields.List(
        fields.UUID(error_messages={"invalid_uuid": "Choose from the list."}), load_default=list
    )


class AskAgain(Input):
    """Why people are asked anew; ``before``: also whose yes is older than this day."""

    why = fields.String(
        required=True, validate=validate.OneOf([found.value for found in Renewal], error="Choose one of the reasons.")
    )
    before = fields.Date(load_default=None, error_messages=_DAY)

    @pre_load
    def _no_empty_day(self, data: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        return {name: value for name, value in data.items() if name != "before" or value}


class NeverWrite(Input):
    """Why, in a sentence of staff's own."""

    detail = Line(longest=300, empty=True)


class Correction(Input):
    """What is wrong about an event."""

    remark = Line(longest=500, message="Say what is wrong about it.")


class Ground(Input):
    """Another ground than a person's own double opt-in, with its evidence; days are those of the brand's time zone."""

    basis = fields.Enum(Basis, by_value=True, required=True)
    channel = fields.Enum(Channel, by_value=True, load_default=Channel.EMAIL)
    interest = fields.UUID(load_default=None, error_messages={"invalid_uuid": "Choose from the list."})
    act = fields.Enum(Act, by_value=True, load_default=None)
    happened_at = fields.Date(required=True, error_messages=_DAY)
    until = fields.Date(load_default=None, error_messages=_DAY)
    reference = Line(longest=200, empty=True)
    product_class = Line(longest=80, empty=True)
    objection_offered = Line(longest=200, empty=True)
    balance = Line(longest=500, empty=True)
    text = Line(longest=2000, empty=True)
    method = fields.String(load_default="web", validate=_METHOD)

    @pre_load
    def without_what_was_left_empty(self, values: dict[str, Any], **_: Any) -> dict[str, Any]:
        """An input that was left empty says nothing."""
        return {name: value for name, value in values.items() if value != ""}


class GroundByProgram(Ground):
    """The same from a program."""

    method = fields.String(load_default="api", validate=_METHOD)


class Objection(Input):
    """Where a person wants to hear nothing any more."""

    channel = fields.Enum(Channel, by_value=True, load_default=Channel.EMAIL)


class Nothing(Input):
    """A form that is only a button."""


_WHO: dict[str, str | list[Any] | dict[Any, Any]] = {"invalid_uuid": "Choose people from the list."}
_CHOOSE_ACT = "Choose what to do: press one of the buttons."


class ManyAct(Input):
    """An act on many: ``who`` is chosen, or ``whole``: all of ``shown``, or with ``all`` all whom the search finds.

    Of ``tag``, ``name`` (of a company), ``field`` and ``value`` only what it is about has to be there.
    """

    do = fields.Enum(
        rules.ActKind, by_value=True, required=True,
        error_messages={"required": _CHOOSE_ACT, "unknown": _CHOOSE_ACT},
    )  # fmt: skip
    tag = Line(longest=MAX_WORD, empty=True)
    name = Line(longest=MAX_COMPANY, empty=True)
    field = Line(longest=40, empty=True)
    value = fields.List(fields.String(validate=validate.Length(max=MAX_TEXT)), load_default=list, validate=_PAGE)
    who = fields.List(fields.UUID(error_messages=_WHO), load_default=list, validate=_PAGE)
    shown = fields.List(fields.UUID(error_messages=_WHO), load_default=list, validate=_PAGE)
    whole = Tick()
    all = Tick()

    @pre_load
    def _mean_what_is_written(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Enter presses no act's button: it is for what was written, where that is one thing."""
        written = [act for name, act in rules.ACT_OF_ENTER.items() if str(data.get(name) or "").strip()]
        return data | {"do": written[0].value} if data.get("do") == "" and len(written) == 1 else data

    @validates_schema(skip_on_field_errors=False)
    def _is_whole(self, data: Mapping[str, Any], **_: Any) -> None:
        if "do" not in data:
            return
        name, message = rules.ACT_NEEDS[data["do"]]
        if name in data and not data[name]:
            raise ValidationError(message, name)


class ChosenColumns(Input):
    """What the list shows beside names and addresses."""

    column = fields.List(fields.String(validate=validate.Length(max=200)), load_default=list, validate=_PAGE)


class SuppressionList(Input):
    """Addresses that must not be written to, pasted; a file comes beside it."""

    addresses = Lines(longest=200_000, empty=True)
    reason = fields.Enum(Reason, by_value=True, load_default=Reason.NEVER)


class Erasure(Input):
    """The word that says it is meant."""

    word = Line(
        longest=40,
        message=f"Write the word {rules.ERASE_WORD}.",
        validate=validate.Equal(rules.ERASE_WORD, error=f"Write exactly the word {rules.ERASE_WORD}."),
    )


class NewField(Input):
    """A custom field."""

    label = Line(longest=80, message="Write what the field is called.")
    key = Line(longest=40, empty=True)
    kind = fields.String(
        required=True,
        validate=validate.OneOf(list(FieldKind), error="Choose one of the kinds offered."),
        error_messages={"required": "Choose one of the kinds offered."},
    )
    choices = Lines(longest=4000, empty=True)


class ChangedField(Input):
    """What may change about a custom field."""

    label = Line(longest=80, message="Write what the field is called.")
    choices = Lines(longest=4000, empty=True)


def posted_person(schema: Input) -> tuple[dict[str, Any], Profile]:
    """The checked values, and the profile among them with the custom fields as they were written.

    Raises:
        BadInput: names each field that is missing, wrong or unknown.
    """
    values: dict[str, Any] = {name: raw for name, raw in request.form.items() if name != csrf.FIELD}
    custom = {name: values.pop(name) for name in list(values) if name.startswith(CUSTOM)}
    if "interest" in values:
        values["interest"] = request.form.getlist("interest")
    checked = load(schema, values)
    raw = {name.removeprefix(CUSTOM): request.form.getlist(name) for name in custom}
    return checked, Profile(checked["first_name"], checked["last_name"], checked["language"], raw)


def as_posted(faults: Mapping[str, str], keys: frozenset[str]) -> dict[str, str]:
    """Faults by the name of the input: those of custom fields carry their prefix."""
    return {CUSTOM + name if name in keys else name: text for name, text in faults.items()}


def faults_of(problem: BadInput, keys: frozenset[str]) -> dict[str, str]:
    """What to show beside the inputs of a form that was refused."""
    return as_posted(problem.fields, keys) or {"": problem.detail}
