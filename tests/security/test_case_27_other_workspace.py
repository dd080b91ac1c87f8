"""Case 27: what belongs to another workspace is not there: every route that names an object, for every role.

The routes come from the URL map. A route with an argument that nobody here knows how to make fails, so that this
test grows with the house.
"""

from __future__ import annotations

import io
from uuid import UUID

import pytest
from sqlalchemy import text

from app.accounts import service as accounts
from app.accounts.rules import acts
from app.accounts.rules.roles import SCOPES, Role
from app.campaigns import links as report_links
from app.consent.rules import Word
from app.contacts import queries as contacts_queries
from app.contacts import service as contacts
from app.delivery import service as delivery
from app.evidence import service as evidence
from app.evidence.rules import TargetKind
from app.forms import queries as forms
from app.kernel.db import Base, transaction
from app.kernel.http.guards import guard_of
from tests.support import images, make
from tests.support.accounts import Account, csrf_of, make_member, sign_in
from tests.support.routes import SOME_UUID


def _letter(where: make.Place) -> UUID:
    from app.content import service as content

    made = content.create_letter(where.id, "November", design="announcement")
    content.freeze_version(where.id, made.id)
    return made.id


def _campaign(where: make.Place) -> UUID:
    from app.campaigns import service as campaigns
    from app.content import service as content

    return campaigns.create(where.id, "November", content.designs()[0].name).id


def _series(where: make.Place) -> UUID:
    from app.campaigns import series
    from app.campaigns.rhythm import rhythm_of

    daily = rhythm_of("day", [], 1, "10:00")
    return series.make(where.id, _campaign(where), daily, "draft", only_new=False, by=where.owner_id).id


def _template(where: make.Place) -> UUID:
    from app.transactional import service as transactional

    return transactional.create(where.id, "Receipt", by=where.owner_id).id


def _mail(where: make.Place) -> UUID:
    from app.content.service import blocks
    from app.transactional import service as transactional
    from app.transactional.rules import Asked

    made = transactional.create(where.id, "Password", by=where.owner_id)
    blocks.edit(where.id, made.letter_id, subject="Your link", preheader="To choose another one")
    transactional.publish(where.id, made.id)
    return transactional.send(where.id, Asked("password", "mara@example.net", {}), "password-1")


def _segment(where: make.Place) -> UUID:
    from app.segments import service as segments

    tree = {"match": "all", "rules": [{"field": "contacts.first_name", "op": "is", "value": "Mara"}]}
    return segments.create(where.id, "Maras", tree, by=acts.COMMAND).id


def _import(where: make.Place) -> UUID:
    from app.imports import service as imports

    return imports.upload(where.id, "people.csv", io.BytesIO(b"email\nmara@example.org\n"), by=where.owner_id)


def _export(where: make.Place) -> UUID:
    from app.imports import exporting

    return exporting.start(where.id, "people", "csv", by=where.owner_id)


def _note(where: make.Place) -> UUID:
    from app.notes import service as notes

    who = make.person(where.id, "mara@example.org")
    return notes.write(where.id, who.id, "Met in Kiel", by=where.owner_id).id


def _file(where: make.Place) -> UUID:
    from app.files import service as files

    who = make.person(where.id, "mara@example.org")
    return files.add(where.id, who.id, "contract.pdf", b"%PDF-1.7", by=where.owner_id).id


def _picture(where: make.Place) -> UUID:
    from app.content import service as content

    return content.add_picture(where.id, "mara.png", images.png()).id


def _company(where: make.Place) -> UUID:
    from app.groups import service as groups
    from app.groups.rules import Details, Kind

    return groups.create(where.id, Kind.COMPANY, Details("Acme"), by=acts.COMMAND).id


def _tag(where: make.Place) -> UUID:
    from app.tags import service as tags

    return tags.ensure(where.id, {"wholesale": "wholesale"})["wholesale"]


def _merge(where: make.Place) -> UUID:
    from app.consent.rules import By
    from app.merging import service as merging

    one, other = make.person(where.id), make.person(where.id)
    return merging.merge(where.id, one.id, other.id, by=By("staff", str(where.owner_id))).merge_id


def _bulk_act(where: make.Place) -> UUID:
    from app.people import bulk
    from app.people.rules import ActKind

    who = make.person(where.id, "mara@example.org")
    return bulk.start(where.id, bulk.What(ActKind.PUT_ON, "wholesale"), bulk.Whom([who.id]), by=where.owner_id)


def _snippet(where: make.Place) -> UUID:
    from app.content.service import snippets

    return snippets.create_snippet(where.id, "Opening hours", "<p>From nine to five</p>").id


MAKERS = {
    "act_id": _bulk_act,
    "campaign_id": _campaign,
    "contact_id": lambda where: make.person(where.id, "mara@example.org").id,
    "event_id": lambda where: make.asked(where, make.person(where.id, "mara@example.org")).event_id,
    "export_id": _export,
    "field_id": lambda where: contacts.define_field(where.id, "Town", "text").id,
    "file_id": _file,
    "form_id": lambda where: forms.list_forms(where.id)[0].form.id,
    "group_id": _company,
    "import_id": _import,
    "interest_id": lambda where: where.interests[0].id,
    "key_id": lambda where: accounts.create_api_key(where.id, "Shop", ["people.read"], by=acts.COMMAND).id,
    "letter_id": _letter,
    "link_id": lambda where: report_links.make(where.id, _campaign(where), 7, by=acts.COMMAND).id,
    "mail_id": _mail,
    "merge_id": _merge,
    "other_id": lambda where: make.person(where.id).id,
    "note_id": _note,
    "picture_id": _picture,
    "segment_id": _segment,
    "snippet_id": _snippet,
    "series_id": _series,
    "tag_id": _tag,
    "template_id": _template,
    "target_id": lambda where: evidence.add_target(where.id, TargetKind.MAIL, "seals@ostkai.example", by=where.owner_id),
    "pair_id": lambda where: delivery.make_keys(where.id, "ostkai.example", by=acts.COMMAND).id,
}
"""How to make what an argument names, in a workspace."""
COMMON = {"name"}
"""Arguments that name something which belongs to nobody, such as a design that Nod brings along."""
BODIES = {
    "content.find_reader": {"q": "mara"},
    "content.restore": {"number": "1"},
    "content.save": {"source": "<mjml></mjml>", "revision": "1"},
    "settings.save_interest": {"name": "Stolen"},
    "imports.layout": {"encoding": "utf-16"},
    "imports.read": {"column": "email"},
    "people.change_field": {"label": "Stolen"},
    "people.correct": {"remark": "Stolen"},
    "people.erase": {"word": "erase"},
    "people.save": {"first_name": "Stolen"},
    "people.never": {"detail": "Stolen"},
    "forms.change_state": {"live": "0"},
}
"""What a post needs so that it is refused for its object and for nothing else."""


def guarded(app):
    """(endpoint, rule, method) of each route that names an object and asks who is there."""
    return [
        (rule.endpoint, rule, method)
        for rule in app.url_map.iter_rules()
        if rule.arguments - COMMON and guard_of(app, rule.endpoint).kind in {"member", "api"}
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"})
    ]


@pytest.fixture
def ours(session):
    return make.place("Ours")


@pytest.fixture
def theirs(session):
    return make.place("Theirs")


def made_for(where, names=tuple(MAKERS)):
    with transaction():
        return {name: MAKERS[name](where) for name in names}


@pytest.fixture
def things(theirs):
    return made_for(theirs)


@pytest.fixture
def some(theirs):
    """A person and an interest, for tests that look at nothing else."""
    return made_for(theirs, ("contact_id", "interest_id"))


def owner_of(where):
    return Account(where.owner_id, where.id, where.owner_email, make.PASSWORD)


class Browser:
    """Somebody signed in, with a key for programs; the token of their session comes from their own page."""

    def __init__(self, app, account):
        self.app, self.client = app, app.test_client()
        with transaction():
            key = accounts.create_api_key(account.workspace_id, "All", SCOPES, by=acts.COMMAND)
        self.key = {"Authorization": f"Bearer {key.secret}"}
        assert sign_in(self.client, account).status_code == 303
        self.token = csrf_of(self.client.get("/settings/you").text)

    def call(self, rule, method, values, endpoint):
        known = {name: values[name] for name in rule.arguments & set(values)}
        others = dict.fromkeys(rule.arguments - set(known), "1")
        path = rule.build({**others, **known})[1]
        if guard_of(self.app, endpoint).kind == "api":
            return self.client.open(path, method=method, headers=self.key)
        form = {"csrf": self.token, **BODIES.get(endpoint, {})} if method != "GET" else None
        return self.client.open(path, method=method, data=form)


def rows_of(session, where) -> dict[str, list[str]]:
    """Everything that a workspace owns, as text."""
    session.expire_all()
    return {
        name: sorted(
            session.execute(
                text(f"SELECT t::text FROM {name} t WHERE workspace_id = :id"), {"id": where.id}
            ).scalars()
        )
        for name, table in Base.metadata.tables.items()
        if "workspace_id" in table.columns and name not in {"sessions", "audit_entries"}
    }


def test_case_27_every_argument_is_known_here(app):
    named = {name for _, rule, _ in guarded(app) for name in rule.arguments - COMMON}
    converters = {
        name: type(rule._converters[name]).__name__
        for _, rule, _ in guarded(app)
        for name in rule.arguments - COMMON
    }
    unknown = {name for name in named - set(MAKERS) if converters[name] == "UUIDConverter"}
    assert not unknown, f"Say in MAKERS how to make: {sorted(unknown)}"
    assert len(guarded(app)) >= 20


def test_case_27_another_workspaces_objects_are_not_there(app, session, ours, theirs, things):
    before = rows_of(session, theirs)
    for role in Role:
        account = owner_of(ours)
        if role is not Role.OWNER:
            account = make_member(ours.id, role, f"{role.value}@ours.example")
        finds_nothing(app, Browser(app, account), things, {404} if role is Role.OWNER else {403, 404}, role)
    assert rows_of(session, theirs) == before


def finds_nothing(app, browser, things, allowed, role):
    for endpoint, rule, method in guarded(app):
        answer = browser.call(rule, method, things, endpoint)
        assert answer.status_code in allowed, f"{role} {method} {rule.rule}: {answer.status_code}"
        assert "mara" not in answer.text.lower().replace("nomara", "")
        guessed = browser.call(rule, method, dict.fromkeys(things, UUID(SOME_UUID)), endpoint)
        assert guessed.status_code == answer.status_code, f"{role} {method} {rule.rule} tells a stranger's from none"


def test_case_27_the_owners_themselves_find_them(app, theirs, things):
    """So that the 404 above is about whose it is, and not about an id that never was."""
    browser = Browser(app, owner_of(theirs))
    shown, named = set(), set()
    for endpoint, rule, method in guarded(app):
        if method == "GET":
            named |= rule.arguments - COMMON
            if browser.call(rule, method, things, endpoint).status_code != 404:
                shown |= rule.arguments - COMMON
    assert named == shown


def test_case_27_ids_beside_the_address_are_looked_at_too(app, session, ours, theirs, some):
    browser = Browser(app, owner_of(ours))
    before = rows_of(session, theirs)
    theirs_id = str(some["interest_id"])
    assert browser.client.get(f"/people?interest={theirs_id}").status_code == 404
    form = {"csrf": browser.token, "email": "nils@example.org", "interest": theirs_id}
    assert browser.client.post("/people/new", data=form).status_code == 422
    assert contacts_queries.find_by_key(ours.id, "nils@example.org") is None
    assert rows_of(session, theirs) == before


def test_case_27_a_search_finds_only_our_own(app, ours, theirs, some):
    browser = Browser(app, owner_of(ours))
    paths = [
        "/people",
        "/people?q=mara",
        "/people?q=mara@example.org",
        *(f"/people?word={word.value}" for word in Word),
    ]
    for path in paths:
        assert str(some["contact_id"]) not in browser.client.get(path).text


def test_case_27_a_cursor_of_theirs_shows_nothing_of_theirs(app, ours, theirs, some):
    from app.people import queries

    with transaction():
        page = queries.list_people(theirs.id, queries.Search())
        cursor = queries._cursor(queries.OLDER, page.rows[0])
        newer = queries._cursor(queries.NEWER, page.rows[0])
    browser = Browser(app, owner_of(ours))
    for found in (cursor, newer):
        answer = browser.client.get(f"/people?page={found}")
        assert answer.status_code == 200
        assert str(some["contact_id"]) not in answer.text
