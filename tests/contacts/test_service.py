"""People and their fields over the real database."""

from __future__ import annotations

import threading
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from app.consent import queries as consent
from app.contacts import queries, service
from app.contacts.addresses import normalise
from app.contacts.models import Contact, ContactAddress
from app.kernel.db import db, transaction
from app.kernel.errors import BadInput, Conflict, NotFound
from tests.support import make


@pytest.fixture
def where(session):
    return make.place()


@pytest.fixture
def mara(where):
    return make.person(where.id, "mara@example.org")


def count(session, model):
    return session.execute(select(func.count()).select_from(model)).scalar_one()


# --- Addresses --------------------------------------------------------------------------------------------------


def test_one_mailbox_is_one_person_however_it_is_typed(session, where, mara):
    again, is_new = service.find_or_create(where.id, normalise("MARA@EXAMPLE.org"), language="de")
    assert (again.id, is_new) == (mara.id, False)
    assert again.language == "en", "whoever types an address has proved nothing yet"
    assert count(session, Contact) == count(session, ContactAddress) == 1


def test_the_same_mailbox_in_another_workspace_is_another_person(where, mara):
    other = make.place("Other")
    found, is_new = service.find_or_create(other.id, normalise("mara@example.org"))
    assert is_new
    assert found.id != mara.id


def test_known_and_unknown_cost_the_same_statements(where, mara, count_statements):
    with count_statements() as known:
        service.find_or_create(where.id, normalise("mara@example.org"))
    with count_statements() as unknown:
        service.find_or_create(where.id, normalise("new@example.org"))
    assert len(known) == len(unknown)


def test_many_at_once_make_one_person(live):
    where = make.place()
    seen, barrier = [], threading.Barrier(6)

    def sign_up():
        with live.app_context():
            barrier.wait()
            with transaction():
                found, is_new = service.find_or_create(where.id, normalise("rush@example.org"))
                seen.append((found.id, is_new))
            db.session.remove()

    threads = [threading.Thread(target=sign_up) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(seen) == 6
    assert len({contact_id for contact_id, _ in seen}) == 1
    assert sum(is_new for _, is_new in seen) == 1
    with transaction() as session:
        assert count(session, Contact) == 1


def test_a_person_is_found_by_their_mailbox_only(where, mara):
    assert queries.find_by_key(where.id, "mara@example.org").id == mara.id
    assert queries.find_by_key(where.id, "mar@example.org") is None
    assert queries.find_by_key(make.place("Other").id, "mara@example.org") is None


def test_nobody_is_read_or_written_across_workspaces(where, mara):
    other = make.place("Other")
    with pytest.raises(NotFound):
        queries.get_contact(other.id, mara.id)
    assert queries.find_address(other.id, mara.id) is None
    for act in (
        lambda: service.update_profile(other.id, mara.id, first_name="X"),
        lambda: service.set_fields(other.id, mara.id, {}),
        lambda: service.erase(other.id, mara.id),
    ):
        with pytest.raises(NotFound):
            act()


# --- Profiles ---------------------------------------------------------------------------------------------------


def test_only_what_is_given_changes(where, mara):
    service.update_profile(where.id, mara.id, first_name="Mara", last_name="Lind", language="de")
    service.update_profile(where.id, mara.id, last_name="")
    found = queries.get_contact(where.id, mara.id)
    assert (found.first_name, found.last_name, found.language, found.name) == ("Mara", "", "de", "Mara")
    assert found.name_folded == "mara"


def test_both_names_are_told_when_both_do_not_fit(where, mara):
    with pytest.raises(BadInput) as told:
        service.update_profile(where.id, mara.id, first_name="a\nb", last_name="x" * 81)
    assert set(told.value.fields) == {"first_name", "last_name"}


def test_the_profile_gives_no_permission(where, mara):
    service.update_profile(where.id, mara.id, first_name="Yes")
    assert consent.list_permissions(where.id, mara.id) == []


def test_erasing_leaves_an_empty_row(session, where, mara):
    service.define_field(where.id, "Town", "text")
    service.set_fields(where.id, mara.id, {"town": "Kiel"})
    service.erase(where.id, mara.id)
    session.expire_all()
    found = queries.get_contact(where.id, mara.id)
    assert (found.name, found.name_folded, found.fields) == ("", "", {})
    assert found.erased_at is not None
    assert count(session, ContactAddress) == 0


# --- Own fields -------------------------------------------------------------------------------------------------


def test_a_fields_key_comes_from_its_label(where):
    assert service.define_field(where.id, "Größe (cm)", "number").key == "grosse_cm"
    with pytest.raises(Conflict):
        service.define_field(where.id, "GRÖSSE cm", "text")
    assert service.define_field(make.place("Other").id, "Größe (cm)", "text").kind == "text"


@pytest.mark.parametrize(
    ("label", "kind", "more", "field"),
    [
        ("", "text", {}, "label"),
        ("x" * 81, "text", {}, "label"),
        ("a\nb", "text", {}, "label"),
        ("Town", "text", {"key": "town\n"}, "key"),
        ("Town", "text", {"key": "9"}, "key"),
        ("Town", "blob", {}, "kind"),
        ("Town", "choice", {"choices": ["one", " one "]}, "choices"),
    ],
)
def test_a_field_that_does_not_fit_is_refused(where, label, kind, more, field):
    with pytest.raises(BadInput) as told:
        service.define_field(where.id, label, kind, **more)
    assert field in told.value.fields


def test_values_are_typed_and_an_empty_one_goes(where, mara):
    service.define_field(where.id, "Cups", "number")
    service.define_field(where.id, "Likes", "multi_choice", choices=["A", "B"])
    service.set_fields(where.id, mara.id, {"cups": "2,0", "likes": ["B", "A"]})
    assert queries.get_contact(where.id, mara.id).fields == {"cups": "2.0", "likes": ["A", "B"]}
    service.set_fields(where.id, mara.id, {"likes": []})
    assert queries.get_contact(where.id, mara.id).fields == {"cups": "2.0"}


def test_every_faulty_field_is_named_and_none_is_written(where, mara):
    service.define_field(where.id, "Cups", "number")
    service.define_field(where.id, "Town", "text")
    with pytest.raises(BadInput) as told:
        service.set_fields(where.id, mara.id, {"cups": "many", "shoe": "42", "town": "Kiel"})
    assert set(told.value.fields) == {"cups", "shoe"}
    assert queries.get_contact(where.id, mara.id).fields == {}


def test_an_archived_field_takes_no_answer_and_comes_back(where, mara):
    town = service.define_field(where.id, "Town", "text")
    service.archive_field(where.id, town.id)
    with pytest.raises(BadInput):
        service.set_fields(where.id, mara.id, {"town": "Kiel"})
    service.restore_field(where.id, town.id)
    service.set_fields(where.id, mara.id, {"town": "Kiel"})
    assert [found.id for found in queries.list_fields(where.id)] == [town.id]


def test_choices_are_added_never_taken(where):
    brews = service.define_field(where.id, "Brews", "choice", choices=["A", "B"])
    service.change_field(where.id, brews.id, "Brews with", more_choices=["C", "A", " "])
    assert (brews.label, brews.choices) == ("Brews with", ["A", "B", "C"])
    town = service.define_field(where.id, "Town", "text")
    with pytest.raises(BadInput):
        service.change_field(where.id, town.id, "Town", more_choices=["Kiel"])


def test_fields_of_another_workspace_are_not_here(where):
    town = service.define_field(where.id, "Town", "text")
    other = make.place("Other")
    for act in (service.archive_field, service.restore_field, queries.get_field):
        for where_id, field_id in ((other.id, town.id), (where.id, uuid4())):
            with pytest.raises(NotFound):
                act(where_id, field_id)
    with pytest.raises(NotFound):
        service.change_field(other.id, town.id, "Mine")
