"""The verbs of forms: make one, give it new words, take an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert

from app.consent import queries as consent_queries
from app.consent import service as consent
from app.consent.rules import By, Level, Proof, Shown
from app.contacts import queries as contacts_queries
from app.contacts import service as contacts
from app.contacts.addresses import Address
from app.delivery import service as delivery
from app.forms import queries
from app.forms.models import Form, FormCount, FormVersion, Submission
from app.forms.rules import (
    DAY_SECONDS,
    MAX_ORIGINS,
    REQUESTS_PER_ADDRESS_AND_DAY,
    Definition,
    consent_body,
    fingerprint,
    origin,
)
from app.kernel import clock, limits
from app.kernel.db import session
from app.kernel.errors import BadInput
from app.kernel.ids import public_id, uuid7

KEEP_UNCONFIRMED_DAYS = 30
"""How long an answer waits for its yes: data that serve nothing go."""


@dataclass(frozen=True, slots=True)
class Post:
    """A checked answer, and what is known about how it came.

    Args:
        once: the page's own key; empty for pasted forms, whose posts are never taken for the same.
        pairs: all that was posted, to tell a repeated post from a corrected one.
        page_url: where the form stood.
        profile: first and last name; custom: raw values by field key. Taken over with the person's yes.
    """

    address: Address
    interests: tuple[UUID, ...]
    tracking: bool
    proof: Proof
    once: str = ""
    pairs: Sequence[tuple[str, str]] = ()
    page_url: str = ""
    referrer: str = ""
    profile: Mapping[str, str] = field(default_factory=dict)
    custom: Mapping[str, list[str]] = field(default_factory=dict)


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
    try:
        clean = list(dict.fromkeys(origin(raw) for raw in origins if raw.strip()))
    except ValueError as error:
        raise BadInput("Some websites do not fit.", fields={"allowed_origins": str(error)}) from error
    if len(clean) > MAX_ORIGINS:
        raise BadInput(
            "These are too many websites.", fields={"allowed_origins": f"Write at most {MAX_ORIGINS}."}
        )
    queries.get_form(workspace_id, form_id).allowed_origins = clean


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


def submit(form: Form, version: FormVersion, post: Post) -> None:
    """Take an answer: ask the person by one mail, whoever they are.

    Known and unknown addresses cause the same writes; which mail goes out is decided by the worker. More
    than five requests a day for one mailbox, and a post that was sent twice, change nothing and say nothing.
    The unique key is (form, fingerprint of the post).
    """
    key = f"{form.workspace_id}:{post.address.folded}"
    if not limits.hit("signup.address", key, REQUESTS_PER_ADDRESS_AND_DAY, DAY_SECONDS):
        return
    submission_id = _remember(form, post)
    if submission_id is None:
        return
    contact, _new = contacts.find_or_create(form.workspace_id, post.address, language=version.language)
    request = consent.ask(
        form.workspace_id,
        contact.id,
        interests=post.interests,
        tracking=Level.INDIVIDUAL if post.tracking else None,
        typed=post.address.raw,
        shown=_shown(form, version, post),
        by=By("person"),
        proof=post.proof,
        country=contacts_queries.country_in(form.workspace_id, post.custom),
    )
    session().execute(
        update(Submission)
        .where(Submission.id == submission_id)
        .values(contact_id=contact.id, request_id=request.id)
    )
    delivery.send_system(
        form.workspace_id, "confirm", dedupe=request.id, contact_id=contact.id, data={"form": form.public_id}
    )
    count(form, version=version.version, submits=1)


def take_over(workspace_id: UUID, contact_id: UUID, request_id: UUID) -> None:
    """After the yes: what the person told with the form becomes theirs, and the copy goes."""
    row = session().execute(
        delete(Submission)
        .where(Submission.workspace_id == workspace_id, Submission.request_id == request_id)
        .returning(Submission.values)
    )
    values = row.scalar_one_or_none() or {}
    if values.get("profile"):
        contacts.update_profile(workspace_id, contact_id, **values["profile"])
    if values.get("custom"):
        known = {item.key for item in contacts_queries.list_fields(workspace_id)}
        contacts.set_fields(
            workspace_id, contact_id, {key: raw for key, raw in values["custom"].items() if key in known}
        )


def forget_unconfirmed() -> None:
    """Delete answers that waited 30 days for their yes."""
    before = clock.now() - timedelta(days=KEEP_UNCONFIRMED_DAYS)
    session().execute(delete(Submission).where(Submission.created_at < before))


def forget_person(workspace_id: UUID, contact_id: UUID) -> None:
    """Delete what one person sent with forms."""
    session().execute(
        delete(Submission).where(Submission.workspace_id == workspace_id, Submission.contact_id == contact_id)
    )


def count(form: Form, *, version: int, views: int = 0, submits: int = 0, confirms: int = 0) -> None:
    """Add to today's figures of a version."""
    added = {"views": views, "submits": submits, "confirms": confirms}
    statement = insert(FormCount).values(
        form_id=form.id,
        workspace_id=form.workspace_id,
        counted_on=clock.now().date(),
        version=version,
        **added,
    )
    sums = {name: getattr(FormCount, name) + value for name, value in added.items()}
    session().execute(
        statement.on_conflict_do_update(index_elements=["form_id", "counted_on", "version"], set_=sums)
    )


def _remember(form: Form, post: Post) -> UUID | None:
    """The id of the new submission; None when the very same post is here already."""
    submission_id = uuid7()
    made = session().execute(
        insert(Submission)
        .values(
            id=submission_id, workspace_id=form.workspace_id, form_id=form.id,
            fingerprint=fingerprint(post.once or str(submission_id), post.pairs),
            values={"profile": dict(post.profile), "custom": dict(post.custom)}, created_at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=["form_id", "fingerprint"])
        .returning(Submission.id)
    )  # fmt: skip
    return made.scalar_one_or_none()


def _shown(form: Form, version: FormVersion, post: Post) -> Shown:
    texts = (version.consent_text_id, version.tracking_text_id, version.notice_text_id)
    boxes = ("yes", "tracking") if version.tracking_text_id else ("yes",)
    return Shown(
        language=version.language,
        text_ids=tuple(text_id for text_id in texts if text_id is not None),
        form_id=form.id,
        form_version=version.version,
        page_sha256=version.sha256,
        page_url=post.page_url,
        referrer=post.referrer,
        boxes=boxes,
    )


def _write_version(form: Form, number: int, versions: Mapping[str, Definition], by: UUID | None) -> None:
    offered = {interest.id for interest in consent_queries.list_interests(form.workspace_id)}
    for language, words in versions.items():
        if not words.interests or not offered.issuperset(words.interests):
            raise BadInput(
                "Choose at least one interest.", fields={"interests": "Choose from your interests."}
            )
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
