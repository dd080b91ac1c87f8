"""What a post to a form may hold; every fault is told, each beside its field."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any
from uuid import UUID

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from app.contacts.addresses import Address, AddressError, normalise
from app.contacts.rules import FieldKind, KnownField, country_among, read_field
from app.forms.rules import BIRTHDAY, CUSTOM, GUARDIAN, MAX_NAME, Definition, Use, clean_line
from app.kernel.errors import BadInput
from app.kernel.i18n import gettext as _
from app.preferences.rules import may_decide_alone

FORM = "form"
"""The key of a fault that belongs to no single field."""
MAX_VALUE = 1000
REPEATED = frozenset({"topic"})
FORM_NAMES = ("v", "t", "once", "via", "altcha", "lang", "website", "email", "yes")
OWN_NAMES = ("first_name", "last_name")


@dataclass(frozen=True, slots=True)
class Answer:
    """A post that fits; ``guardian`` is who has to be asked first, None for whoever may decide alone."""

    address: Address
    interests: tuple[UUID, ...]
    tracking: bool
    guardian: Address | None = None
    profile: dict[str, str] = field(default_factory=dict)
    custom: dict[str, list[str]] = field(default_factory=dict)


def collect(pairs: Iterable[tuple[str, str]], repeated: Collection[str]) -> dict[str, Any]:
    """Posted pairs as one value a name, and a list for those that may come several times.

    Raises:
        BadInput: another name came twice.
    """
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in repeated:
            found.setdefault(name, []).append(value)
        elif name in found:
            raise BadInput(_("This was sent twice."), fields={name[:80]: _("This was sent twice.")})
        else:
            found[name] = value
    return found


def several(custom: Sequence[KnownField]) -> set[str]:
    """Names that a post may hold several times."""
    return {*REPEATED, *(CUSTOM + item.key for item in custom if item.kind == FieldKind.MULTI_CHOICE)}


def asks_birthday(words: Definition, custom: Sequence[KnownField]) -> bool:
    """Whether the form asks how old somebody is, and with it for a guardian of those who are too young."""
    if words.use_of(CUSTOM + BIRTHDAY) is Use.OFF:
        return False
    return any(item.key == BIRTHDAY and item.kind == FieldKind.DATE for item in custom)


def read_answer(
    words: Definition,
    custom: Sequence[KnownField],
    offered: Collection[UUID],
    posted: Mapping[str, Any],
    *,
    country: str,
    today: date,
) -> Answer:
    """A post to this version of a form.

    Args:
        words: the version that the person saw.
        custom: the workspace's custom fields.
        offered: interests that exist today.
        posted: as ``collect`` gives it.
        country: the brand's, two letters or empty; whose age counts where the post tells none.
        today: where the brand is.

    Raises:
        BadInput: names each faulty field; an unknown one too.
    """
    asked = {CUSTOM + item.key: item for item in custom if words.use_of(CUSTOM + item.key) is not Use.OFF}
    loaded, faults = _load(_schema(words, asked), posted)
    address = _address(loaded, faults)
    interests = _interests(words, offered, loaded, faults)
    if loaded.get("yes") != "1" and "yes" not in faults:
        faults["yes"] = _("Tick this box to sign up. Without it we may not write to you.")
    profile = _profile(words, loaded, faults)
    answers = _custom(words, asked, loaded, faults)
    guardian = None
    if asks_birthday(words, custom) and not _may_decide_alone(custom, answers, country, today):
        guardian = _guardian(loaded, address, faults)
    if faults or address is None:
        raise BadInput(_("Please check what you wrote."), fields=faults)
    return Answer(address, interests, loaded.get("tracking") == "individual", guardian, profile, answers)


def _schema(words: Definition, asked: Mapping[str, KnownField]) -> Schema:
    own = tuple(name for name in OWN_NAMES if words.use_of(name) is not Use.OFF)
    custom = tuple((name, item.kind == FieldKind.MULTI_CHOICE) for name, item in asked.items())
    return _schema_of(bool(words.tracking), asks_birthday(words, list(asked.values())), own, custom)


# Making a schema takes longer than reading a post with it.
@lru_cache(maxsize=256)
def _schema_of(
    tracking: bool, guardian: bool, own: tuple[str, ...], custom: tuple[tuple[str, bool], ...]
) -> Schema:
    known: dict[str, fields.Field[Any]] = {name: _text() for name in (*FORM_NAMES, *own)}
    known["topic"] = fields.List(_text(), validate=validate.Length(max=200))
    if tracking:
        known["tracking"] = fields.String(validate=validate.OneOf(["individual"]))
    if guardian:
        known[GUARDIAN] = _text()
    for name, has_several in custom:
        known[name] = fields.List(_text()) if has_several else _text()
    return Schema.from_dict(known)(unknown=RAISE)


def _text() -> fields.String:
    return fields.String(validate=validate.Length(max=MAX_VALUE))


def _load(schema: Schema, posted: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    try:
        loaded: dict[str, Any] = schema.load(posted)
    except ValidationError as error:
        names = error.messages if isinstance(error.messages, dict) else {}
        faults = {
            str(name)[:80]: _("This does not fit here.")
            if name in schema.fields
            else _("This form has no such field.")
            for name in names
        }
        return dict(error.valid_data or {}), faults
    return loaded, {}


def _address(loaded: Mapping[str, Any], faults: dict[str, str]) -> Address | None:
    if "email" in faults:
        return None
    try:
        return normalise(loaded.get("email", ""))
    except AddressError as error:
        faults["email"] = _(error.reason)
        return None


def _may_decide_alone(
    custom: Sequence[KnownField], answers: Mapping[str, list[str]], country: str, today: date
) -> bool:
    """Whoever tells no birthday says that they are old enough; a form that wants to know requires it."""
    told = read_field(FieldKind.DATE, answers.get(BIRTHDAY, ()))
    if not isinstance(told, str):
        return True
    return may_decide_alone(date.fromisoformat(told), country_among(custom, answers) or country, today)


def _guardian(loaded: Mapping[str, Any], address: Address | None, faults: dict[str, str]) -> Address | None:
    """Who has to be asked first: another mailbox than the child's, however it is spelled."""
    if GUARDIAN in faults:
        return None
    if not loaded.get(GUARDIAN, "").strip():
        faults[GUARDIAN] = _("At your age we ask a parent or guardian first. Write their address here.")
        return None
    try:
        found = normalise(loaded[GUARDIAN])
    except AddressError as error:
        faults[GUARDIAN] = _(error.reason)
        return None
    if address is not None and found.folded == address.folded:
        faults[GUARDIAN] = _("This is your own address. Write that of a parent or guardian.")
        return None
    return found


def _interests(
    words: Definition, offered: Collection[UUID], loaded: Mapping[str, Any], faults: dict[str, str]
) -> tuple[UUID, ...]:
    """The interests that were ticked; where a form has one only, its consent box stands for it."""
    available = tuple(interest for interest in words.interests if interest in offered)
    given = set(loaded.get("topic", ()))
    if given - {str(interest) for interest in words.interests}:
        faults["topic"] = _("Choose from the topics of this form.")
        return ()
    if len(words.interests) == 1:
        chosen = available
    else:
        chosen = tuple(interest for interest in available if str(interest) in given)
    if not chosen and "topic" not in faults:
        faults["topic"] = _("Tick at least one topic.")
    return chosen


def _profile(words: Definition, loaded: Mapping[str, Any], faults: dict[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in OWN_NAMES:
        use = words.use_of(name)
        if use is Use.OFF or name in faults:
            continue
        try:
            value = clean_line(loaded.get(name, ""))
        except ValueError as error:
            faults[name] = _(str(error))
            continue
        if len(value) > MAX_NAME:
            faults[name] = _("Write at most %(count)s characters.") % {"count": MAX_NAME}
        elif value:
            found[name] = value
        elif use is Use.REQUIRED:
            faults[name] = _("Fill this in, please.")
    return found


def _custom(
    words: Definition, asked: Mapping[str, KnownField], loaded: Mapping[str, Any], faults: dict[str, str]
) -> dict[str, list[str]]:
    """Raw answers to custom fields; what is stored is read again when they are taken over."""
    found: dict[str, list[str]] = {}
    for name, item in asked.items():
        if name in faults:
            continue
        use = words.use_of(name)
        given = _given(words, name, loaded)
        try:
            value = read_field(FieldKind(item.kind), [clean_line(part) for part in given], item.choices)
        except ValueError as error:
            # Nobody can mend what they do not see: a hidden value that does not fit is left out.
            if use is not Use.HIDDEN:
                faults[name] = _(str(error))
            continue
        if value is not None:
            found[item.key] = given
        elif use is Use.REQUIRED:
            faults[name] = _("Fill this in, please.")
    return found


def _given(words: Definition, name: str, loaded: Mapping[str, Any]) -> list[str]:
    """What was posted for a field; a hidden one that was not posted has the value of its form."""
    asked = words.find(name)
    raw = loaded.get(name, asked.value if asked and asked.use is Use.HIDDEN else "")
    return [raw] if isinstance(raw, str) else list(raw)
