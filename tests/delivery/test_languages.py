"""Everybody gets the letter in the language that they read, whichever way their copy is made, and never another one."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.consent.rules import Level
from app.content import queries as versions
from app.content import service as content
from app.content.models import LetterVersion
from app.delivery import compose, editions, outbox, pump, service
from app.delivery.editions import Edition
from app.delivery.outbox import Held
from app.delivery.rules import Lane
from app.delivery.writing import Writer
from app.kernel.db import session, transaction
from app.kernel.errors import BadInput
from app.kernel.ids import uuid7
from app.preferences import digests
from app.tracking import queries as tracking
from tests.delivery.test_sheets import check_same
from tests.support import make
from tests.support.letters import source
from tests.support.mailing import Setting, crowd, due
from tests.support.outbox import begin, place_with_sender, use_sink
from tests.support.properties import examples

BOTH = "https://ostkai.example/new"
SUBJECTS = {
    "en": "Three new coffees", "de": "Drei neue Kaffees", "fr": "Trois nouveaux cafés", "es": "Tres cafés nuevos",
    "pt": "Três cafés novos",
}  # fmt: skip


def words(language: str) -> str:
    """A letter with a link that all languages have and one of its own, in another order in each."""
    own, both = f'<a href="https://ostkai.example/{language}">{language}</a>', f'<a href="{BOTH}">all</a>'
    order = f"{both} {own}" if language == "en" else f"{own} {both}"
    return source(f"<mj-text>{{{{ contact.first_name }}}}, {SUBJECTS[language]}: {order}</mj-text>")


def written(where: make.Place, *others: str):
    """A letter in English and in these."""
    with transaction():
        main = content.create_letter(where.id, "November")
        content.save_draft(where.id, main.id, SUBJECTS["en"], "Plum", words("en"))
        for language in others:
            made = content.add_translation(where.id, main.id, language)
            content.save_draft(where.id, made.id, SUBJECTS[language], "Plum", words(language))
    return main


def frozen(where: make.Place, *others: str) -> Setting:
    main = written(where, *others)
    with transaction():
        return Setting(where, content.freeze_languages(where.id, main.id).id)


def speak(people, languages) -> dict[str, str]:
    """Let each person read one of the languages in turn; gives the language of each address."""
    with transaction():
        for i, person in enumerate(people):
            values = {"id": person, "language": languages[i % len(languages)]}
            session().execute(text("UPDATE contacts SET language = :language WHERE id = :id"), values)
        told = session().execute(
            text("SELECT a.address, c.language FROM contacts c JOIN addresses a ON a.contact_id = c.id WHERE c.id = ANY(:ids)"),
            {"ids": list(people)},
        )
        return {address: language for address, language in told}  # noqa: C416  rows, not pairs


def chosen(tag: str, there: set[str]) -> str:
    """What somebody gets, in plain words: their language, else that without its country, else the main letter."""
    whole = tag.lower().replace("_", "-")
    for language in (whole, whole.split("-")[0]):
        if language in there:
            return language
    return "en"


def subject(data: bytes) -> str:
    return str(message_from_bytes(data, policy=policy.default)["subject"])


# --- As it is made ----------------------------------------------------------------------------------------------

TAGS = ["en", "de", "de-AT", "de_CH", "DE", "fr", "fr-CA", "pt-BR", "pt", "es", "", "zh", "deutsch", "en-GB", "-"]


@dataclass(frozen=True)
class Desk:
    """People whose messages have begun, of a mailing in all languages."""

    edition: Edition
    batch: list[Held]
    reads: dict[str, str]

    def made(self, edition: Edition) -> list[compose.Letter]:
        """Each one's mail, as workers make it."""
        writer = Writer()
        writer._imprints[edition.head.no] = edition
        found = [letter for _, letter in writer.write(edition.head, self.batch, lambda _: None)]
        assert all(isinstance(letter, compose.Letter) for letter in found), found
        return found  # type: ignore[return-value]


@pytest.fixture
def desk(session) -> Desk:
    where = place_with_sender()
    place = frozen(where, *(one for one in SUBJECTS if one != "en"))
    reads = speak(crowd(place, len(TAGS), tracking=Level.INDIVIDUAL), TAGS)
    place.launch()
    due()
    batch = begin(len(TAGS), lane=Lane.BULK)
    assert len(batch) == len(TAGS)
    return Desk(editions.edition_of(batch[0].head), batch, reads)


@settings(max_examples=examples(10), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.sampled_from([one for one in SUBJECTS if one != "en"])))
def test_everybody_gets_exactly_the_text_that_a_plain_chooser_names(desk, there):
    some = {one: made for one, made in desk.edition.translations.items() if one in there}
    for letter in desk.made(replace(desk.edition, translations=some)):
        assert subject(letter.data) == SUBJECTS[chosen(desk.reads[letter.to], there)], desk.reads[letter.to]


def test_a_copy_from_a_sheet_is_the_letter_merged_as_a_whole_in_each_language(desk):
    writer = Writer()
    writer._imprints[desk.edition.head.no] = desk.edition
    quick = [letter for _, letter in writer.write(desk.edition.head, desk.batch, lambda _: None)]
    sheets = len([one for one in writer._sheets.values() if one])
    assert sheets == len({chosen(tag, set(SUBJECTS)) for tag in TAGS}), "one sheet for each language"
    writer._sheets = dict.fromkeys(writer._sheets)  # none: each is merged by itself
    whole = [letter for _, letter in writer.write(desk.edition.head, desk.batch, lambda _: None)]
    for one, other in zip(quick, whole, strict=True):
        assert (one.is_sound, other.is_sound) == (True, False)
        check_same(one, other)


def test_a_letter_in_one_language_asks_the_database_no_more_often_and_makes_one_sheet(session, count_statements):
    where = place_with_sender()
    counts = []
    for others in ((), ("de", "fr")):
        place = frozen(where, *others)
        speak(crowd(place, 6), ["de", "fr", "en"])
        place.launch()
        due()
        batch = begin(50, lane=Lane.BULK)
        writer = Writer()
        writer.prepare(batch[0].head)
        with count_statements() as statements:
            writer.write(batch[0].head, batch, lambda _: None)
        counts.append((len(statements), len(writer._sheets)))
    assert counts[0] == (2, 1)
    assert counts[1] == (2, 3)


def test_a_message_made_aside_is_in_its_readers_language(desk):
    held = next(one for one in desk.batch if one.contact_id)
    again = outbox.held_of(held.head, _row_of(held))
    ((_, letter),) = Writer().write(held.head, [again], lambda _: None)
    assert subject(letter.data) == SUBJECTS[chosen(desk.reads[letter.to], set(SUBJECTS))]


def _row_of(held: Held):
    query = text(f"SELECT {outbox.COLUMNS} FROM messages m WHERE m.mailing_no = :no AND m.n = :n")
    return session().execute(query, {"no": held.mailing_no, "n": held.n}).one()


# --- As it goes out ---------------------------------------------------------------------------------------------


def test_people_of_three_languages_get_theirs_over_the_wire_and_an_edit_after_the_launch_changes_nothing(live, smtp):
    use_sink(smtp)
    where = place_with_sender()
    main = written(where, "de", "fr")
    with transaction():
        place = Setting(where, content.freeze_languages(where.id, main.id).id)
    reads = speak(crowd(place, 8, tracking=Level.INDIVIDUAL), ["en", "de", "fr-CA", "nl"])
    number = place.launch()
    with transaction():
        german = versions.find_translation(where.id, main.id, "de")
        content.save_draft(where.id, german.id, "Changed", "P", words("de"))
        content.remove_translation(where.id, versions.find_translation(where.id, main.id, "fr").id)
        content.add_translation(where.id, main.id, "nl")
    due()
    assert pump.run_slice("bulk", deadline_seconds=20) is False
    got = {copy.rcpt_to[0]: copy.raw for copy in smtp.messages}
    assert set(got) == set(reads)
    for address, data in got.items():
        language = chosen(reads[address], {"de", "fr"})
        mail = message_from_bytes(data, policy=policy.default)
        page = mail.get_body(("html",)).get_content()
        assert mail["subject"] == SUBJECTS[language]
        assert f'lang="{language}"' in page
        assert {"en": "View online", "de": "Im Browser lesen", "fr": "Lire en ligne"}[language] in page
        token = re.search(r"/v/([\w.-]+)", page)[1]
        shown = live.test_client().get(f"/v/{token}/letter").text
        assert SUBJECTS[language] in shown, "see in browser shows the same language"
        codes = re.findall(r'href="https?://[^/"]+(/r/[^"]+)"', page)
        leads = {live.test_client().get(code).headers.get("Location") for code in codes}
        assert {BOTH, f"https://ostkai.example/{language}"} <= leads, "each link is counted, and leads where it says"
    found = [link.url for link in tracking.by_link(where.id, number)]
    assert sorted(found) == sorted([BOTH, *(f"https://ostkai.example/{one}" for one in ("en", "de", "fr"))])


def test_links_of_every_language_lead_where_they_say(desk):
    no = desk.edition.head.no
    registered = [link.url for link in tracking.by_link(desk.batch[0].workspace_id, no)]
    for language, one in {"en": desk.edition, **desk.edition.translations}.items():
        places = one.places or range(len(one.version.links))
        assert [registered[place] for place in places] == one.version.links, language


def test_a_fault_that_only_a_translations_reader_would_meet_keeps_the_mailing_from_being_launched(session):
    where = place_with_sender()
    place = frozen(where, "de")
    version = versions.get_version(where.id, place.version_id)
    broken = again(content.list_translated(version)["de"], text="no way out")
    lacking = again(version, translations={"de": str(broken.id)})
    with pytest.raises(BadInput) as refused:
        service.launch(
            where.id, dedupe=uuid7(), title="T", version_id=lacking.id, interests=[where.interests[0].id]
        )
    assert "version" in refused.value.fields


def again(version: LetterVersion, **changed) -> LetterVersion:
    """Another version of the same letter, as nobody could freeze it."""
    same = {column.name: getattr(version, column.name) for column in LetterVersion.__table__.columns}
    made = LetterVersion(**{**same, "id": uuid7(), "number": version.number + 1, **changed})
    session().add(made)
    session().flush()
    return made


def test_what_somebody_missed_is_listed_in_their_language(session):
    where = place_with_sender()
    place = frozen(where, "de")
    who = make.person(where.id, "mara@example.org")
    make.confirmed(where, who)
    number = place.launch()
    due()
    with transaction():
        session.execute(text("DELETE FROM messages WHERE mailing_no = :no"), {"no": number})
        session.execute(text("UPDATE contacts SET language = 'de' WHERE id = :id"), {"id": who.id})
        session.expire_all()
        at = session.execute(text("SELECT frozen_at FROM mailings WHERE no = :no"), {"no": number}).scalar_one()
        missed = digests.list_missed(where.id, who.id, at - timedelta(hours=1), at + timedelta(hours=1))
    assert [one.title for one in missed] == [SUBJECTS["de"]]
