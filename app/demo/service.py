"""Loads the sample shop: every act through the service that a real one takes, at the moment the plan says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import text

from app.accounts import queries as accounts
from app.accounts import service as accounts_service
from app.accounts.rules import acts
from app.accounts.rules.brand import Details
from app.consent import queries as consent_queries
from app.consent import service as consent
from app.consent.rules import By, Level, Proof, Reason
from app.contacts import queries as contacts_queries
from app.contacts import service as contacts
from app.contacts.addresses import normalise
from app.contacts.rules import FieldKind
from app.delivery import queries as delivery_queries
from app.delivery import service as delivery
from app.delivery.events import FinishedMessage, MessagesFinished
from app.demo.rules import BREWS, INTERESTS, NOTICE, Act, Deed, Person, Plan, plan, words_of
from app.evidence import service as evidence
from app.forms import queries as forms_queries
from app.forms import service as forms
from app.forms.service import Post
from app.kernel import clock, events
from app.kernel.db import release, session, transaction
from app.kernel.errors import Conflict
from app.people import service as people

if TYPE_CHECKING:
    from app.forms.models import Form

OWNER_EMAIL = "marta@oxbow.example"
OWNER_NAME = "Marta Byrne"
SHOP = Details(
    name="Oxbow Coffee",
    short_name="Oxbow",
    postal_address="Oxbow Coffee\n14 Ferry Yard\nBristol BS1 6XN",
    language="en",
    site="https://oxbow.example",
    accent="#7a4a2b",
    privacy_url="https://oxbow.example/privacy",
    contact_email="hello@oxbow.example",
)
SENDER = ("Oxbow Coffee", "letters@oxbow.example")
FORM = "Shop footer"
PAGE = "https://oxbow.example/"
SYSTEM = By("system", "flask demo load")
ACCEPTED = "250 2.0.0 Ok: queued"
MAIL_SECONDS = 3
VIEWS_PER_ANSWER = 7

# The mails of the past: taken by a server that never was. They are ended in the transaction that wished for them, so
# no worker ever sees one waiting.
_END_MAILS = text(
    "UPDATE messages m SET state = 'sent', attempts = 1, first_at = :now, began_at = :now, done_at = :now,"
    " from_domain = 'oxbow.example', reply_code = 250, reply_status = '2.0.0', reply_text = :reply"
    " FROM mailings g WHERE g.no = m.mailing_no AND m.workspace_id = :workspace_id"
    " AND m.contact_id = :contact_id AND m.state = 'pending' RETURNING m.mailing_no, m.n, m.dedupe_key, g.kind, g.name"
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was made. ``owner_email`` is empty where somebody owned the installation before."""

    workspace: str
    owner_email: str
    people: int
    words: Mapping[str, int]
    events: int
    form_path: str


@dataclass(slots=True)
class _Shop:
    """The shop while it is loaded."""

    workspace_id: UUID
    form_id: UUID
    interests: list[UUID]
    contacts: dict[int, UUID]
    requests: dict[int, UUID]


def load(
    number: int, *, seed: int, password: str, force: bool = False, tell: Callable[[str], None]
) -> Loaded:
    """Make the shop and its history, a day a transaction, each day sealed and signed at its end.

    Args:
        number: how many people.
        seed: the same one tells the same story.
        password: of the owner, where there is none yet.
        force: also where people are already.
        tell: is given a line now and then.

    Raises:
        Conflict: the workspace has people already.
    """
    with transaction():
        now = clock.now()
        known = _count_people(now)
        if known and not force:
            raise Conflict(f"There are {known} people here already. Add --force to load more beside them.")
        story = plan(number, now, seed=seed, first_number=known)
        clock.set_to(story.acts[0].at - timedelta(days=1) if story.acts else now)
        workspace_id, owner = _workspace(password)
        shop = _furnish(workspace_id, is_ours=bool(owner))
    count = sum(_play_day(shop, story, list(today)) for today in _days(story, tell))
    with transaction():
        count += consent.expire_requests()
        words = consent_queries.counts_by_word(workspace_id, clock.now())
        form = forms_queries.get_form(workspace_id, shop.form_id)
        return Loaded(accounts.brand(workspace_id).name, owner, number, words, count, f"/f/{form.public_id}")


def _count_people(now: datetime) -> int:
    known = accounts.list_workspaces()
    return sum(consent_queries.counts_by_word(known[0].id, now).values()) if known else 0


def _workspace(password: str) -> tuple[UUID, str]:
    """The first workspace, or a new one with its owner's address."""
    known = accounts.list_workspaces()
    if known:
        return known[0].id, ""
    user = accounts_service.create_owner(OWNER_EMAIL, OWNER_NAME, password, by=acts.COMMAND)
    return accounts_service.create_workspace(user.id, SHOP, by=acts.COMMAND).id, OWNER_EMAIL


# --- The shop ---------------------------------------------------------------------------------------------------


def _furnish(workspace_id: UUID, *, is_ours: bool) -> _Shop:
    if delivery_queries.sender_of(workspace_id) is None:
        delivery.set_sender(workspace_id, *SENDER)
    if is_ours:
        evidence.paste_notice(workspace_id, NOTICE, by=accounts.list_members(workspace_id)[0].user_id)
        first = consent_queries.list_interests(workspace_id)[0]
        consent.change_interest(workspace_id, first.id, INTERESTS[0][0])
    keys = {found.key for found in contacts_queries.list_fields(workspace_id, include_archived=True)}
    if "brews_with" not in keys:
        contacts.define_field(workspace_id, "Brews with", FieldKind.CHOICE, key="brews_with", choices=BREWS)
    if "town" not in keys:
        contacts.define_field(workspace_id, "Town", FieldKind.TEXT, key="town")
    interests = _interests(workspace_id)
    form = _form(workspace_id, interests, is_ours=is_ours)
    return _Shop(workspace_id, form.id, interests, {}, {})


def _interests(workspace_id: UUID) -> list[UUID]:
    known = {
        found.name: found.id for found in consent_queries.list_interests(workspace_id, include_archived=True)
    }
    found = []
    for name, description, pace, _ in INTERESTS:
        if name in known:
            consent.change_interest(workspace_id, known[name], name, description=description, pace=pace)
            consent.restore_interest(workspace_id, known[name])
            found.append(known[name])
        else:
            found.append(consent.define_interest(workspace_id, name, description=description, pace=pace).id)
    return found


def _form(workspace_id: UUID, interests: list[UUID], *, is_ours: bool) -> Form:
    brand = accounts.brand(workspace_id)
    words = {language: words_of(brand.short_name, language, tuple(interests)) for language in ("en", "de")}
    if not is_ours:
        return forms.create(workspace_id, FORM, "en", words)
    form = forms_queries.list_forms(workspace_id)[0].form
    forms.rename(workspace_id, form.id, FORM)
    forms.publish(workspace_id, form.id, words)
    return form


# --- The days ---------------------------------------------------------------------------------------------------


def _days(story: Plan, tell: Callable[[str], None]) -> Iterator[Iterator[tuple[Act, Person]]]:
    month = ""
    for day, today in groupby(story.acts, key=lambda act: act.at.date()):
        if f"{day:%B %Y}" != month:
            month = f"{day:%B %Y}"
            tell(month)
        yield ((act, story.people[act.person]) for act in today)


def _play_day(shop: _Shop, story: Plan, today: list[tuple[Act, Person]]) -> int:
    """One day in one transaction; gives the number of acts."""
    with transaction():
        clock.set_to(today[0][0].at)
        done = consent.expire_requests()
        form = forms_queries.get_form(shop.workspace_id, shop.form_id)
        answers = sum(act.deed is Deed.SIGN_UP for act, _ in today)
        forms.count(
            form, version=form.current_version, views=answers * VIEWS_PER_ANSWER + today[0][0].at.day % 5
        )
        for act, person in today:
            clock.set_to(act.at)
            _DEEDS[act.deed](shop, act, person)
            _end_mails(shop.workspace_id, shop.contacts[act.person], act.at + timedelta(seconds=MAIL_SECONDS))
        clock.set_to(min(_end_of_day(today[-1][0].at), story.acts[-1].at + timedelta(seconds=MAIL_SECONDS)))
        consent.seal_now(shop.workspace_id)
        consent.sign_day(shop.workspace_id)
        done += len(today)
    # What the session holds grows with each day, and looking through it costs more than reading a row again.
    release()
    return done


def _end_of_day(at: datetime) -> datetime:
    return at.replace(hour=23, minute=59, second=58, microsecond=0)


def _end_mails(workspace_id: UUID, contact_id: UUID, at: datetime) -> None:
    clock.set_to(at)
    values = {"workspace_id": workspace_id, "contact_id": contact_id, "now": at, "reply": ACCEPTED}
    for row in session().execute(_END_MAILS, values).all():
        number = f"{row.mailing_no}-{row.n}"
        finished = FinishedMessage(
            row.n, workspace_id, contact_id, row.dedupe_key, "sent", f"<{number}@oxbow.example>",
            hashlib.sha256(number.encode()).digest(), ACCEPTED, at,
        )  # fmt: skip
        events.publish(MessagesFinished(row.mailing_no, row.kind, row.name, (finished,)))


# --- The deeds --------------------------------------------------------------------------------------------------


def _proof(person: Person) -> Proof:
    return Proof(ip=person.ip, user_agent=person.agent, http_method="POST")


def _add(shop: _Shop, act: Act, person: Person) -> None:
    profile = people.Profile(person.first_name, person.last_name, person.language, {"town": [person.town]})
    shop.contacts[act.person] = people.add(shop.workspace_id, normalise(person.address), profile)


def _sign_up(shop: _Shop, act: Act, person: Person) -> None:
    form = forms_queries.get_form(shop.workspace_id, shop.form_id)
    version = forms_queries.find_version(form, form.current_version, person.language)
    if version is None:
        raise LookupError(f"The form has no words in {person.language}.")
    address = normalise(person.address)
    post = Post(
        address=address,
        interests=tuple(shop.interests[place] for place in person.interests),
        tracking=person.tracking,
        proof=_proof(person),
        page_url=PAGE,
        profile={"first_name": person.first_name, "last_name": person.last_name},
        custom={"brews_with": [person.brews], "town": [person.town]},
    )
    forms.submit(form, version, post)
    contact = contacts_queries.find_by_key(shop.workspace_id, address.key)
    if contact is None:
        raise LookupError("A sign-up left nobody behind.")
    shop.contacts[act.person] = contact.id
    request = consent_queries.find_newest_request(shop.workspace_id, contact.id)
    if request is None:
        raise LookupError("A sign-up asked nothing.")
    shop.requests[act.person] = request.id


def _confirm(shop: _Shop, act: Act, person: Person) -> None:
    request_id = shop.requests[act.person]
    seconds = int((act.at - _asked_at(request_id)).total_seconds())
    consent.confirm(
        request_id, by=By(), proof=replace(_proof(person), seconds_since_mail=seconds, verdict="human")
    )


def _asked_at(request_id: UUID) -> datetime:
    request = consent_queries.find_request(request_id)
    if request is None:
        raise LookupError("The question is gone.")
    return request.created_at


def _withdraw(shop: _Shop, act: Act, person: Person) -> None:
    one = shop.interests[person.interests[-1]]
    proof = _proof(person)
    consent.withdraw(
        shop.workspace_id, shop.contacts[act.person], [one], by=By(), proof=proof, method="one_click"
    )


def _stop(shop: _Shop, act: Act, person: Person) -> None:
    consent.stop_everything(shop.workspace_id, shop.contacts[act.person], by=By(), proof=_proof(person))


def _no_tracking(shop: _Shop, act: Act, person: Person) -> None:
    contact_id = shop.contacts[act.person]
    consent.set_tracking(shop.workspace_id, contact_id, Level.NONE, by=By(), proof=_proof(person))


def _bounce(shop: _Shop, act: Act, _person: Person) -> None:
    detail = "550 5.1.1 No such mailbox"
    consent.suppress(shop.workspace_id, shop.contacts[act.person], Reason.BOUNCE, by=SYSTEM, detail=detail)


def _complain(shop: _Shop, act: Act, _person: Person) -> None:
    detail = "Reported as spam, told by the mailbox provider"
    consent.suppress(shop.workspace_id, shop.contacts[act.person], Reason.COMPLAINT, by=SYSTEM, detail=detail)


def _never(shop: _Shop, act: Act, _person: Person) -> None:
    people.never_write(
        shop.workspace_id, shop.contacts[act.person], by=SYSTEM, detail="Told us at the counter"
    )


_DEEDS: Mapping[Deed, Callable[[_Shop, Act, Person], None]] = {
    Deed.ADDED: _add,
    Deed.SIGN_UP: _sign_up,
    Deed.CONFIRM: _confirm,
    Deed.WITHDRAW: _withdraw,
    Deed.STOP: _stop,
    Deed.NO_TRACKING: _no_tracking,
    Deed.BOUNCE: _bounce,
    Deed.COMPLAIN: _complain,
    Deed.NEVER: _never,
}
