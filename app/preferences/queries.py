"""Reads behind the readers' pages and mails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

from app.accounts import queries as accounts
from app.accounts.rules.brand import Brand
from app.consent import history
from app.consent import queries as consent
from app.consent.rules import Kind as EventKind
from app.consent.rules import RequestState, State
from app.consent.service import REQUEST_DAYS
from app.contacts import queries as contacts
from app.contacts.rules import mask
from app.kernel import clock, module
from app.kernel.db import once, session
from app.kernel.errors import NotFound
from app.preferences import guardians, links, rules
from app.preferences.models import ReaderSettings

if TYPE_CHECKING:
    from app.consent.models import ConsentRequest, Interest, Permission


@dataclass(frozen=True, slots=True)
class Reader:
    """Who a page or a mail is for. ``address`` is empty once erased."""

    workspace_id: UUID
    contact_id: UUID
    brand: Brand
    address: str
    first_name: str
    language: str
    folded: str = ""
    """The mailbox, for limits."""

    @property
    def masked(self) -> str:
        """The address as a forwarded mail may show it."""
        return mask(self.address) if self.address else "•••"


def get_reader(workspace_id: UUID, contact_id: UUID) -> Reader:
    """The reader; of somebody who was merged, who they are now.

    Raises:
        NotFound: none of this workspace.
    """
    contact = contacts.get_contact(workspace_id, contact_id)
    if contact.merged_into is not None:
        return get_reader(workspace_id, contact.merged_into)
    address = contacts.find_address(workspace_id, contact_id)
    return Reader(
        workspace_id,
        contact_id,
        accounts.brand(workspace_id),
        address.address if address else "",
        contact.first_name,
        contact.language,
        address.folded if address else "",
    )


@dataclass(frozen=True, slots=True)
class Words:
    """A wording that somebody was shown, and where."""

    text: str
    version: int
    shown_at: datetime
    site: str


def list_asked(request: ConsentRequest) -> list[Interest]:
    """The interests that a request asks about."""
    workspace_id, ids = request.workspace_id, tuple(UUID(found) for found in request.interests)
    return once(("interests", workspace_id, ids), lambda: consent.get_interests(workspace_id, ids))


def is_over(request: ConsentRequest) -> bool:
    """Whether the request can no longer be confirmed, although it was not."""
    if request.state == RequestState.OPEN:
        return request.expires_at <= clock.now()
    return request.state != RequestState.CONFIRMED


def is_known(request: ConsentRequest) -> bool:
    """Whether the person said yes to all of it before, so that there is nothing to confirm."""
    states = consent.choices(request.workspace_id, request.contact_id, request.channel)
    wanted = request.tracking is not None and states.tracking.value != request.tracking
    if wanted or any(states.interests.get(UUID(found)) is not State.YES for found in request.interests):
        return False
    reach = consent.find_reach(request.workspace_id, request.contact_id, request.channel)
    return reach is None or reach.objected_at is None


def ends_at(request: ConsentRequest) -> datetime | None:
    """When the first permission that a renewal asks about ends; None where none of them does, or all have ended."""
    asked, now = set(request.interests), clock.now()
    ends = [
        found.valid_until
        for found in consent.list_permissions(request.workspace_id, request.contact_id)
        if str(found.interest_id) in asked and found.channel == request.channel and found.state == State.YES
    ]
    return min((moment for moment in ends if moment and moment > now), default=None)


def is_mailed(request: ConsentRequest, *, folded: str = "") -> bool:
    """Whether the limit per mailbox lets this question out. A question from one's own private page always goes.

    Args:
        request: the question.
        folded: the mailbox that is asked now, the person's or their guardian's; empty: the person's is looked up.
    """
    if request.form_id is None:
        return True
    if not folded:
        address = contacts.find_address(request.workspace_id, request.contact_id)
        if address is None:
            return False
        folded = address.folded
    since = request.created_at - rules.LOOK_BACK
    asked = guardians.list_mailed_to(request.workspace_id, folded, since)
    return rules.is_mailed([moment for moment, _ in asked], [found for _, found in asked].index(request.id))


def asked_by(request: ConsentRequest) -> str:
    """Who began it: ``form`` whoever typed into a form, ``staff``, or ``person`` on a page that our mails lead to."""
    if request.form_id is not None:
        return "form"
    actor = history.actor_of(request.workspace_id, request.event_id)
    return "person" if actor == "person" else "staff"


def site_of(request: ConsentRequest) -> str:
    """The website on which the question began."""
    return site(str((request.shown.get("page") or {}).get("url") or ""))


def site(url: str) -> str:
    """Host and port of a web address."""
    return urlsplit(url).netloc


def find_words(request: ConsentRequest) -> Words | None:
    """The consent words that were shown with a request."""
    for shown in request.shown.get("texts", []):
        if shown["kind"] == "consent":
            text = consent.get_text(request.workspace_id, UUID(shown["id"]))
            return Words(text.body, text.version, request.created_at, site_of(request))
    return None


def seconds_since_mail(request: ConsentRequest) -> int | None:
    """Seconds since the receiving server took the question; None while nobody knows that it did."""
    for entry in history.list_history(request.workspace_id, request.contact_id, limit=50):
        if entry.kind is EventKind.DOI_MAIL_SENT and entry.body.get("asked_by") == str(request.event_id):
            return max(0, int((clock.now() - entry.at).total_seconds()))
    return None


def get_permission(permission_id: UUID) -> Permission:
    """A permission about an interest, for holders of a token with it.

    Raises:
        NotFound: gone, or about no interest.
    """
    found = consent.find_permission(permission_id)
    if found is None or found.interest_id is None:
        raise NotFound
    return found


def person_behind(token: links.Unsubscribe) -> tuple[UUID, UUID]:
    """Workspace and contact that an unsubscribe link is about.

    Raises:
        NotFound: what it named was never there.
    """
    if token.kind is links.Kind.PERMISSION:
        permission = get_permission(token.id)
        return permission.workspace_id, contacts.current_id(permission.workspace_id, permission.contact_id)
    find = consent.find_request if token.kind is links.Kind.REQUEST else consent.find_reach_by_id
    found = find(token.id)
    if found is None:
        raise NotFound
    return found.workspace_id, contacts.current_id(found.workspace_id, found.contact_id)


def offers_post(workspace_id: UUID) -> bool:
    """Whether people may choose letters on paper."""
    found = session().get(ReaderSettings, workspace_id)
    return found is not None and found.offers_post


def confirm_days(workspace_id: UUID) -> int:
    """For how many days the link of a question confirms."""
    found = session().get(ReaderSettings, workspace_id)
    return found.confirm_days if found else REQUEST_DAYS


def remind_after_days(workspace_id: UUID) -> int | None:
    """After how many days an unanswered question is asked once more; None: never."""
    found = session().get(ReaderSettings, workspace_id)
    return found.remind_after_days if found else None


def list_still(workspace_id: UUID, contact_id: UUID) -> list[Interest]:
    """The interests that mail goes on about."""
    states = consent.choices(workspace_id, contact_id).interests
    return consent.get_interests(
        workspace_id, [found for found, state in states.items() if state is State.YES]
    )


def list_why(permission: Permission) -> Sequence[history.HistoryEntry]:
    """The events behind a permission, oldest first: the question, if any, and the decision."""
    decided = history.get_entry(permission.workspace_id, permission.event_id)
    if decided is None:
        return []
    reference = decided.body.get("asked_by")
    asked = history.get_entry(permission.workspace_id, UUID(reference)) if reference else None
    return [entry for entry in (asked, decided) if entry is not None]


def export(workspace_id: UUID, contact_id: UUID) -> dict[str, Any]:
    """What every room knows about a person, by room; what stayed with entries that were merged stands by itself.

    Raises:
        NotFound: none of this workspace.
    """
    contacts.get_contact(workspace_id, contact_id)
    contact_id = contacts.current_id(workspace_id, contact_id)
    merged = [_everything(workspace_id, entry) for entry in contacts.list_merged(workspace_id, contact_id)]
    return _everything(workspace_id, contact_id) | ({"merged_entries": merged} if merged else {})


def _everything(workspace_id: UUID, contact_id: UUID) -> dict[str, Any]:
    return {
        data.name: data.export(workspace_id, contact_id)
        for found in module.installed()
        for data in found.personal_data
    }
