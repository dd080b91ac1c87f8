"""The verbs of staff about people. None of them makes a permission: only a person's own act does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.accounts import queries as accounts
from app.accounts import service as accounts_service
from app.accounts.rules import acts
from app.consent import history
from app.consent import queries as consent_queries
from app.consent import service as consent
from app.consent.rules import By, Proof, Reason, Shown, Word
from app.contacts import queries as contacts_queries
from app.contacts import service as contacts
from app.contacts.addresses import Address
from app.delivery import service as delivery
from app.forms.rules import DAY_SECONDS, REQUESTS_PER_ADDRESS_AND_DAY
from app.kernel import limits
from app.kernel.errors import BadInput, Conflict, TooMany
from app.people import rules
from app.preferences import queries as preferences_queries
from app.preferences import service as preferences

NO_PROOF = Proof()


@dataclass(frozen=True, slots=True)
class Profile:
    """What staff may say about a person; custom fields as they were written, by their key."""

    first_name: str = ""
    last_name: str = ""
    language: str = "en"
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)


def add(workspace_id: UUID, address: Address, profile: Profile) -> UUID:
    """Enter a person by hand, without any permission.

    Raises:
        Conflict: the mailbox is known already.
        BadInput: names each field that does not fit.
    """
    contact, is_new = contacts.find_or_create(workspace_id, address, language=profile.language)
    if not is_new:
        raise Conflict("This person is here already.")
    change(workspace_id, contact.id, profile)
    # An address that complained once is shown as what it is from the first moment.
    consent.inherit_suppression(workspace_id, contact.id, address.key)
    return contact.id


def change(workspace_id: UUID, contact_id: UUID, profile: Profile) -> None:
    """Write a person's profile.

    Raises:
        NotFound: none of this workspace.
        Conflict: the person was erased, or merged into somebody.
        BadInput: names each field that does not fit, custom ones by their key.
    """
    contacts_queries.get_living(workspace_id, contact_id)
    faults: dict[str, str] = {}
    for write in (_write_names, _write_fields):
        try:
            write(workspace_id, contact_id, profile)
        except BadInput as fault:
            faults |= fault.fields
    if faults:
        raise BadInput("The profile does not fit.", fields=faults)


def _write_names(workspace_id: UUID, contact_id: UUID, profile: Profile) -> None:
    contacts.update_profile(
        workspace_id,
        contact_id,
        first_name=profile.first_name,
        last_name=profile.last_name,
        language=profile.language,
    )


def _write_fields(workspace_id: UUID, contact_id: UUID, profile: Profile) -> None:
    if profile.fields:
        contacts.set_fields(workspace_id, contact_id, profile.fields)


def ask(workspace_id: UUID, contact_id: UUID, interests: Sequence[UUID], *, by: By, page_url: str) -> UUID:
    """Put the question to a person by one mail; nothing more goes out until they answer it themselves.

    Returns:
        The request's id.

    Raises:
        NotFound: none of this workspace.
        Conflict: they were erased, stopped everything, complained, or must never be written to.
        TooMany: this mailbox was asked five times today, whoever asked.
        BadInput: no interest of this workspace among them.
    """
    contact = contacts_queries.get_contact(workspace_id, contact_id)
    address = contacts_queries.find_address(workspace_id, contact_id)
    if address is None or _word(workspace_id, contact_id) is Word.NEVER:
        raise Conflict(
            "This person must not be written to, so we cannot ask them. They can still sign up themselves."
        )
    key = f"{workspace_id}:{address.folded}"
    if not limits.hit("signup.address", key, REQUESTS_PER_ADDRESS_AND_DAY, DAY_SECONDS):
        raise TooMany(
            "This mailbox was asked five times today. Try again tomorrow.", retry_after_seconds=DAY_SECONDS
        )
    names = [found.name for found in consent_queries.get_interests(workspace_id, interests)]
    brand = accounts.brand(workspace_id)
    body = rules.question(brand.name, names, contact.language)
    text_id = consent.ensure_text(workspace_id, "consent", contact.language, body)
    request = consent.ask(
        workspace_id,
        contact_id,
        interests=interests,
        tracking=None,
        typed=address.raw,
        shown=Shown(language=contact.language, text_ids=(text_id,), page_url=brand.site or page_url),
        by=by,
        proof=NO_PROOF,
        days=preferences_queries.confirm_days(workspace_id),
    )
    delivery.send_system(workspace_id, "confirm", dedupe=request.id, contact_id=contact_id)
    return request.id


def _word(workspace_id: UUID, contact_id: UUID) -> Word:
    return rules.answer(history.verdicts(workspace_id, contact_id))[0]


def never_write(workspace_id: UUID, contact_id: UUID, *, by: By, detail: str = "") -> bool:
    """Enter that a person must never be written to again; one-way. False when that was so before.

    Raises:
        NotFound: none of this workspace.
        Conflict: the person was erased.
    """
    if contacts_queries.get_contact(workspace_id, contact_id).erased_at is not None:
        raise Conflict("This person was erased and is not written to any more.")
    event_id = consent.suppress(workspace_id, contact_id, Reason.NEVER, by=by, detail=detail)
    if event_id is not None:
        _record("person.never", workspace_id, contact_id, by)
    return event_id is not None


def correct(workspace_id: UUID, contact_id: UUID, event_id: UUID, remark: str, *, by: By) -> None:
    """Enter that an event says something wrong; what stands on it becomes a no.

    Raises:
        NotFound, BadInput, Conflict: as ``consent.service.correct``.
    """
    consent.correct(workspace_id, contact_id, event_id, remark, by=by)
    _record("person.corrected", workspace_id, contact_id, by)


def erase(workspace_id: UUID, contact_id: UUID, *, by: By) -> bool:
    """Forget a person in every room, in one transaction; False when they were erased before.

    Raises:
        NotFound: none of this workspace.
    """
    is_new = preferences.erase(workspace_id, contact_id, by=by)
    if is_new:
        _record("person.erased", workspace_id, contact_id, by)
    return is_new


def record_export(workspace_id: UUID, contact_id: UUID, *, by: By) -> None:
    """Write down that everything known about a person was handed out."""
    _record("person.exported", workspace_id, contact_id, by)


def _record(act: str, workspace_id: UUID, contact_id: UUID, by: By) -> None:
    kinds = {"staff": "user", "api_key": "api_key"}
    actor = acts.By(kinds[by.kind], UUID(by.id)) if by.kind in kinds else acts.COMMAND
    accounts_service.record(act, by=actor, workspace_id=workspace_id, of=f"contact:{contact_id}")
