"""The verbs of forms: make one, give it new words, take an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete

from app.accounts import queries as accounts
from app.consent import queries as consent_queries
from app.consent import service as consent
from app.contacts import queries as contacts_queries
from app.contacts import service as contacts
from app.forms import queries
from app.forms.counting import PAGE, count
from app.forms.intake import Post, receive, submit, take_all
from app.forms.models import Form, FormVersion, Submission
from app.forms.rules import MAX_ORIGINS, Definition, consent_body, origin, origin_of
from app.forms.style import Policy, Style
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import BadInput
from app.kernel.ids import public_id, uuid7

__all__ = [
    "KEEP_UNCONFIRMED_DAYS",
    "Post",
    "check_after",
    "close",
    "count",
    "create",
    "forget_person",
    "forget_unconfirmed",
    "may_go_to",
    "publish",
    "receive",
    "rename",
    "reopen",
    "set_look",
    "set_origins",
    "submit",
    "take_all",
    "take_over",
]

KEEP_UNCONFIRMED_DAYS = 30
"""How long an answer waits for its yes: data that serve nothing go."""


def create(
    workspace_id: UUID,
    name: str,
    language: str,
    versions: Mapping[str, Definition],
    *,
    by: UUID | None = None,
) -> Form:
    """A new form, online at once.

    Args:
        workspace_id: whose form.
        name: what staff calls it, at most 80 characters.
        language: shown where the reader's browser asks for none of its languages.
        versions: the definition by language; ``language`` is one of them.
        by: the user who makes it.

    Raises:
        BadInput: no name, or no definition in the form's language.
    """
    name = _name(name)
    if language not in versions:
        raise BadInput(
            "Write the words in the form's own language.", fields={"language": "Write these words first."}
        )
    form = Form(
        id=uuid7(), workspace_id=workspace_id, public_id=public_id(), name=name, language=language,
        current_version=1, allowed_origins=[], created_at=clock.now(),
    )  # fmt: skip
    session().add(form)
    session().flush()
    _write_version(form, 1, versions, by)
    return form


def rename(workspace_id: UUID, form_id: UUID, name: str) -> None:
    """Change the name that staff reads.

    Raises:
        BadInput: empty or longer than 80 characters.
    """
    queries.get_form(workspace_id, form_id).name = _name(name)


def set_origins(workspace_id: UUID, form_id: UUID, origins: Sequence[str]) -> None:
    """Name the websites that may frame the form and read its answers.

    Raises:
        BadInput: one is not a website, or there are more than twenty.
    """
    queries.get_form(workspace_id, form_id).allowed_origins = _origins(origins)


def _origins(raw: Sequence[str]) -> list[str]:
    try:
        clean = list(dict.fromkeys(origin(one) for one in raw if one.strip()))
    except ValueError as error:
        raise BadInput("Some websites do not fit.", fields={"allowed_origins": str(error)}) from error
    if len(clean) > MAX_ORIGINS:
        raise BadInput(
            "These are too many websites.", fields={"allowed_origins": f"Write at most {MAX_ORIGINS}."}
        )
    return clean


def check_after(form: Form, origins: Sequence[str], after_url: str) -> None:
    """Whether people may be led to this address after their post, once the form has these websites.

    Raises:
        BadInput: it is on no website that the form or the brand names, or a website does not fit.
    """
    if after_url and origin_of(after_url) not in {*_origins(origins), *_sites(form)}:
        raise BadInput(fields={"after_url": "Name this website among those that may show the form."})


def set_look(workspace_id: UUID, form_id: UUID, style: Style, policy: Policy) -> None:
    """Choose colours, font and corners, and which addresses the form takes."""
    form = queries.get_form(workspace_id, form_id)
    form.style, form.policy = style.to_json(), policy.to_json()


def publish(
    workspace_id: UUID, form_id: UUID, versions: Mapping[str, Definition], *, by: UUID | None = None
) -> int:
    """Give a form new words; a version that says the same is not written twice.

    Returns:
        The number of the version that is online now.

    Raises:
        BadInput: no definition in the form's language.
    """
    form = queries.get_form(workspace_id, form_id)
    if form.language not in versions:
        raise BadInput(
            "Write the words in the form's own language.", fields={"language": "Write these words first."}
        )
    online = {row.language: row.sha256 for row in queries.list_versions(form)}
    if online != {language: words.sha256() for language, words in versions.items()}:
        _write_version(form, form.current_version + 1, versions, by)
        form.current_version += 1
    return form.current_version


def close(workspace_id: UUID, form_id: UUID) -> None:
    """Close a form: its address answers "not here", its versions stay for proof."""
    form = queries.get_form(workspace_id, form_id)
    form.archived_at = form.archived_at or clock.now()


def reopen(workspace_id: UUID, form_id: UUID) -> None:
    """Open a closed form again, with the words it had."""
    queries.get_form(workspace_id, form_id).archived_at = None


def take_over(workspace_id: UUID, contact_id: UUID, request_id: UUID) -> str:
    """After the yes: what the person told with the form becomes theirs, and the copy goes.

    Returns:
        Through which door they came, as the counts name it.
    """
    found = session().execute(
        delete(Submission)
        .where(Submission.workspace_id == workspace_id, Submission.request_id == request_id)
        .returning(Submission.values, Submission.source)
    )
    row = found.one_or_none()
    values: dict[str, Any] = row[0] if row else {}
    source: str = row[1] if row else PAGE
    if values.get("profile"):
        contacts.update_profile(workspace_id, contact_id, **values["profile"])
    if values.get("custom"):
        known = {item.key for item in contacts_queries.list_fields(workspace_id)}
        contacts.set_fields(
            workspace_id, contact_id, {key: raw for key, raw in values["custom"].items() if key in known}
        )
    return source


def forget_unconfirmed() -> None:
    """Delete answers that waited 30 days for their yes."""
    before = clock.now() - timedelta(days=KEEP_UNCONFIRMED_DAYS)
    session().execute(delete(Submission).where(Submission.created_at < before))


def forget_person(workspace_id: UUID, contact_id: UUID) -> None:
    """Delete what one person sent with forms."""
    session().execute(
        delete(Submission).where(Submission.workspace_id == workspace_id, Submission.contact_id == contact_id)
    )


def may_go_to(form: Form, url: str) -> bool:
    """Whether people may be led there after their post: to a website of the form, or to the brand's own."""
    return bool(url) and origin_of(url) in {*form.allowed_origins, *_sites(form)}


def _sites(form: Form) -> set[str]:
    site = accounts.brand(form.workspace_id).site
    return {origin_of(site)} if site else set()


def _write_version(form: Form, number: int, versions: Mapping[str, Definition], by: UUID | None) -> None:
    offered = {interest.id for interest in consent_queries.list_interests(form.workspace_id)}
    for language, words in versions.items():
        if not words.interests or not offered.issuperset(words.interests):
            raise BadInput(
                "Choose at least one interest.", fields={"interests": "Choose from your interests."}
            )
        if words.after_url and not may_go_to(form, words.after_url):
            raise BadInput(fields={"after_url": "Name this website among those that may show the form."})
        session().add(_version_row(form, number, language, words, by))
    session().flush()


def _version_row(form: Form, number: int, language: str, words: Definition, by: UUID | None) -> FormVersion:
    def stored(kind: str, text: str, hint: str = "") -> UUID | None:
        body = consent_body(text, hint)
        return consent.ensure_text(form.workspace_id, kind, language, body) if text else None

    consent_id = stored("consent", words.consent, words.consent_hint)
    if consent_id is None:
        raise BadInput("Write what people say yes to.", fields={f"{language}.consent": "Write these words."})
    return FormVersion(
        form_id=form.id, version=number, language=language, workspace_id=form.workspace_id,
        definition=words.to_json(), sha256=words.sha256(), consent_text_id=consent_id,
        tracking_text_id=stored("tracking", words.tracking, words.tracking_hint),
        notice_text_id=stored("notice", words.notice), created_at=clock.now(), created_by=by,
    )  # fmt: skip


def _name(raw: str) -> str:
    name = raw.strip()
    if not 1 <= len(name) <= 80:
        raise BadInput("The form needs a name.", fields={"name": "Write a name of at most 80 characters."})
    return name
