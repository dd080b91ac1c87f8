"""The editor's pages: one form with its words and its look, and the ways to bring it to people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import current_app, render_template, request, url_for

from app.accounts import queries as accounts
from app.consent import queries as consent
from app.forms import embeds, queries, questions, wording
from app.forms.models import Form
from app.forms.pages import posting, public
from app.forms.pages.sheets import sheet_of
from app.forms.rules import BIRTHDAY, CUSTOM, Definition, Use
from app.forms.style import CORNERS, FONTS
from app.kernel import clock, i18n
from app.kernel.errors import NotFound


def page(form: Form, language: str, faults: Mapping[str, str], given: Mapping[str, Any] | None = None) -> str:
    """The builder in one language; ``given`` is a faulty post that is shown again."""
    if language not in i18n.languages():
        raise NotFound("Nod does not speak this language yet.")
    brand = accounts.brand(form.workspace_id)
    versions = {row.language: row for row in queries.list_versions(form)}
    own = versions[form.language].words
    words = versions[language].words if language in versions else _draft(own, brand.short_name, language)
    seen = queries.seen_by_version(form)
    return render_template(
        "forms/edit.html",
        form=_values(form, words, language, given),
        tabs=tabs(form, "Build"),
        action=url_for("forms.save", form_id=form.id),
        preview_action=url_for("forms.preview", form_id=form.id),
        state_action=url_for("forms.change_state", form_id=form.id),
        public_url=current_app.config["NOD"].url + url_for("forms.hosted", public_id=form.public_id),
        languages=[_language_link(form, code, code in versions, language) for code in i18n.languages()],
        fields=_field_rows(form, words, given),
        interests=_interest_rows(form, words, given),
        interests_url="/interests",
        fonts=[(key, label) for key, (label, _) in FONTS.items()],
        corners=[(key, label) for key, (label, _) in CORNERS.items()],
        version=form.current_version,
        seen=seen.get(form.current_version, 0),
        versions=[
            {
                "version": row.version,
                "text": row.words.consent,
                "from_at": row.created_at,
                "seen": seen.get(row.version, 0),
            }
            for row in queries.list_history(form, language)
        ],
        preview_url=url_for("forms.hosted", public_id=form.public_id, frame=1, preview=1, lang=language)
        if form.archived_at is None
        else "",
        saved_at=clock.now() if request.args.get("saved") else None,
        zone=brand.time_zone,
        errors=faults,
    )


def embed_page(form: Form, language: str) -> str:
    """The ways to bring a form to people, in one of its languages."""
    versions = {row.language: row for row in queries.list_versions(form)}
    language = language if language in versions else form.language
    url = current_app.config["NOD"].url
    link = url + url_for("forms.hosted", public_id=form.public_id)
    before = i18n.current()
    i18n.use(language)
    try:
        sheet = sheet_of(form, versions[language], (language,))
        html = public.plain_html(sheet, "html")
        title = versions[language].words.title
        component = embeds.component(url, link, language, public.plain_html(sheet, "component"))
        frame = embeds.frame(link, language, title)
    finally:
        i18n.use(before)
    return render_template(
        "forms/embeds.html",
        form={"name": form.name, "live": form.archived_at is None},
        tabs=tabs(form, "Embed"),
        link=f"{link}?lang={language}" if len(versions) > 1 else link,
        html=html,
        component=component,
        frame=frame,
        api=embeds.api(link, form.current_version, language, versions[language].words),
        origins=form.allowed_origins,
        languages=[
            {
                "name": i18n.NAMES[code],
                "url": url_for("forms.embed", form_id=form.id, lang=code),
                "current": code == language,
            }
            for code in versions
        ],
    )


def tabs(form: Form, current: str) -> list[tuple[str, str, bool]]:
    """(label, address, whether it is this page) of a form's pages."""
    pages = (("Build", "forms.edit"), ("Embed", "forms.embed"), ("Results", "forms.results"))
    return [(label, url_for(endpoint, form_id=form.id), label == current) for label, endpoint in pages]


def _draft(own: Definition, brand: str, language: str) -> Definition:
    """Words to begin another language with; what the form asks stays."""
    words = wording.first_words(brand, language, own.interests)
    asked = tuple(replace(item, label="", hint="") for item in own.asked)
    words = replace(words, asked=asked, privacy_url=own.privacy_url, after_url=own.after_url)
    return words if own.tracking else replace(words, tracking="", tracking_hint="")


def _language_link(form: Form, code: str, spoken: bool, current: str) -> dict[str, Any]:
    return {
        "code": code,
        "name": i18n.NAMES[code],
        "url": url_for("forms.edit", form_id=form.id, lang=code),
        "spoken": spoken,
        "current": code == current,
    }


def _values(form: Form, words: Definition, language: str, given: Mapping[str, Any] | None) -> dict[str, Any]:
    look, policy = form.look, form.rules
    stored: dict[str, Any] = {
        "name": form.name, "title": words.title, "intro": words.intro, "button": words.button,
        "consent_text": words.consent, "consent_hint": words.consent_hint, "tracking_on": bool(words.tracking),
        "tracking_text": words.tracking, "tracking_hint": words.tracking_hint, "notice": words.notice,
        "privacy_url": words.privacy_url, "origins": "\n".join(form.allowed_origins),
        "thanks_title": words.thanks_title, "thanks": words.thanks, "after_url": words.after_url,
        "welcome": words.welcome, "accent_on": bool(look.accent), "accent": look.accent,
        "font": look.font, "corners": look.corners, "plain": look.plain,
        "disposable": policy.disposable.value, "role": policy.role.value,
    }  # fmt: skip
    if given is not None:
        stored |= {name: given.get(name, "") for name in stored}
    stored["accent"] = stored["accent"] or accounts.brand(form.workspace_id).accent
    return stored | {"language": language, "live": form.archived_at is None}


def _field_rows(form: Form, words: Definition, given: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Every field that may be asked for: the chosen ones first, in their order."""
    places = {item.name: place for place, item in enumerate(words.asked, 1)}
    rows = [
        _field_row(name, label, words, given, places.get(name, 0))
        for name, label in posting.known_fields(form)
    ]
    return sorted(rows, key=lambda row: (not row["on"], row["place"] or 999))


def _field_row(
    name: str, label: str, words: Definition, given: Mapping[str, Any] | None, place: int
) -> dict[str, Any]:
    use, stored, ready = words.use_of(name), words.find(name), questions.find(name)
    row: dict[str, Any] = {
        "name": name, "field": label, "group": ready.group if ready else "", "place": place or "",
        "on": use is not Use.OFF, "required": use is Use.REQUIRED, "hidden": use is Use.HIDDEN,
        "may_hide": name.startswith(CUSTOM), "asks_guardian": name == CUSTOM + BIRTHDAY, "label": stored.label if stored else "",
        "hint": stored.hint if stored else "", "value": stored.value if stored else "",
    }  # fmt: skip
    if given:
        row |= {part: given["parts"][part].get(name, "") for part in posting.PARTS}
        row |= {
            "on": name in given["field"],
            "required": name in given["required"],
            "hidden": name in given["hide"],
        }
    return row


def _interest_rows(form: Form, words: Definition, given: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    chosen = set(given["interest"]) if given else {str(found) for found in words.interests}
    return [
        {"id": str(found.id), "name": found.name, "pace": found.pace, "on": str(found.id) in chosen}
        for found in consent.list_interests(form.workspace_id)
    ]
