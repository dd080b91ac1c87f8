"""What forms do when something happens elsewhere."""

from __future__ import annotations

from app.accounts import queries as accounts
from app.accounts.events import WorkspaceCreated
from app.consent import queries as consent_queries
from app.consent import service as consent
from app.consent.events import Confirmed, Erased
from app.forms import queries, service, wording
from app.kernel import i18n

_FIRST = {
    "en": ("News", "What is new, now and then.", "Newsletter"),
    "de": ("Neuigkeiten", "Was es Neues gibt.", "Newsletter"),
}


def make_first_form(event: WorkspaceCreated) -> None:
    """A new brand can be signed up to at once: one interest, one form, in its language."""
    language = event.language if event.language in i18n.languages() else i18n.DEFAULT
    interest_name, description, form_name = _FIRST.get(language, _FIRST["en"])
    known = consent_queries.list_interests(event.workspace_id)
    interest = (
        known[0]
        if known
        else consent.define_interest(event.workspace_id, interest_name, description=description)
    )
    brand = accounts.brand(event.workspace_id)
    words = wording.first_words(brand.short_name, language, (interest.id,))
    service.create(event.workspace_id, form_name, language, {language: words})


def take_over(event: Confirmed) -> None:
    """The yes makes what was told with the form the person's own, and counts."""
    source = service.take_over(event.workspace_id, event.contact_id, event.request_id)
    if event.form_id is not None:
        form = queries.get_form(event.workspace_id, event.form_id)
        service.count(form, version=form.current_version, source=source, confirms=1)


def forget(event: Erased) -> None:
    """What was told and never confirmed goes with the person."""
    service.forget_person(event.workspace_id, event.contact_id)
