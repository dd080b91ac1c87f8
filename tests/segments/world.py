"""A workspace with everything that people can be chosen by, and random people for it, written straight into the tables."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from sqlalchemy import insert, text

from app.accounts import queries as accounts
from app.accounts.rules import acts
from app.consent.models import Permission, Reach
from app.contacts import service as contacts
from app.contacts.models import Contact, ContactAddress
from app.contacts.rules import fold_name
from app.delivery.models import Mailing, MailingLeaving, Message
from app.engagement import rules as scores
from app.engagement.models import EngagementScore
from app.groups import service as groups
from app.groups.models import GroupMember
from app.groups.rules import Details, Kind
from app.kernel import clock
from app.kernel.db import session, transaction
from app.kernel.ids import uuid7
from app.segments import service
from app.tags import service as tags
from app.tags.models import ContactTag
from app.tracking import service as tracking
from app.tracking.models import MailingOrder, Signal
from tests.support import make

NAMES = ("", "Mara", "mara", "MARA", "Émile", "ÉMILE", "Nils 100%", "n_ls", "Ma\\ra")
TOWNS = (None, "", "Köln", "KÖLN", "Kiel", "50% off")
ROASTS, BREWS = ("light", "dark"), ("filter", "espresso", "pour-over")
OWN = "own.webinar"
COMPANIES = (("Acme Köln", "DE", "Buyer"), ("n_ls", "", ""))
"""Name, country, and the role that its people have."""
PROGRAMS = (
    ("phone", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) Mobile/15E148"), ("tablet", "Mozilla/5.0 (iPad; Mobile)"),
    ("computer", "Mozilla/5.0 (Windows NT 10.0)"),
)  # fmt: skip
"""By the mailing of a signal: what it was read on."""
DAYS = (0, 1, 5, 29, 30, 31, 89, 400)


@dataclass(frozen=True)
class Act:
    """A signal, or a message that was sent; ``mailing`` is 0, 1, or 2 for a system mail."""

    kind: str
    days: int
    mailing: int
    state: str


@dataclass(frozen=True)
class Person:
    """One random person; days count back from now, and each instant lies half a day further back."""

    first_name: str
    last_name: str
    domain: str | None
    language: str
    days: int
    erased: bool
    fields: dict
    permissions: tuple[str | None, ...]
    veto: str | None
    hold: str | None
    level: str | None
    points: float | None
    last_read: int
    acts: tuple[Act, ...] = ()
    company: int | None = None
    household: int | None = None
    tags: tuple[int, ...] = ()
    id: UUID = field(default_factory=uuid7, compare=False, hash=False)

    @property
    def email(self) -> str:
        return f"{self.first_name[:1].lower() or 'x'}.{self.id.hex[-6:]}@{self.domain}" if self.domain else ""


def _stored_fields(today: date):
    def maybe(values):
        return values | values | values | st.none()

    return st.fixed_dictionaries(
        {
            "town": st.sampled_from(TOWNS),
            "age": maybe(st.sampled_from(["18", "30", "30.5", "-2", "65"])),
            "birthday": maybe(st.sampled_from([-31, -30, -1, 0, 1, 30, 31, 400])).map(
                lambda back: None if back is None else (today - timedelta(days=back)).isoformat()
            ),
            "roast": maybe(st.sampled_from(ROASTS)),
            "brews": maybe(st.lists(st.sampled_from(BREWS), unique=True, min_size=1)),
            "member": maybe(st.booleans()),
            "country": maybe(st.sampled_from(["DE", "FR"])),
            "spent": maybe(st.sampled_from(["12.50 EUR", "100 EUR", "100 USD", "3 GBP"])),
        }
    ).map(lambda found: {key: value for key, value in found.items() if value is not None})


def people(today: date, at_least: int = 1) -> st.SearchStrategy[list[Person]]:
    act = st.builds(
        Act, st.sampled_from(["open", "click", "message", "order", OWN]), st.sampled_from(DAYS), st.sampled_from([0, 1, 2]),
        st.sampled_from(["human", "human", "machine", "sent", "sent", "failed", "unsure", "waiting"]),
    )  # fmt: skip
    person = st.builds(
        Person, st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from([None, "example.org", "mail.example.org", "a.test"]),
        st.sampled_from(["en", "de", "fr"]), st.sampled_from(DAYS), st.sampled_from([False] * 7 + [True]),
        _stored_fields(today),
        st.tuples(*[st.sampled_from([None, "asked", "yes", "yes", "no", "ended", "paused"])] * 2),
        st.sampled_from([None, None, None, "suppressed_at", "objected_at"]),
        st.sampled_from([None, None, None, "paused_until", "digest"]),
        st.sampled_from([None, "individual", "individual", "aggregate", "date", "none"]),
        st.sampled_from([None, 0.01, 1.0, 3.0, 9.0, 15.0, 70.0]), st.sampled_from(DAYS),
        st.lists(act, max_size=5).map(tuple), st.sampled_from([None, 0, 1]), st.sampled_from([None, None, 0, 1]),
        st.lists(st.sampled_from([0, 1]), unique=True, max_size=2).map(tuple),
    )  # fmt: skip
    return st.lists(person, min_size=at_least, max_size=at_least + 7)


class World:
    """One workspace, the same for all examples; its people come and go."""

    def __init__(self) -> None:
        self.place = make.place()
        self.id = self.place.id
        made = make.confirmed(self.place, make.person(self.id, "nobody@example.org"))
        with transaction():
            for label, kind, choices in (
                ("Town", "text", ()), ("Age", "number", ()), ("Birthday", "date", ()), ("Roast", "choice", ROASTS),
                ("Brews", "multi_choice", (*BREWS, *"abcdef")), ("Member", "boolean", ()), ("Country", "country", ()),
                ("Spent", "money", ()),
            ):  # fmt: skip
                contacts.define_field(self.id, label, kind, choices=choices)
            tracking.own_kinds.know(self.id, ["webinar"])
            self.now = clock.now()
            self.tags = list(tags.ensure(self.id, {"vip": "VIP", "wholesale": "wholesale"}).values())
            self.groups = [self._group(Kind.COMPANY, name, country) for name, country, _ in COMPANIES]
            self.groups += [self._group(Kind.HOUSEHOLD, name) for name in ("Family Lund", "Family Yıldız")]
        self.sizes: Counter[int | None] = Counter()
        session().execute(
            text("UPDATE contacts SET erased_at = now() WHERE id = :id"), {"id": made.contact_id}
        )
        self.event_id = made.event_id
        self.zone = ZoneInfo(accounts.brand(self.id).time_zone)
        self.today = self.now.astimezone(self.zone).date()
        self.mailings = [self._mailing(kind) for kind in ("bulk", "bulk", "system")]
        with transaction():
            for number in self.mailings[:2]:
                tracking.register(number, self.id, ["https://ostkai.example/new"])
            tree = {
                "match": "all",
                "rules": [{"field": "contacts.first_name", "op": "contains", "value": "mar"}],
            }
            self.segment = service.create(self.id, "Maras", tree, by=acts.COMMAND)

    def _group(self, kind: Kind, name: str, country: str = "") -> UUID:
        return groups.create(self.id, kind, Details(name, country=country), by=acts.COMMAND).id

    def _mailing(self, kind: str) -> int:
        row = {
            "id": uuid7(), "workspace_id": self.id, "kind": kind, "name": "letter", "lane": kind, "channel": "email",
            "purpose": "marketing" if kind == "bulk" else None, "state": "done", "created_at": self.now, "title": "May",
        }  # fmt: skip
        return session().execute(insert(Mailing).values(row).returning(Mailing.no)).scalar_one()

    def ago(self, days: int) -> datetime:
        return self.now - timedelta(days=days, hours=12)

    def fill(self, found: list[Person]) -> None:
        """Write them down."""
        tracking.make_months({self.ago(act.days) for one in found for act in one.acts} or {self.now})
        self.sizes = Counter(one.household for one in found if not one.erased)
        for table, rows in {
            Contact: [self._contact(one) for one in found],
            ContactAddress: [self._address(one) for one in found if one.domain],
            Reach: [self._reach(one) for one in found],
            Permission: [row for one in found for row in self._permissions(one)],
            EngagementScore: [self._score(one) for one in found if one.points and one.level == "individual"],
            GroupMember: [row for one in found if not one.erased for row in self._memberships(one)],
            ContactTag: [
                {"contact_id": one.id, "tag_id": self.tags[n], "workspace_id": self.id, "added_at": self.now}
                for one in found
                if not one.erased
                for n in one.tags
            ],
            Signal: [self._signal(one, act) for one in found for act in one.acts if act.kind != "message"],
            MailingOrder: [
                self._order(one, act)
                for one in found
                for act in one.acts
                if act.kind == "order" and act.state in {"human", "sent"}
            ],
            Message: [
                self._message(one, act, n)
                for one in found
                for n, act in enumerate(one.acts)
                if act.kind == "message"
            ],
            MailingLeaving: [
                self._leaving(one, act, n)
                for one in found
                for n, act in enumerate(one.acts)
                if act.kind == "message" and act.mailing != 2 and act.state in {"human", "machine"}
            ],
        }.items():
            if rows:
                session().execute(insert(table), rows)

    def _contact(self, one: Person) -> dict:
        return {
            "id": one.id, "workspace_id": self.id, "first_name": one.first_name, "last_name": one.last_name,
            "name_folded": fold_name(one.first_name), "language": one.language, "fields": one.fields,
            "created_at": self.ago(one.days), "updated_at": self.now, "erased_at": self.now if one.erased else None,
        }  # fmt: skip

    def _address(self, one: Person) -> dict:
        return {
            "id": uuid7(), "workspace_id": self.id, "contact_id": one.id, "channel": "email", "raw": one.email,
            "address": one.email, "key": one.email, "folded": one.email, "domain": one.domain, "created_at": self.now,
        }  # fmt: skip

    def _reach(self, one: Person) -> dict:
        row = {
            "id": uuid7(), "workspace_id": self.id, "contact_id": one.id, "channel": "email", "suppressed_at": None,
            "objected_at": None, "paused_until": None, "digest": None, "digest_from": None,
        }  # fmt: skip
        if one.veto:
            row[one.veto] = self.now
        if one.hold == "paused_until":
            row["paused_until"] = self.now + timedelta(days=3)
        if one.hold == "digest":
            row |= {"digest": "weekly", "digest_from": self.now}
        return row

    def _permissions(self, one: Person) -> list[dict]:
        row = {
            "workspace_id": self.id, "contact_id": one.id, "channel": "email", "event_id": self.event_id,
            "updated_at": self.now, "purpose": "marketing", "level": None, "interest_id": None, "valid_until": None,
            "paused_until": None,
        }  # fmt: skip
        rows = []
        for interest, state in zip(self.place.interests, one.permissions, strict=True):
            if state:
                is_yes = state in {"yes", "ended", "paused"}
                more = {"valid_until": self.now - timedelta(days=1) if state == "ended" else None}
                more["paused_until"] = self.now + timedelta(days=1) if state == "paused" else None
                rows.append(
                    row
                    | more
                    | {"id": uuid7(), "interest_id": interest.id, "state": "yes" if is_yes else state}
                )
        if one.level:
            rows.append(row | {"id": uuid7(), "purpose": "tracking", "state": "yes", "level": one.level})
        return rows

    def _memberships(self, one: Person) -> list[dict]:
        row = {"contact_id": one.id, "workspace_id": self.id, "joined_at": self.now, "role": ""}
        rows = []
        if one.company is not None:
            role = COMPANIES[one.company][2]
            rows.append(row | {"kind": "company", "group_id": self.groups[one.company], "role": role})
        if one.household is not None:
            rows.append(row | {"kind": "household", "group_id": self.groups[2 + one.household]})
        return rows

    def _score(self, one: Person) -> dict:
        s = math.log2(one.points) + scores.age(self.now, scores.HALF_LIFE_DAYS)
        return {
            "contact_id": one.id, "rules_no": 1, "workspace_id": self.id, "s": s, "human_signals": 1,
            "last_signal_at": self.ago(one.last_read),
        }  # fmt: skip

    def _signal(self, one: Person, act: Act) -> dict:
        verdict = {"machine": "machine", "failed": "machine", "unsure": "unknown", "waiting": "unknown"}.get(act.state, "human")
        is_letters = act.kind in {"open", "click"}
        return {
            "event_id": uuid7(), "workspace_id": self.id, "contact_id": one.id, "kind": act.kind, "link": 0,
            "n": 1 if is_letters else None, "mailing_no": self.mailings[act.mailing] if is_letters else None,
            "at": self.ago(act.days), "verdict": verdict, "reason": "told",
            "program": PROGRAMS[act.mailing][1] if act.state == "human" else None,
        }  # fmt: skip

    def _order(self, one: Person, act: Act) -> dict:
        return {
            "event_id": uuid7(), "workspace_id": self.id, "contact_id": one.id, "mailing_no": self.mailings[act.mailing],
            "n": 1, "at": self.ago(act.days),
        }  # fmt: skip

    def _message(self, one: Person, act: Act, n: int) -> dict:
        return {
            "mailing_no": self.mailings[act.mailing], "n": int(one.id.hex[-10:], 16) * 10 + n, "workspace_id": self.id,
            "contact_id": one.id, "permission_id": None if act.mailing == 2 else uuid7(), "reach_id": uuid7(),
            "dedupe_key": uuid7(), "created_at": self.ago(act.days), "due_at": self.now,
            "state": {"machine": "failed", "failed": "failed", "unsure": "unknown", "waiting": "pending"}.get(act.state, "sent"),
            "done_at": None if act.state == "waiting" else self.ago(act.days),
        }  # fmt: skip

    def _leaving(self, one: Person, act: Act, n: int) -> dict:
        return {
            "mailing_no": self.mailings[act.mailing], "n": int(one.id.hex[-10:], 16) * 10 + n, "workspace_id": self.id,
            "kind": "left" if act.state == "human" else "complained", "at": self.ago(act.days),
        }  # fmt: skip


def as_json(tree: dict) -> str:
    return json.dumps(tree, ensure_ascii=False)
