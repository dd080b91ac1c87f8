"""Writing: one event and the rows that follow from it. Used by the verbs, by nobody else."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select, text, update

from app.accounts import queries as accounts
from app.consent import ledger, queries
from app.consent.events import TrackingChanged
from app.consent.law import law_of
from app.consent.models import (
    ConsentEvent,
    ConsentRequest,
    ConsentText,
    Interest,
    Permission,
    Reach,
)
from app.consent.rules import (
    Basis,
    By,
    Channel,
    IpPolicy,
    Kind,
    Level,
    Proof,
    Purpose,
    RequestState,
    Shown,
    State,
    jurisdictions,
    public_part,
    shortened,
)
from app.consent.rules.jurisdictions import Jurisdiction, RuleSet
from app.contacts import queries as contacts
from app.kernel import clock
from app.kernel.db import array_of, once, session
from app.kernel.events import publish
from app.kernel.ids import uuid7, uuid7_texts

TOLD_COUNTRY = "country"
"""What a request keeps of a country until the yes makes it the person's own; it stands in no event."""
_storage_country = ""
_ip_policy = IpPolicy.FULL


def configure(storage_country: str, ip_policy: IpPolicy) -> None:
    """Set the country in which the servers stand (two letters, empty: not said), and how much of an IP is kept."""
    global _storage_country, _ip_policy
    _storage_country, _ip_policy = storage_country, ip_policy


def retention(rules: RuleSet) -> str:
    """For how long the personal part of a person's events is kept; ``purge_proofs`` holds to it."""
    return f"While a permission lasts, and for {rules.evidence_years} years after the last one has ended"


def kept_ip(ip: str) -> str:
    """As much of a network address as this installation keeps."""
    return shortened(ip, _ip_policy)


# Plain text: each question and answer runs these, and putting them together anew takes longer than running them.
_PERMISSION: Final = (
    "INSERT INTO permissions AS p (id, workspace_id, contact_id, purpose, channel, interest_id, state, level, basis,"
    " valid_until, event_id, updated_at) VALUES (:id, :workspace_id, :contact_id, :purpose, :channel, :interest_id,"
    " :state, :level, :basis, :valid_until, :event_id, :now) ON CONFLICT ON CONSTRAINT uq_permissions_subject DO UPDATE"
    " SET state = excluded.state, level = excluded.level, event_id = excluded.event_id, updated_at = excluded.updated_at"
)
_WITH_BASIS: Final = ", basis = excluded.basis, valid_until = excluded.valid_until"
_SET = text(_PERMISSION)
_SET_WITH_BASIS = text(_PERMISSION + _WITH_BASIS)
_ASK = text(_PERMISSION + _WITH_BASIS + " WHERE p.state <> 'yes' OR p.valid_until <= :now")
_REACH = text(
    "INSERT INTO reach (id, workspace_id, contact_id, channel) SELECT t.id, :workspace_id, t.contact_id, :channel"
    " FROM unnest(CAST(CAST(:ids AS text) AS uuid[]), CAST(CAST(:people AS text) AS uuid[])) AS t (id, contact_id)"
    " ON CONFLICT ON CONSTRAINT uq_reach_subject DO NOTHING"
)
# Each looked up by itself, whatever the planner believes of a table that a file has just filled.
_END = text(
    "UPDATE permissions p SET state = 'no', level = CASE WHEN p.purpose = 'tracking' THEN 'none' END, event_id = w.made,"
    " updated_at = :now FROM unnest(CAST(CAST(:people AS text) AS uuid[]), CAST(CAST(:events AS text) AS uuid[]),"
    " CAST(CAST(:made AS text) AS uuid[])) AS w (contact_id, event_id, made) CROSS JOIN LATERAL (SELECT ctid AS place"
    " FROM permissions WHERE workspace_id = :workspace_id AND contact_id = w.contact_id AND event_id = w.event_id OFFSET 0)"
    " AS f WHERE p.ctid = f.place RETURNING p.contact_id, p.purpose"
)

# Each looked up by themselves, whatever the planner believes of tables that a file has just filled: a join that was
# planned for an empty ``reach`` compared each of 5,000 with each row of it, three seconds a slice.
_PERSON = (
    "SELECT DISTINCT coalesce(c.merged_into, c.id) AS id FROM unnest(CAST(CAST(:ids AS text) AS uuid[])) AS w (id)"
    " CROSS JOIN LATERAL (SELECT id, merged_into FROM contacts WHERE id = w.id OFFSET 0) AS c"
)
_ENTRIES = text(
    f"SELECT c.id, c.merged_into FROM ({_PERSON}) AS p CROSS JOIN LATERAL"  # noqa: S608  no input in it
    " (SELECT id, merged_into, workspace_id FROM contacts WHERE merged_into = p.id OFFSET 0) AS c"
    " WHERE c.workspace_id = :workspace_id"
)
# Whoever acts on somebody locks the entries that were merged into theirs first, and then their own, so that two who
# came by different entries never wait for each other.
_LOCK = text(
    f"WITH person AS MATERIALIZED ({_PERSON}),"  # noqa: S608  no input in it
    " wanted AS MATERIALIZED (SELECT id, true AS is_person FROM person UNION ALL SELECT c.id, false FROM person p"
    " CROSS JOIN LATERAL (SELECT id FROM contacts WHERE merged_into = p.id OFFSET 0) AS c)"
    " SELECT r.contact_id FROM (SELECT id FROM wanted ORDER BY is_person, id OFFSET 0) AS w CROSS JOIN LATERAL"
    " (SELECT contact_id FROM reach WHERE contact_id = w.id AND workspace_id = :workspace_id AND channel = 'email'"
    " FOR UPDATE) AS r"
)


@dataclass(frozen=True, slots=True)
class Held:
    """Who somebody is now, and the entries that were merged into theirs: a no of theirs is written on each."""

    contact_id: UUID
    entries: tuple[UUID, ...] = ()
    merged_at: datetime | None = None
    """When the last of them was. A no from before then may be another entry's, and would go with it: whoever says no
    says it anew."""

    def stands(self, said_at: datetime) -> bool:
        """Whether a no of the person's was said since."""
        return self.merged_at is None or said_at > self.merged_at

    @property
    def everywhere(self) -> tuple[UUID, ...]:
        """All of them, the person first."""
        return (self.contact_id, *self.entries)


def hold(workspace_id: UUID, contact_ids: Collection[UUID], *, make: bool = True) -> dict[UUID, Held]:
    """Who each of these is now, for as long as the transaction lasts: nobody is merged meanwhile.

    The row of reach by email is a person's lock.

    Args:
        workspace_id: of all.
        contact_ids: whom it is about, merged or not.
        make: write that row where it is missing; without it somebody about whom nothing was ever said is not held.
    """
    if make:
        make_reach(workspace_id, Channel.EMAIL, contact_ids)
    locked = _lock(workspace_id, contact_ids)
    found = _entries(workspace_id, contact_ids)
    # Whoever was waited for may have merged them; of who was merged there always is a row to lock.
    while more := {*found, *found.values()} - locked:
        locked |= _lock(workspace_id, contact_ids) | more
        found = _entries(workspace_id, contact_ids)
    held = {}
    for contact_id in contact_ids:
        survivor = found.get(contact_id, contact_id)
        entries = tuple(sorted(entry for entry, into in found.items() if into == survivor))
        held[contact_id] = Held(survivor, entries, _merged_at(workspace_id, survivor) if entries else None)
    return held


def hold_one(workspace_id: UUID, contact_id: UUID) -> Held:
    """As ``hold``, for one."""
    return hold(workspace_id, [contact_id])[contact_id]


def _merged_at(workspace_id: UUID, contact_id: UUID) -> datetime | None:
    query = select(func.max(ConsentEvent.received_at)).where(
        ConsentEvent.workspace_id == workspace_id,
        ConsentEvent.contact_id == contact_id,
        ConsentEvent.kind == Kind.MERGED.value,
    )
    return session().execute(query).scalar_one()


def _entries(workspace_id: UUID, contact_ids: Collection[UUID]) -> dict[UUID, UUID]:
    rows = session().execute(_ENTRIES, {"workspace_id": workspace_id, "ids": array_of(contact_ids)})
    return {row[0]: row[1] for row in rows}


def _lock(workspace_id: UUID, contact_ids: Collection[UUID]) -> set[UUID]:
    return set(session().execute(_LOCK, {"workspace_id": workspace_id, "ids": array_of(contact_ids)}).scalars())


def append(
    kind: Kind,
    workspace_id: UUID,
    contact_id: UUID,
    by: By,
    about: dict[str, Any],
    personal: dict[str, Any],
    request_id: UUID | None = None,
    method: str = "web",
) -> UUID:
    """Write an event inside the caller's transaction and give its id."""
    entry = ledger.Entry(kind, workspace_id, contact_id, by, about, personal, request_id, method)
    return ledger.append(entry)


def set_permission(
    workspace_id: UUID,
    contact_id: UUID,
    purpose: Purpose,
    channel: Channel,
    interest_id: UUID | None,
    state: State,
    event_id: UUID,
    level: Level | None = None,
    *,
    basis: Basis | None = Basis.CONSENT,
    valid_until: datetime | None = None,
) -> None:
    """Make a permission what the event says. The unique key is its subject.

    Without a ``basis`` the ground and its end stay as they were, for who takes a no back.
    """
    session().execute(
        _SET if basis is None or state is State.NO else _SET_WITH_BASIS,
        {
            "id": uuid7(), "workspace_id": workspace_id, "contact_id": contact_id, "purpose": purpose.value,
            "channel": channel.value, "interest_id": interest_id, "state": state.value,
            "level": level.value if level else None, "basis": (basis or Basis.CONSENT).value,
            "valid_until": valid_until, "event_id": event_id, "now": clock.now(),
        },
    )  # fmt: skip
    if purpose is Purpose.TRACKING:
        given = level if state is State.YES and level else Level.NONE
        publish(TrackingChanged(workspace_id, contact_id, given))


def end(workspace_id: UUID, ended: Sequence[tuple[UUID, UUID, UUID]]) -> None:
    """Make a no of whatever permission stands on an event.

    Args:
        workspace_id: of all.
        ended: a person who is held, the event, and the one that says so.
    """
    values = {
        "workspace_id": workspace_id, "now": clock.now(), "people": array_of([one[0] for one in ended]),
        "events": array_of([one[1] for one in ended]), "made": array_of([one[2] for one in ended]),
    }  # fmt: skip
    for contact_id, purpose in session().execute(_END, values):
        if purpose == Purpose.TRACKING:
            publish(TrackingChanged(workspace_id, contact_id, Level.NONE))


def refuse(
    workspace_id: UUID, entries: Sequence[UUID], channel: Channel, interest_ids: Sequence[UUID], event_id: UUID
) -> None:
    """Write a no about these interests on entries that were merged, so that it stays when they are parted again."""
    session().execute(
        update(Permission)
        .where(
            Permission.workspace_id == workspace_id,
            Permission.contact_id.in_(entries),
            Permission.purpose == Purpose.MARKETING.value,
            Permission.channel == channel.value,
            Permission.interest_id.in_(interest_ids),
            Permission.state != State.NO.value,
        )
        .values(state=State.NO.value, event_id=event_id, updated_at=clock.now())
    )


def set_asked(workspace_id: UUID, asked: Sequence[tuple[UUID, Channel, UUID, UUID]]) -> None:
    """Permissions that somebody was asked for; that never takes a living yes away.

    Args:
        workspace_id: of all.
        asked: person, channel, interest and event of each.
    """
    now = clock.now()
    rows = [
        {
            "id": uuid7(), "workspace_id": workspace_id, "contact_id": contact_id, "purpose": Purpose.MARKETING.value,
            "channel": channel.value, "interest_id": interest_id, "state": State.ASKED.value, "level": None,
            "basis": Basis.CONSENT.value, "valid_until": None, "event_id": event_id, "now": now,
        }
        for contact_id, channel, interest_id, event_id in asked
    ]  # fmt: skip
    session().execute(_ASK, rows)


def end_unanswered(request: ConsentRequest) -> None:
    """Let the yes that a question asks about end with the question, unless it ends sooner or is given anew."""
    session().execute(
        update(Permission)
        .where(
            Permission.workspace_id == request.workspace_id,
            Permission.contact_id == request.contact_id,
            Permission.purpose == Purpose.MARKETING.value,
            Permission.channel == request.channel,
            Permission.interest_id.in_([UUID(found) for found in request.interests]),
            Permission.state == State.YES.value,
        )
        .values(valid_until=func.least(Permission.valid_until, request.expires_at), updated_at=clock.now())
    )


def make_reach(workspace_id: UUID, channel: Channel, people: Iterable[UUID]) -> None:
    """Rows of reach where there are none; the unique key is (workspace, contact, channel)."""
    # In one order, so that two who make the same ones never wait for each other in a circle.
    ids = sorted(people)
    values = {"workspace_id": workspace_id, "channel": channel.value, "people": array_of(ids), "ids": new_ids(len(ids))}
    session().execute(_REACH, values)


def new_ids(count: int) -> str:
    """So many new ids, as ``array_of`` writes them."""
    return "{" + ",".join(uuid7_texts(count)) + "}"


def ensure_reach(workspace_id: UUID, contact_id: UUID, channel: Channel = Channel.EMAIL) -> Reach:
    """The person's reach on a channel, locked; the unique key is (workspace, contact, channel)."""
    make_reach(workspace_id, channel, [contact_id])
    return _lock_reach(workspace_id, contact_id, channel)


def reach_of_held(workspace_id: UUID, contact_id: UUID, channel: Channel) -> Reach:
    """As ``ensure_reach``, of somebody who is held: the row by email is there already."""
    if channel is Channel.EMAIL:
        return _lock_reach(workspace_id, contact_id, channel)
    return ensure_reach(workspace_id, contact_id, channel)


def _lock_reach(workspace_id: UUID, contact_id: UUID, channel: Channel) -> Reach:
    query = select(Reach).where(
        Reach.workspace_id == workspace_id, Reach.contact_id == contact_id, Reach.channel == channel.value
    )
    return session().execute(query.with_for_update().execution_options(populate_existing=True)).scalar_one()


def list_reach(workspace_id: UUID, contact_ids: Sequence[UUID], channel: Channel) -> list[Reach]:
    """The rows of reach of these people, who are held, on a channel; the person's own comes first."""
    query = select(Reach).where(
        Reach.workspace_id == workspace_id, Reach.contact_id.in_(contact_ids), Reach.channel == channel.value
    )
    found = session().execute(query.with_for_update().execution_options(populate_existing=True)).scalars()
    return sorted(found, key=lambda reach: contact_ids.index(reach.contact_id))


def close_requests(workspace_id: UUID, contact_id: UUID) -> None:
    """Call off every question that waits for this person."""
    session().execute(
        update(ConsentRequest)
        .where(
            ConsentRequest.workspace_id == workspace_id,
            ConsentRequest.contact_id == contact_id,
            ConsentRequest.state == RequestState.OPEN.value,
        )
        .values(state=RequestState.CANCELLED.value, done_at=clock.now())
    )


def forget_country(workspace_id: UUID, contact_id: UUID) -> None:
    """Drop the country that somebody told with their questions; nothing else of a request names a person."""
    session().execute(
        update(ConsentRequest)
        .where(ConsentRequest.workspace_id == workspace_id, ConsentRequest.contact_id == contact_id)
        .values(shown=ConsentRequest.shown.op("-")(TOLD_COUNTRY))
    )


def close_asked(
    workspace_id: UUID, contact_id: UUID, channel: Channel, interest_ids: Sequence[UUID], event_id: UUID
) -> None:
    """What was only asked becomes no; a yes stays."""
    session().execute(
        update(Permission)
        .where(
            Permission.workspace_id == workspace_id,
            Permission.contact_id == contact_id,
            Permission.channel == channel.value,
            Permission.interest_id.in_(interest_ids),
            Permission.state == State.ASKED.value,
        )
        .values(state=State.NO.value, event_id=event_id, updated_at=clock.now())
    )


def personal(workspace_id: UUID, contact_id: UUID, proof: Proof, typed: str = "") -> dict[str, Any]:
    """The personal part of an event: who and by what act."""
    address = contacts.find_address(workspace_id, contact_id)
    return personal_of(address.address if address else "", proof, typed)


def personal_of(address: str, proof: Proof, typed: str = "") -> dict[str, Any]:
    """The same for whoever has the address in hand; empty: there is none."""
    return {
        "typed": typed,
        "address": address,
        "ip": kept_ip(proof.ip),
        "user_agent": proof.user_agent[:400],
        "http_method": proof.http_method,
        "token": proof.token_id,
        "seconds_since_mail": proof.seconds_since_mail,
        "verdict": proof.verdict,
        **({"guardian_event": proof.guardian_event} if proof.guardian_event else {}),
    }


def what(
    workspace_id: UUID,
    contact_id: UUID | None,
    interests: Sequence[Interest],
    channel: Channel,
    state: State,
    *,
    basis: Basis = Basis.CONSENT,
    valid_until: datetime | None = None,
    law: Jurisdiction | None = None,
) -> dict[str, Any]:
    """What an event is about: controller, purpose, channel, interests with their versions, basis, validity, rules.

    Without a ``law`` it names the rules that hold for the person (``contact_id``) now.
    """
    if law is None:
        assert contact_id is not None
        law = law_of(workspace_id, contact_id)
    brand = accounts.brand(workspace_id)
    return {
        **purposes(Purpose.MARKETING),
        "channel": channel.value,
        "state": state.value,
        "interests": [
            {"id": str(found.id), "version": found.version, "name": found.name} for found in interests
        ],
        "basis": basis.value,
        "validity": {
            "until": ledger.moment(valid_until) if valid_until else None,
            "dormant_months": law.rules.dormant_months if basis is Basis.CONSENT else None,
        },
        "controller": {"name": brand.name, "address": brand.postal_address, "contact": brand.contact_email},
        "recipients": "none",
        "privacy_notice": public_part(brand.privacy_url or ""),
        "retention": retention(law.rules),
        "storage": _storage_country,
        "rule_set": law.rules.key,
        "rule_set_version": jurisdictions.VERSION,
        "rule_set_from": law.source.value,
        "evidence": "recorded",
    }


def purposes(purpose: Purpose) -> dict[str, Any]:
    """The purpose with its version."""
    return {"purpose": {"key": purpose.value, "version": 1}}


def shown_texts(workspace_id: UUID, text_ids: Sequence[UUID]) -> dict[str, Any]:
    """The texts that stood there, with their hashes."""
    return {"texts": once(("texts", workspace_id, *text_ids), lambda: _texts(workspace_id, text_ids))}


def _notice(workspace_id: UUID) -> tuple[UUID, ...]:
    """The brand's privacy notice as it was read last; nothing where it never was."""
    brand = accounts.brand(workspace_id)
    found = queries.notice_text(workspace_id, brand.privacy_url or "")
    return (found,) if found else ()


def _texts(workspace_id: UUID, text_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    query = select(ConsentText).where(ConsentText.workspace_id == workspace_id, ConsentText.id.in_(text_ids))
    return [
        {"id": str(found.id), "kind": found.kind, "version": found.version, "sha256": found.sha256.hex(),
         "language": found.language}
        for found in session().execute(query.order_by(ConsentText.kind)).scalars()
    ]  # fmt: skip


def shown(workspace_id: UUID, shown: Shown) -> dict[str, Any]:
    """What stood before the person: texts with their hashes, the privacy notice among them, form, page and boxes."""
    texts = shown_texts(workspace_id, shown.text_ids)
    # Who is asked anew is shown what stood there the first time, with the notice of that time.
    if not any(found["kind"] == "privacy" for found in texts["texts"]):
        notice = once(("notice", workspace_id), lambda: _notice(workspace_id))
        texts = shown_texts(workspace_id, (*shown.text_ids, *notice))
    return {
        **texts,
        "language": shown.language,
        "form": {"id": str(shown.form_id), "version": shown.form_version} if shown.form_id else None,
        "page": {
            "sha256": shown.page_sha256,
            "url": public_part(shown.page_url),
            "referrer": public_part(shown.referrer),
            **({"posted_at": ledger.moment(shown.posted_at)} if shown.posted_at else {}),
        },
        "boxes": [{"name": name, "default": False} for name in shown.boxes],
    }
