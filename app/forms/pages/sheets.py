"""One form in one language, with what showing it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import request, url_for

from app.accounts import queries as accounts
from app.consent import queries as consent
from app.contacts import queries as contacts
from app.contacts.rules import FieldKind, KnownField
from app.forms import questions
from app.forms.models import Form, FormVersion
from app.forms.rules import BIRTHDAY, CUSTOM, GUARDIAN, Asked, Definition, Use
from app.forms.schemas import asks_birthday
from app.forms.style import Style
from app.kernel import i18n
from app.kernel.i18n import gettext as _

if TYPE_CHECKING:
    from uuid import UUID

    from app.consent.models import Interest

_TYPES = {
    FieldKind.NUMBER: "number",
    FieldKind.DATE: "date",
    FieldKind.CHOICE: "select",
    FieldKind.COUNTRY: "select",
    FieldKind.MULTI_CHOICE: "choices",
    FieldKind.BOOLEAN: "checkbox",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """One form in one language, with what a page about it needs."""

    form: Form
    version: FormVersion
    words: Definition
    languages: tuple[str, ...]
    interests: Sequence[Interest]
    custom: Sequence[KnownField]

    @property
    def action(self) -> str:
        """Where the form posts."""
        return url_for("forms.submit", public_id=self.form.public_id)


def sheet_of(
    form: Form, version: FormVersion, languages: tuple[str, ...], words: Definition | None = None
) -> Sheet:
    """A version with what showing it needs; ``words`` stand in for its own in a preview."""
    words = words or version.words
    wanted = any(item.name.startswith(CUSTOM) for item in words.asked)
    custom = _with_ready(words, contacts.list_fields(form.workspace_id)) if wanted else []
    found = consent.get_interests(form.workspace_id, words.interests)
    interests = [interest for interest in found if interest.archived_at is None]
    return Sheet(form, version, words, languages, interests, custom)


def _with_ready(words: Definition, custom: Sequence[KnownField]) -> list[KnownField]:
    """The workspace's fields, and in a preview those that a ready question will make."""
    there = {CUSTOM + item.key for item in custom}
    ready = [questions.find(item.name) for item in words.asked if item.name not in there]
    return [*custom, *(one.as_field() for one in ready if one)]


def choose_language(offered: Sequence[str], otherwise: str) -> str:
    """The language of this page: asked for in the address, else by the browser, else the form's own."""
    asked = request.args.get("lang", "")
    chosen = (
        asked
        if asked in offered
        else i18n.best(request.headers.get("Accept-Language", ""), offered, otherwise)
    )
    i18n.use(chosen)
    return chosen


def shell(sheet: Sheet, *, languages: bool = True) -> dict[str, Any]:
    """What every public page shows around its own words."""
    brand = accounts.brand(sheet.form.workspace_id)
    current = sheet.version.language
    others = [
        {
            "code": code,
            "label": code.upper(),
            "name": i18n.NAMES.get(code, code),
            "url": url_for("forms.hosted", public_id=sheet.form.public_id, lang=code),
            "current": code == current,
        }
        for code in sheet.languages
    ]
    return {
        "brand": brand,
        "lang": current,
        "dir": i18n.direction(current),
        "zone": brand.time_zone,
        "languages": others if languages else [],
        "look_url": look_url(sheet.form.look),
    }


def look_url(style: Style) -> str:
    """The style sheet of a look; empty for the brand's own."""
    given = style.to_json()
    return url_for("forms.look", **given) if given else ""


def fields_of(sheet: Sheet, faults: Mapping[str, str], given: Mapping[str, str]) -> list[dict[str, Any]]:
    """The fields in their order, the address first, with what was typed and what was wrong with it."""
    email = _field("email", _("Email address"), "email", required=True, autocomplete="email")
    known = {CUSTOM + item.key: item for item in sheet.custom}
    listed: list[dict[str, Any] | None] = [email]
    for one in sheet.words.asked:
        if one.use is not Use.OFF:
            listed.append(_asked(one, known.get(one.name)))
        if one.name == CUSTOM + BIRTHDAY and asks_birthday(sheet.words, sheet.custom):
            listed.append(_guardian(is_needed=GUARDIAN in faults))
    shown = [item for item in listed if item is not None]
    for item in shown:
        item["value"] = given.get(item["name"], item["value"])
        item["error"] = faults.get(item["name"], "")
    return shown


def _guardian(*, is_needed: bool) -> dict[str, Any]:
    """Beside every birthday: how young is too young depends on a country that nobody has told yet."""
    label = _("Email address of a parent or guardian")
    found = _field(GUARDIAN, label, "email", required=is_needed, autocomplete="off")
    found["hint"] = _(
        "Needed if you are under 16, in some countries under 13, 14 or 15. We ask them first and write to you "
        "after their yes."
    )
    return found


def _asked(item: Asked, custom: KnownField | None) -> dict[str, Any] | None:
    if item.use is Use.HIDDEN:
        return {**_field(item.name, "", "hidden", required=False), "value": item.value}
    required = item.use is Use.REQUIRED
    own = {"first_name": (_("First name"), "given-name"), "last_name": (_("Last name"), "family-name")}
    if item.name in own:
        label, autocomplete = own[item.name]
        found = _field(item.name, item.label or label, "text", required=required, autocomplete=autocomplete)
    elif custom is None:
        return None
    else:
        found = _custom(item, custom, required=required)
    found["hint"] = item.hint
    return found


def _custom(item: Asked, custom: KnownField, *, required: bool) -> dict[str, Any]:
    kind, ready = FieldKind(custom.kind), questions.find(item.name)
    label = item.label or (ready.asked() if ready else custom.label)
    found = _field(
        item.name, label, _TYPES.get(kind, "text"), required=required,
        autocomplete=ready.autocomplete if ready else "",
    )  # fmt: skip
    offered = questions.countries() if kind is FieldKind.COUNTRY else [(one, one) for one in custom.choices]
    if kind is FieldKind.MULTI_CHOICE:
        ticked = set(request.form.getlist(item.name))
        found["options"] = [(value, text, value in ticked) for value, text in offered]
    elif offered:
        found["options"] = [("", _("Please choose"), ""), *((value, text, "") for value, text in offered)]
    return found


def _field(name: str, label: str, kind: str, *, required: bool, autocomplete: str = "") -> dict[str, Any]:
    return {
        "name": name, "label": label, "type": kind, "required": required, "autocomplete": autocomplete,
        "hint": "", "value": "", "options": (),
    }  # fmt: skip


def topics_of(sheet: Sheet) -> list[dict[str, Any]]:
    """The interests to choose from; one alone stands for itself. What was ticked stays ticked after a fault."""
    if len(sheet.words.interests) < 2:
        return []
    ticked = set(request.form.getlist("topic"))
    by_id: dict[UUID, Interest] = {interest.id: interest for interest in sheet.interests}
    return [
        {
            "id": str(found.id),
            "name": found.name,
            "description": found.description,
            "pace": found.pace,
            "checked": str(found.id) in ticked,
        }
        for found in (by_id.get(interest_id) for interest_id in sheet.words.interests)
        if found is not None
    ]


def boxes_of(sheet: Sheet, faults: Mapping[str, str]) -> list[dict[str, Any]]:
    """Consent boxes: empty on every page that is loaded; only the person's own tick survives a faulty post."""
    words, ticked = sheet.words, request.form
    boxes = [("yes", "1", words.consent, words.consent_hint)]
    if words.tracking:
        boxes.append(("tracking", "individual", words.tracking, words.tracking_hint))
    return [
        {
            "name": name, "value": value, "text": text, "hint": hint,
            "checked": ticked.get(name) == value, "error": faults.get(name, ""),
        }
        for name, value, text, hint in boxes
    ]  # fmt: skip


def summary_of(sheet: Sheet, faults: Mapping[str, str]) -> list[dict[str, str | None]]:
    """Every fault with the place it belongs to; unknown fields have none."""
    places = {"email", "yes", "tracking", GUARDIAN, *(item.name for item in sheet.words.asked)}
    ids = {name: name for name in places} | {"topic": "topics"}
    return [{"id": ids.get(name), "message": message} for name, message in faults.items()]
