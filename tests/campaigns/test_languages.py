"""A campaign in several languages: each is checked, tested and approved, and what was reviewed is what goes out."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text

from app.accounts.rules import acts
from app.accounts.rules.roles import Role
from app.campaigns import approval, closer, queries, service, shares, specimen, trials, variants
from app.campaigns.trials import Wanted
from app.consent.rules import Level
from app.content import queries as letters
from app.content import service as content
from app.delivery.models import Mailing, Message
from app.kernel import clock
from app.kernel.db import session, transaction
from app.kernel.errors import BadInput, Conflict
from app.kernel.ids import uuid7
from app.tracking import service as tracking
from app.tracking.rules.hits import Hit, Kind
from tests.campaigns.conftest import LETTER, Made, draft
from tests.people.conftest import Staff
from tests.support import accounts, make, reading
from tests.support.letters import source
from tests.support.mailing import Setting, crowd, due

GERMAN = '<mj-text>Hallo, <a href="https://ostkai.coffee/neu">Neues</a></mj-text>'


def campaign_of(made):
    return queries.get_campaign(made.where.id, made.campaign.id)


def translate(made: Made, language: str = "de", inner: str = GERMAN, subject: str = "Drei neue Kaffees"):
    """The letter in another language too."""
    with transaction():
        found = letters.find_translation(made.where.id, made.campaign.letter_id, language)
        found = found or content.add_translation(made.where.id, made.campaign.letter_id, language)
        content.save_draft(made.where.id, found.id, subject, "Pflaume", source(inner))
    return found


def launch(made, **more) -> int:
    seen = content.languages_of(made.where.id, made.campaign.letter_id)
    values = {"revision": made.revision, "languages": seen, "send_at": None, "delay_seconds": 0, "by": made.where.owner_id}
    with transaction():
        return service.launch(made.where.id, made.campaign.id, **{**values, **more})


def titles(made, severity: str) -> list[str]:
    return [one.title for one in service.look(made.where.id, campaign_of(made)).checks if one.severity == severity]


def test_each_language_is_checked_and_faults_name_it(made):
    translate(made, inner="<mj-text>{{ nobody }}</mj-text>")
    assert [one for one in titles(made, "stop") if one.startswith("Deutsch: ")]
    with pytest.raises(BadInput, match="Deutsch: "):
        launch(made)
    translate(made)
    assert not titles(made, "stop")
    assert "Deutsch is whole" in titles(made, "pass")


def test_a_language_that_is_still_the_main_letter_is_told(made):
    with transaction():
        content.add_translation(made.where.id, made.campaign.letter_id, "fr")
    assert "Français still says what the main letter says" in titles(made, "warn")


def test_the_mailing_has_all_languages_as_they_were_reviewed(made):
    german = translate(made)
    seen = content.languages_of(made.where.id, made.campaign.letter_id)
    translate(made, subject="Vier neue Kaffees")
    with pytest.raises(Conflict, match="other languages have changed"):
        launch(made, languages=seen)
    with pytest.raises(Conflict, match="other languages have changed"):
        launch(made, languages="")
    number = launch(made)
    translate(made, subject="Fünf neue Kaffees")
    mailing = session().execute(select(Mailing).where(Mailing.no == number)).scalar_one()
    version = letters.get_version(made.where.id, mailing.content_version_id)
    sent = content.list_translated(version)["de"]
    assert (sent.subject, sent.letter_id) == ("Vier neue Kaffees", german.id)


def test_what_is_looked_at_is_held_until_it_is_frozen_in_all_languages_of_all_variants(made, monkeypatch):
    german, where = translate(made), made.where
    crowd(Setting(where, made.campaign.letter_id), 10)
    with transaction():
        trials.keep(
            where.id, made.campaign.id, sample=100, wait_hours=1, holdout=0, wanted=[Wanted(), Wanted(has_own_letter=True)],
            by=where.owner_id,
        )  # fmt: skip
    trial = variants.find_trial(where.id, made.campaign.id)
    own = trial.variants[1].letter_id
    (other,) = content.list_translations(where.id, own)
    with transaction():
        content.save_draft(where.id, own, "Three more", "P", source(LETTER))
    sent, held, look = {made.campaign.letter_id, german.id, own, other.id}, list[set[UUID]](), service.look

    def watched(*args, **more):
        # In this transaction alone, so whoever has a row's mark holds it.
        rows = session().execute(text("SELECT id FROM letters WHERE xmax::text <> '0' AND id = ANY(:ids)"), {"ids": list(sent)})
        held.append(set(rows.scalars()))
        return look(*args, **more)

    monkeypatch.setattr(service, "look", watched)
    launch(made, variants=variants.signature(trial))
    assert held == [sent]


def test_the_second_persons_yes_is_to_every_language(made):
    german = translate(made)
    colleague = accounts.make_member(made.where.id, Role.EDITOR, "jo@oxbow.example")
    with transaction():
        approval.set_rule(made.where.id, needs=True, by=acts.COMMAND)

    def say_yes():
        seen = approval.subject_of(campaign_of(made), made.revision)
        with transaction():
            approval.approve(made.where.id, made.campaign.id, seen, by=colleague.user_id)

    def is_void() -> bool:
        return "Changed since the second person’s yes" in titles(made, "stop")

    say_yes()
    assert not is_void()
    translate(made, subject="Vier neue Kaffees")
    assert is_void()
    with pytest.raises(BadInput, match="Changed since the second person"):
        launch(made)
    say_yes()
    translate(made, "fr", subject="Trois cafés")
    assert is_void(), "one more language"
    say_yes()
    with transaction():
        content.remove_translation(made.where.id, german.id)
    assert is_void(), "one less"
    say_yes()
    launch(made)


def test_a_copy_and_the_parts_of_a_trial_have_the_languages_too(made):
    translate(made)
    where = made.where
    crowd(Setting(where, made.campaign.letter_id), 30)
    with transaction():
        copied = service.copy(where.id, made.campaign.id, by=where.owner_id)
    assert [one.subject for one in content.list_translations(where.id, copied.letter_id)] == ["Drei neue Kaffees"]
    with transaction():
        trials.keep(
            where.id, made.campaign.id, sample=100, wait_hours=1, holdout=0,
            wanted=[Wanted(), Wanted(subject="Other words"), Wanted(has_own_letter=True)], by=where.owner_id,
        )  # fmt: skip
    assert "The subject of B is not tried in Deutsch" in titles(made, "warn")
    seen = service.look(where.id, campaign_of(made)).seen
    own = next(one for one in seen.trial.variants if one.label == "C").letter_id
    (german,) = content.list_translations(where.id, own)
    with transaction():
        content.save_draft(where.id, own, "Three more", "P", source(LETTER))
        content.save_draft(where.id, german.id, "S", "P", source("<mj-text>{{ nobody }}</mj-text>"))
    assert any(one.startswith("C, Deutsch: ") for one in titles(made, "stop"))
    with transaction():
        content.save_draft(where.id, german.id, "Nur in C", "P", source(GERMAN))
    again = service.look(where.id, campaign_of(made)).seen
    assert again.signature != seen.signature
    launch(made, variants=again.signature)
    sent = {}
    for part in queries.list_parts(where.id, made.campaign.id):
        version = letters.get_version(where.id, part.version_id)
        sent[part.part] = (version.subject, content.list_translated(version)["de"].subject)
    assert sent == {
        "A": ("Three new coffees", "Drei neue Kaffees"), "B": ("Other words", "Drei neue Kaffees"), "C": ("Three more", "Nur in C"),
    }  # fmt: skip


def test_a_closer_look_is_at_every_language_and_over_when_one_changes(made):
    translate(made)
    found = specimen.specimen_of(made.where.id, made.campaign.id)
    assert {"https://ostkai.example/guji", "https://ostkai.coffee/neu"} <= set(found.links())
    subjects = [re.search(rb"^Subject: (.*)\r$", mail, re.MULTILINE)[1] for mail in found.mails()]
    assert subjects == [b"Three new coffees", b"Drei neue Kaffees"]
    with transaction():
        closer.keep(campaign_of(made), found.edition, [], None, found.languages)
    assert "Links not tried yet" not in titles(made, "warn")
    translate(made, subject="Vier neue Kaffees")
    assert "Links not tried yet" in titles(made, "warn")


def test_a_closer_look_is_at_every_language_of_each_variant(made):
    where, new = made.where, "https://ostkai.coffee/neu"
    translate(made)
    with transaction():
        trials.keep(
            where.id, made.campaign.id, sample=100, wait_hours=1, holdout=0,
            wanted=[Wanted(), Wanted(subject="Other words"), Wanted(has_own_letter=True)], by=where.owner_id,
        )  # fmt: skip
    own = next(one for one in variants.find_trial(where.id, made.campaign.id).variants if one.label == "C").letter_id
    (german,) = content.list_translations(where.id, own)
    with transaction():
        content.save_draft(where.id, german.id, "Nur in C", "P", source(f'<mj-text><a href="{new}/c">C</a></mj-text>'))
    found = specimen.specimen_of(where.id, made.campaign.id).links()
    assert found == {"https://ostkai.example/guji": "A, B, C", new: "A, B", f"{new}/c": "C"}


def test_tests_go_out_in_each_language_or_in_one(made):
    translate(made)
    owner = made.where.owner_id

    def send(**more) -> list[str]:
        before = _tests()
        with transaction():
            service.send_test(made.where.id, made.campaign.id, user_id=owner, mark=True, **more)
        return [letters.find_version(one).subject for one in _tests()[len(before) :]]

    assert send(language="en") == ["Three new coffees"]
    assert "Not tested as it is: Deutsch" in titles(made, "warn")
    assert sorted(send()) == ["Drei neue Kaffees", "Three new coffees"]
    assert "Tested as it is" in titles(made, "pass")
    translate(made, subject="Vier neue Kaffees")
    assert "Not tested as it is: Deutsch" in titles(made, "warn")
    assert send(language="de") == ["Vier neue Kaffees"]
    assert "Tested as it is" in titles(made, "pass")
    with pytest.raises(BadInput):
        send(language="fr")


def test_of_a_refused_test_no_language_leaves(staff, made):
    translate(made, inner="<mj-text>{{ nobody }}</mj-text>")
    before = _tests()
    refused = staff.post(f"{made.path}/test", page=f"{made.path}/review", mark="1")
    assert refused.status_code == 422
    assert "Deutsch, line 8: " in refused.text
    assert _tests() == before
    session().expire_all()
    assert campaign_of(made).tested_revision is None


def _tests() -> list[UUID]:
    """The versions of all test mails so far, in their order."""
    query = select(Message.data).where(Message.data["version_id"].is_not(None)).order_by(Message.n)
    return [UUID(row.data["version_id"]) for row in session().execute(query)]


# --- Pages ------------------------------------------------------------------------------------------------------


def test_the_review_teaches_lists_and_sends_the_languages(staff, made):
    path = f"{made.path}/review"
    page = staff.get(path).text
    assert "Everybody gets this letter as it is, whatever language they read" in page
    answer = staff.post(f"/letters/{made.campaign.letter_id}/languages", page=path, language="de", back=path)
    assert answer.status_code == 303
    assert f"back={path}" in answer.location, "on to writing it, and back to the review from there"
    page = staff.get(path).text
    assert "not translated yet" in page
    german = translate(made)
    page = staff.get(path).text
    assert "Drei neue Kaffees" in page
    assert f"/letters/{german.id}/preview" in staff.get(f"{path}?language=de").text
    assert f"/letters/{german.id}/preview" not in page
    tested = staff.post(f"{made.path}/test", page=path, mark="1", language="de")
    assert tested.status_code == 303
    refused = staff.post(f"{made.path}/send", page=path, when="now", revision=made.revision, delay="60")
    assert refused.status_code == 409
    assert "other languages have changed" in refused.text
    seen = re.search(r'name="languages" value="(\w+)"', page)[1]
    sent = staff.post(f"{made.path}/send", page=path, when="now", revision=made.revision, delay="60", languages=seen)
    assert sent.location.endswith("/sending")


def test_the_review_counts_who_gets_which_text_and_names_languages_that_are_missing(staff, made, readers):
    for one, language in zip(readers, ("de-AT", "fr", "fr"), strict=True):
        session().execute(text("UPDATE contacts SET language = :language WHERE id = :id"), {"id": one.id, "language": language})
    path = f"{made.path}/review"
    assert "2 who read Français, 1 who reads Deutsch." in staff.get(path).text
    translate(made)
    page = staff.get(path).text
    assert "2 who read Français." in page
    counts = dict(re.findall(r'class="main">(\w+).*?data-label="People">(\d+)<', page))
    assert counts == {"English": "2", "Deutsch": "1"}


def test_a_viewer_sees_the_languages_and_adds_none(made, client):
    translate(made)
    viewer = Staff(client, accounts.make_member(made.where.id, Role.VIEWER))
    page = viewer.get(f"{made.path}/review").text
    assert "Deutsch" in page
    assert "Add a language" not in page
    letter = f"/letters/{made.campaign.letter_id}"
    assert "Deutsch" in viewer.get(letter).text
    assert viewer.post(f"{letter}/languages", page=letter, language="fr").status_code == 403


def test_the_click_map_shows_each_language_with_its_own_links(staff, made, readers):
    translate(made)
    reading.allow(made.where, readers[0], Level.INDIVIDUAL)
    number = launch(made)
    due()
    at = clock.now() - timedelta(minutes=20)
    told = {"no": number, "id": readers[0].id, "at": at - timedelta(minutes=30)}
    session().execute(text("UPDATE messages SET state = 'sent', began_at = :at, done_at = :at WHERE mailing_no = :no"), told)
    n = session().execute(text("SELECT n FROM messages WHERE mailing_no = :no AND contact_id = :id"), told).scalar_one()
    with transaction():  # the second link of the mailing is the first of the German letter
        tracking.ingest_batch([Hit(uuid7().hex, number, n, Kind.CLICK, 1, at, False, False, reading.FIREFOX, uuid7().hex, 1)])
    mail = f"{made.path}/clicks/mail"
    page = staff.get(f"{made.path}/clicks").text
    assert 'aria-current="page">English' in page
    assert "language=de" in page
    assert "ostkai.coffee<br><small>/neu" in page
    main = staff.get(mail).text
    assert "Guji" in main
    assert "0%" in main
    german = staff.get(f"{mail}?language=de").text
    assert "Neues" in german
    assert "100%</span>" in german


def test_the_report_tells_languages_where_there_were_several(staff, made, readers):
    for one, language in zip(readers, ("de", "fr", "fr"), strict=True):
        session().execute(text("UPDATE contacts SET language = :language WHERE id = :id"), {"id": one.id, "language": language})
    other = draft(made.where, "In one language")
    for one in (made, other):
        if one is made:
            translate(one)
        number = launch(one)
        due()
        found = shares.find(made.where.id, number, 3, clock.now()).of(shares.By.LANGUAGE)
        told = [(part.value, part.people) for part in found]
        assert told == ([("fr", 2), ("de", 1)] if one is made else [])
    page = staff.get(f"{made.path}/report").text
    assert re.search(r'word=language&amp;which=fr">Français</a>', page)
    assert "word=language" not in staff.get(f"{other.path}/report").text
    people = staff.get(f"{made.path}/people?word=language&which=de").text
    assert "reader0@example.org" in people
    assert "reader1@example.org" not in people
    assert staff.get(f"{made.path}/people?word=language&which=xx").status_code == 400
    saved = staff.post(f"{made.path}/people?word=language&which=de", page=f"{made.path}/people?word=language&which=de", name="Germans")
    assert saved.status_code == 303


def test_an_audience_of_another_workspace_sees_no_languages(staff, made):
    other = draft(make.place("Other"))
    translate(other)
    assert staff.get(f"{other.path}/review").status_code == 404
    assert staff.get(f"/letters/{other.campaign.letter_id}").status_code == 404
