"""The words a new form begins with, written in each language; the owner may change all of them."""

from __future__ import annotations

from uuid import UUID

from app.forms.rules import Asked, Definition, Use

_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "title": "News from {brand}",
        "intro": "Pick what you care about. We write about that and nothing else.",
        "consent": "Yes, {brand} may email me about what I ticked above.",
        "consent_hint": "You can stop with one click in every mail.",
        "tracking": "{brand} may see which mails I open and which links I follow.",
        "tracking_hint": "So we send you less that does not interest you. Leave it empty and we see nothing of that. "
        "The mails are the same.",
        "notice": "We keep your address until you leave, and proof of your permission for three years after that. "
        "We give it to nobody.",
    },
    "de": {
        "title": "Neues von {brand}",
        "intro": "Wählen Sie, was Sie interessiert. Nur darüber schreiben wir.",
        "consent": "Ja, {brand} darf mir E-Mails zu den oben gewählten Themen schicken.",
        "consent_hint": "Ein Klick in jeder E-Mail genügt, um das zu beenden.",
        "tracking": "{brand} darf sehen, welche E-Mails ich öffne und welchen Links ich folge.",
        "tracking_hint": "Damit Sie weniger bekommen, was Sie nicht interessiert. Ohne Haken sehen wir davon nichts. "
        "Die E-Mails bleiben gleich.",
        "notice": "Ihre Adresse bewahren wir auf, bis Sie gehen, den Nachweis Ihrer Einwilligung noch drei Jahre "
        "länger. Wir geben sie niemandem weiter.",
    },
}
_ONE_TOPIC = {
    "en": {
        "intro": "One mail now and then, and nothing else.",
        "consent": "Yes, {brand} may email me its news.",
    },
    "de": {
        "intro": "Ab und zu eine E-Mail, sonst nichts.",
        "consent": "Ja, {brand} darf mir Neuigkeiten per E-Mail schicken.",
    },
}


def first_words(brand: str, language: str, interests: tuple[UUID, ...]) -> Definition:
    """A definition that can go online as it is; an unknown language begins in English."""
    known = language if language in _WORDS else "en"
    words = dict(_WORDS[known])
    if len(interests) < 2:
        words |= _ONE_TOPIC[known]
    filled = {name: text.format(brand=brand) for name, text in words.items()}
    return Definition(**filled, asked=(Asked("first_name", Use.OPTIONAL),), interests=interests)
