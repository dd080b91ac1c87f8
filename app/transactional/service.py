"""The verbs of transactional mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.dialects.postgresql import insert

from app.accounts import queries as accounts
from app.consent import queries as permissions
from app.consent import service as consent
from app.contacts import queries as contacts
from app.contacts.addresses import Address, AddressError, normalise
from app.content import queries as letters
from app.content import service as content
from app.content.service import Reader, Rendered
from app.delivery import service as delivery
from app.kernel import clock, languages, tokens
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict
from app.kernel.ids import uuid7
from app.transactional import queries
from app.transactional.models import Mail, Template
from app.transactional.rules import (
    KEPT,
    MAIL,
    MAX_SLUG,
    REFUSED,
    SLUG,
    TEST,
    Asked,
    slug_of,
    subject_fault,
)

if TYPE_CHECKING:
    from app.contacts.models import Contact
    from app.content.models import LetterVersion

DESIGN = "transactional"
_FORGET_AT_ONCE = 5_000
_OLD = text(
    "UPDATE transactional_mails SET address = NULL, address_key = NULL, data = NULL WHERE id IN (SELECT id"
    " FROM transactional_mails WHERE address IS NOT NULL AND created_at < :before ORDER BY created_at LIMIT :size)"
)


class MustNotWrite(Conflict):
    """Nothing is sent to this address, whoever asks for it."""

    title = "This address must not be written to"


def create(workspace_id: UUID, name: str, *, slug: str = "", language: str = "", by: UUID | None = None) -> Template:
    """A template that begins with a logo, some words and a plain footer; the unique key is (workspace, slug, language).

    Args:
        workspace_id: whose it is.
        name: for the people who work here.
        slug: what programs call it; made of the name where it is not said.
        language: of its words; the brand's where it is not said.
        by: who makes it.

    Raises:
        BadInput: the name or the public name does not fit.
        Conflict: there is one of this public name in this language.
    """
    slug = slug or slug_of(name)
    if not SLUG.fullmatch(slug) or len(slug) > MAX_SLUG:
        fault = "Use small letters, digits and single hyphens, such as order-receipt."
        raise BadInput(fields={"slug": fault})
    language = language or accounts.brand(workspace_id).language
    # Where the name is taken, its letter goes too.
    with session().begin_nested():
        letter = content.create_letter(
            workspace_id, name, design=DESIGN, language=language, is_transactional=True, by=by
        )
        made = session().execute(
            insert(Template)
            .values(
                id=uuid7(), workspace_id=workspace_id, slug=slug, language=language, letter_id=letter.id,
                created_at=clock.now(),
            )
            .on_conflict_do_nothing(index_elements=["workspace_id", "slug", "language"])
            .returning(Template)
        ).scalar_one_or_none()  # fmt: skip
        if made is None:
            raise Conflict(f"There is a template called {slug} in this language already. Choose another public name.")
    return made


def publish(workspace_id: UUID, template_id: UUID, *, by: UUID | None = None) -> LetterVersion:
    """Let programs send the draft as it stands now; what they asked for before stays what it was.

    Raises:
        NotFound: none of this workspace.
        NotReady: with every error of the draft; what was published stays.
    """
    template, letter = queries.get_template(workspace_id, template_id)
    version = content.freeze_version(workspace_id, letter.id, by)
    if template.version_id != version.id:
        template.version_id, template.published_at = version.id, clock.now()
        session().flush()
    return version


def is_changed(template: Template, workspace_id: UUID) -> bool:
    """Whether the draft says something else than what was published."""
    if template.version_id is None:
        return False
    draft = content.draft_of(letters.get_letter(workspace_id, template.letter_id))
    return draft.fingerprint != letters.get_version(workspace_id, template.version_id).fingerprint


def set_archived(workspace_id: UUID, template_id: UUID, *, is_archived: bool) -> None:
    """Put it away: programs no longer find it; or bring it back.

    Raises:
        NotFound: none of this workspace.
    """
    template, _ = queries.get_template(workspace_id, template_id)
    template.archived_at = (template.archived_at or clock.now()) if is_archived else None


def send(workspace_id: UUID, asked: Asked, key: str) -> UUID:
    """Take one mail: the same key is the same mail, however often and by how many at once it is asked for.

    The unique key is (workspace, key). The mail goes by the lane of system mail, so no mailing keeps it waiting.

    Args:
        workspace_id: whose it is.
        asked: what is asked for.
        key: the Idempotency-Key.

    Returns:
        The mail's id.

    Raises:
        BadInput: names what does not fit, data that are missing or unknown, or a key of another mail.
        MustNotWrite: the address came back, complained, said never, or was erased.
    """
    key_hash = tokens.mac("transactional key", key.encode(), 32)
    request_hash = tokens.mac("transactional request", asked.canonical, 32)
    known = queries.find_by_key(workspace_id, key_hash)
    if known is not None:
        return _same(known, request_hash)
    address = _address(asked.to)
    person = contacts.find_by_key(workspace_id, address.key)
    template = _template(workspace_id, asked, person)
    refuse(workspace_id, address.key)
    assert template.version_id is not None
    version = letters.get_version(workspace_id, template.version_id)
    if faults := content.data_faults(version, asked.data):
        raise BadInput("The data do not fit the template.", fields=faults)
    if fault := subject_fault(render(workspace_id, version, person, address.address, asked.data).subject):
        raise BadInput(fault, fields={"data": fault})
    mail_id = _keep(workspace_id, template, person, address, asked, key_hash, request_hash)
    if mail_id is None:
        # Somebody else was faster with the same key, and has committed.
        known = queries.find_by_key(workspace_id, key_hash)
        assert known is not None
        return _same(known, request_hash)
    _wish(workspace_id, template, person, address, mail_id)
    return mail_id


def render(
    workspace_id: UUID, version: LetterVersion, person: Contact | None, address: str, data: Mapping[str, Any]
) -> Rendered:
    """A mail as its reader gets it.

    Raises:
        Incomplete: the brand has no postal address, which every mail shows.
        MergeStopped: it grew too large.
    """
    reader = Reader(email=address)
    if person is not None:
        reader = Reader(person.first_name, person.last_name, address, person.fields)
    values = content.transactional_values(reader, accounts.brand(workspace_id))
    return content.render_transactional(version, values, data)


def refuse(workspace_id: UUID, address_key: str) -> None:
    """Stop what may not be written.

    Raises:
        MustNotWrite: with the reason.
    """
    reason = consent.refused_address(workspace_id, address_key)
    if reason is not None:
        raise MustNotWrite(f"{REFUSED[reason]} ({reason.value})", fields={"to": REFUSED[reason]})


def test(workspace_id: UUID, template_id: UUID, user_id: UUID) -> None:
    """Send the draft with its examples to somebody who works here.

    Raises:
        NotFound: none of this workspace.
        NotReady: with every error of the draft.
    """
    _, letter = queries.get_template(workspace_id, template_id)
    version = content.freeze_version(workspace_id, letter.id, user_id)
    delivery.send_system(
        workspace_id, TEST, dedupe=uuid7(), user_id=user_id, data={"version_id": str(version.id)}
    )


def forget_data(mail_ids: Sequence[UUID]) -> None:
    """Forget what programs told of these: a server has them, and a link for a new password is nobody's to keep."""
    session().execute(update(Mail).where(Mail.id.in_(mail_ids), Mail.data.is_not(None)).values(data=None))


def forget_old() -> bool:
    """Forget addresses and data after ``KEPT``, some thousand at a time; whether there may be more."""
    values = {"before": clock.now() - KEPT, "size": _FORGET_AT_ONCE}
    return bool(session().execute(_OLD, values).rowcount == _FORGET_AT_ONCE)  # type: ignore[attr-defined]  # an UPDATE's result has it


def forget_person(workspace_id: UUID, contact_id: UUID) -> None:
    """Erase what mails hold about a person, those to their address before they were here too; none that waits is sent."""
    keys = queries.keys_of(workspace_id, contact_id)
    mine = (Mail.contact_id == contact_id) | Mail.address_key.in_(keys)
    session().execute(
        update(Mail).where(Mail.workspace_id == workspace_id, mine).values(address=None, address_key=None, data=None)
    )


def _same(known: Mail, request_hash: bytes) -> UUID:
    if known.request_hash != request_hash:
        fault = "This Idempotency-Key was used for another mail. Give each mail one of its own."
        raise BadInput(fault, fields={"Idempotency-Key": fault})
    return known.id


def _address(raw: str) -> Address:
    try:
        return normalise(raw)
    except AddressError as fault:
        raise BadInput(fields={"to": fault.reason}) from None


def _template(workspace_id: UUID, asked: Asked, person: Contact | None) -> Template:
    own = person.language if person is not None else ""
    in_order = languages.wanted(asked.language, own, accounts.brand(workspace_id).language)
    found = queries.find_published(workspace_id, asked.template, in_order)
    if found is None:
        names = ", ".join(queries.list_slugs(workspace_id)) or "none yet"
        raise BadInput(fields={"template": f"No template of this name is published. Published are: {names}."})
    return found


def _keep(
    workspace_id: UUID,
    template: Template,
    person: Contact | None,
    address: Address,
    asked: Asked,
    key_hash: bytes,
    request_hash: bytes,
) -> UUID | None:
    """The mail's id; None where this key has one. Waits for whoever writes the same key right now."""
    row = insert(Mail).values(
        id=uuid7(), workspace_id=workspace_id, template_id=template.id, version_id=template.version_id,
        contact_id=person.id if person else None, address=address.address, address_key=address.key,
        data=dict(asked.data), key_hash=key_hash, request_hash=request_hash, created_at=clock.now(),
    )  # fmt: skip
    made = row.on_conflict_do_nothing(index_elements=["workspace_id", "key_hash"]).returning(Mail.id)
    return session().execute(made).scalar_one_or_none()


def _wish(workspace_id: UUID, template: Template, person: Contact | None, address: Address, mail_id: UUID) -> None:
    if person is not None and permissions.find_reach(workspace_id, person.id) is None:
        consent.ensure_reach(workspace_id, person.id)
    called = letters.get_letter(workspace_id, template.letter_id).name
    delivery.send_system(
        workspace_id, MAIL, dedupe=mail_id, contact_id=person.id if person else None, address=address.address,
        data={"called": called},
    )  # fmt: skip
