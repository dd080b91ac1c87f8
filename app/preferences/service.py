"""What readers do on their own: confirm, ask anew, leave, take it back, choose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from app.consent import queries as consent_queries
from app.consent import service as consent
from app.consent.rules import By, Channel, Digest, Level, Proof, RequestState, Shown
from app.contacts import queries as contacts
from app.delivery import service as delivery
from app.kernel import clock, limits
from app.kernel.errors import NotFound
from app.kernel.ids import uuid7
from app.preferences import guardians, links, queries
from app.preferences.data import erase, purge_unconfirmed
from app.preferences.rules import (
    DAY_SECONDS,
    FRESH_MAILS_A_DAY,
    PAUSE,
    PRIVATE_LINKS_A_DAY,
)

if TYPE_CHECKING:
    from app.consent.models import ConsentRequest, Interest
    from app.contacts.addresses import Address
    from app.preferences.models import Guardian

__all__ = ["erase", "purge_unconfirmed"]
PERSON = By("person")
_welcome: list[Callable[[ConsentRequest], str]] = []


def say_in_welcome(words: Callable[[ConsentRequest], str]) -> None:
    """Let the room that put a question add its own words to the mail after the yes."""
    if words not in _welcome:
        _welcome.append(words)


def welcome_words(request: ConsentRequest) -> str:
    """What that room adds; mostly nothing."""
    return "\n".join(filter(None, (words(request) for words in _welcome)))


@dataclass(frozen=True, slots=True)
class Left:
    """What leaving did.

    ``event_id`` is None when there was nothing left to end; ``interests`` are those that the link is about,
    empty for all mail.
    """

    workspace_id: UUID
    contact_id: UUID
    event_id: UUID | None
    interests: tuple[Interest, ...]


def confirm(request: ConsentRequest, proof: Proof) -> None:
    """The person's yes to an open request; to one that is confirmed already, nothing.

    Raises:
        consent.RequestOver: called off or too old.
    """
    if request.state != RequestState.CONFIRMED:
        consent.confirm(request.id, by=PERSON, proof=proof)


def ask_again(request: ConsentRequest, proof: Proof) -> None:
    """A fresh mail for a request that is over: the same question with the same words, once a day.

    About a child it goes to the guardian, who must have said yes before the child is asked.

    Raises:
        NotFound: it is not over, nothing of it is offered any more, or the guardian is forgotten.
    """
    address = queries.get_reader(request.workspace_id, request.contact_id).address
    interests = [found.id for found in queries.list_asked(request) if found.archived_at is None]
    if not queries.is_over(request) or not interests or not address:
        raise NotFound
    if not limits.hit("confirm.fresh", str(request.contact_id), FRESH_MAILS_A_DAY, DAY_SECONDS):
        return
    ask(
        request.workspace_id,
        request.contact_id,
        interests,
        request.tracking,
        address,
        _as_shown(request),
        proof,
        channel=Channel(request.channel),
        country=request.shown.get(consent.TOLD_COUNTRY, ""),
        guardian=guardians.find(request.id),
    )


def ask_guardian(request_id: UUID, address: Address, *, form: str) -> None:
    """Let a guardian decide first about a question that was just recorded for a child; ``form``: its public id."""
    guardians.ask(request_id, address, form=form)


def put_again(request: ConsentRequest, *, is_new: bool) -> None:
    """Mail a question that staff put to somebody who said yes before; for a child, to who answers for it.

    A guardian who said yes to the same is not asked once more, but where the question is about something else
    (``is_new``). Where they are forgotten, the person is asked by themselves.
    """
    guardian = guardians.of_child(request.workspace_id, request.contact_id)
    if guardian is not None and guardian.address:
        guardians.follow(guardian, request, is_new=is_new)
    else:
        delivery.send_system(request.workspace_id, "confirm", dedupe=request.id, contact_id=request.contact_id)


def leave(token: links.Unsubscribe, proof: Proof, *, method: str) -> Left:
    """End what an unsubscribe link names; doing it twice changes nothing more.

    Raises:
        NotFound: what it named was never there.
    """
    if token.kind is links.Kind.PERMISSION:
        permission = queries.get_permission(token.id)
        interests = consent_queries.get_interests(
            permission.workspace_id, [permission.interest_id or token.id]
        )
        return _withdraw(permission.workspace_id, permission.contact_id, interests, proof, method)
    if token.kind is links.Kind.REQUEST:
        request = consent_queries.find_request(token.id)
        if request is None:
            raise NotFound
        consent.cancel_request(request.id, by=PERSON, proof=proof)
        asked, channel = queries.list_asked(request), Channel(request.channel)
        return _withdraw(request.workspace_id, request.contact_id, asked, proof, method, channel)
    reach = consent_queries.find_reach_by_id(token.id)
    if reach is None:
        raise NotFound
    return stop(reach.workspace_id, reach.contact_id, proof, method=method)


def stop(workspace_id: UUID, contact_id: UUID, proof: Proof, *, method: str = "web") -> Left:
    """Stop everything, on paper too."""
    contact_id = contacts.current_id(workspace_id, contact_id)
    if consent_queries.find_reach(workspace_id, contact_id, Channel.POST) is not None:
        consent.stop_everything(
            workspace_id, contact_id, by=PERSON, proof=proof, method=method, channel=Channel.POST
        )
    event_id = consent.stop_everything(workspace_id, contact_id, by=PERSON, proof=proof, method=method)
    return Left(workspace_id, contact_id, event_id, ())


def tell_of_leaving(left: Left) -> None:
    """One mail in a life: you left, take it back if it was not you. For links that a forwarded mail carries.

    The unique key is the contact: whoever left before has been told before.
    """
    if left.event_id is not None and left.interests:
        delivery.send_system(
            left.workspace_id,
            "left-notice",
            dedupe=left.contact_id,
            contact_id=left.contact_id,
            data={"event": str(left.event_id), "interest": str(left.interests[0].id)},
        )


def less(token: links.Unsubscribe, wish: str, proof: Proof) -> Left:
    """Fewer mails instead of none: ``weekly``, ``monthly`` or ``pause`` for a month.

    Raises:
        NotFound: what the link named was never there, or there is no such wish.
    """
    workspace_id, contact_id = queries.person_behind(token)
    reach = consent_queries.find_reach(workspace_id, contact_id)
    digest = Digest(reach.digest) if reach and reach.digest else None
    paused_until = reach.paused_until if reach else None
    if wish == "pause":
        paused_until = clock.now() + PAUSE
    elif wish in set(Digest):
        digest = Digest(wish)
    else:
        raise NotFound
    event_id = consent.set_pace(
        workspace_id, contact_id, digest=digest, paused_until=paused_until, by=PERSON, proof=proof, method="link"
    )
    return Left(workspace_id, contact_id, event_id, ())


def take_back(what: links.Undo, proof: Proof) -> bool:
    """Undo leaving; False when something was decided since."""
    return consent.give_back(what.workspace_id, what.contact_id, what.event_id, by=PERSON, proof=proof)


def send_private_link(workspace_id: UUID, contact_id: UUID) -> None:
    """Mail the link of the private page to the person's own address; silently at most three a day."""
    if limits.hit("private.link", str(contact_id), PRIVATE_LINKS_A_DAY, DAY_SECONDS):
        delivery.send_system(workspace_id, "preferences-link", dedupe=uuid7(), contact_id=contact_id)


def _withdraw(
    workspace_id: UUID,
    contact_id: UUID,
    interests: Sequence[Interest],
    proof: Proof,
    method: str,
    channel: Channel = Channel.EMAIL,
) -> Left:
    ids, contact_id = [found.id for found in interests], contacts.current_id(workspace_id, contact_id)
    event_id = consent.withdraw(
        workspace_id, contact_id, ids, by=PERSON, proof=proof, method=method, channel=channel
    )
    return Left(workspace_id, contact_id, event_id, tuple(interests))


def ask(
    workspace_id: UUID,
    contact_id: UUID,
    interests: Sequence[UUID],
    tracking: str | None,
    address: str,
    shown: Shown,
    proof: Proof,
    *,
    channel: Channel = Channel.EMAIL,
    country: str = "",
    guardian: Guardian | None = None,
    is_new: bool = False,
) -> None:
    """Put a question that the person wished for themselves; its mail goes to their own address, or a guardian's first.

    ``is_new``: the guardian was not asked about the same before.
    """
    request = consent.ask(
        workspace_id,
        contact_id,
        interests=interests,
        tracking=Level(tracking) if tracking else None,
        typed=address,
        shown=shown,
        by=PERSON,
        proof=proof,
        channel=channel,
        country=country,
        days=queries.confirm_days(workspace_id),
    )
    if guardian is not None:
        guardians.follow(guardian, request, is_new=is_new)
    else:
        delivery.send_system(workspace_id, "confirm", dedupe=request.id, contact_id=contact_id)


def _as_shown(request: ConsentRequest) -> Shown:
    """What stood before the person when they first asked; asking again shows nothing else."""
    page = request.shown.get("page") or {}
    form = request.shown.get("form") or {}
    return Shown(
        language=request.language,
        text_ids=tuple(UUID(text["id"]) for text in request.shown.get("texts", [])),
        form_id=request.form_id,
        form_version=form.get("version"),
        page_sha256=page.get("sha256") or "",
        page_url=page.get("url") or "",
        referrer=page.get("referrer") or "",
        boxes=tuple(box["name"] for box in request.shown.get("boxes", [])),
    )
