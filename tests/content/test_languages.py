"""One letter in several languages: each with a history of its own, frozen together, found by what somebody reads."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import text

from app.accounts import queries as accounts
from app.contacts import service as contacts
from app.content import queries, service
from app.content.blocks import acts
from app.content.service import Stage, blocks
from app.content.service.versions import NotReady
from app.content.uses import uses_of
from app.kernel import i18n, languages
from app.kernel.db import session as current
from app.kernel.db import transaction
from app.kernel.errors import BadInput, Conflict, NotFound
from tests.people.conftest import Staff, owner_of
from tests.support import letters, make
from tests.support.accounts import csrf_of

SAID_AT = datetime(2026, 11, 22, 9, 16, tzinfo=UTC)
DATED = "<mj-text>{{ permission.date }}</mj-text>"


@pytest.fixture
def place(session):
    return make.place()


@pytest.fixture
def main(place):
    return letters.letter(place.id)


def german(place, main, *, subject="Drei neue Kaffees", inner=letters.GREETING):
    with transaction():
        made = service.add_translation(place.id, main.id, "de")
        service.save_draft(place.id, made.id, subject, "Pflaume und Kakao", letters.source(inner))
    return made


def frozen(place, main, **more):
    with transaction():
        return service.freeze_languages(place.id, main.id, **more)


def of(version, language="de"):
    return queries.list_translated(version)[language]


def test_a_language_begins_as_a_copy_of_the_main_letter_and_goes_its_own_way(place, main):
    with transaction():
        made = service.add_translation(place.id, main.id, "de")
    assert (made.subject, made.source, made.language, made.name) == (main.subject, main.source, "de", main.name)
    stages = lambda: [(one.letter.language, one.stage) for one in service.list_languages(main)]  # noqa: E731
    assert stages() == [("en", Stage.WRITTEN), ("de", Stage.COPY)]
    with transaction():
        service.save_draft(place.id, made.id, "Drei neue Kaffees", "Pflaume", letters.source())
    assert stages() == [("en", Stage.WRITTEN), ("de", Stage.WRITTEN)]
    assert queries.get_letter(place.id, main.id).subject == "Three new coffees"
    assert service.list_languages(made) == service.list_languages(main), "from wherever one looks"


def test_a_translation_is_older_once_the_main_letter_has_changed(place, main):
    made = german(place, main)
    earlier = text("UPDATE letters SET updated_at = updated_at - interval '1 hour' WHERE id = :id")
    current().execute(earlier, {"id": made.id})
    current().expire_all()
    with transaction():
        service.save_draft(place.id, main.id, "Four new coffees", "P", main.source)
    (_main, translation) = service.list_languages(queries.get_letter(place.id, main.id))
    assert translation.stage is Stage.OLDER


def test_blocks_are_copied_and_each_language_is_undone_by_itself(place):
    with transaction():
        main = service.create_letter(place.id, "Blocks", design="announcement")
        made = service.add_translation(place.id, main.id, "fr")
    before = [one.kind for one in blocks.blocks_of(made)]
    assert before == [one.kind for one in blocks.blocks_of(main)]
    assert blocks.steps_around(made) == (False, False)
    first = blocks.blocks_of(made)[0].id
    with transaction():
        blocks.edit(place.id, made.id, lambda all_of_them: acts.remove(all_of_them, first))
    assert len(blocks.blocks_of(queries.get_letter(place.id, main.id))) == len(before)
    with transaction():
        blocks.undo(place.id, made.id)
    assert [one.kind for one in blocks.blocks_of(queries.get_letter(place.id, made.id))] == before


@pytest.mark.parametrize("language", ["en", "de", "xx", "", "DE"])
def test_a_language_is_there_once_and_one_of_those_we_speak(place, main, language):
    german(place, main)
    with pytest.raises(BadInput) as refused:
        service.add_translation(place.id, main.id, language)
    assert "language" in refused.value.fields


def test_a_translation_of_a_translation_is_one_of_the_main_letter(place, main):
    made = german(place, main)
    with transaction():
        assert service.add_translation(place.id, made.id, "fr").translation_of == main.id


def test_a_transactional_letter_has_templates_instead(place):
    with transaction():
        made = service.create_letter(place.id, "Receipt", design="transactional", is_transactional=True)
    with pytest.raises(Conflict, match="template of the same name"):
        service.add_translation(place.id, made.id, "de")


def test_all_languages_are_frozen_together_and_never_change(place, main):
    made = german(place, main)
    first = frozen(place, main)
    assert of(first).subject == "Drei neue Kaffees"
    assert frozen(place, main).id == first.id, "nothing has changed since"
    assert service.freeze_version(place.id, main.id).id == first.id, "its own words are those"
    with transaction():
        service.save_draft(place.id, made.id, "Vier neue Kaffees", "P", letters.source())
    second = frozen(place, main)
    assert second.id != first.id
    assert (of(first).subject, of(second).subject) == ("Drei neue Kaffees", "Vier neue Kaffees")
    with transaction():
        service.remove_translation(place.id, made.id)
    assert frozen(place, main).translations is None
    current().expire_all()
    assert of(queries.get_version(place.id, second.id)).subject == "Vier neue Kaffees"


def test_a_fault_in_one_language_keeps_all_from_being_frozen_and_is_named(place, main):
    german(place, main, inner="<mj-text>{{ nobody }}</mj-text>")
    with pytest.raises(NotReady, match=r"^Deutsch, line 8: "):
        frozen(place, main)
    assert service.freeze_version(place.id, main.id).translations is None


def test_the_subject_of_a_variant_is_the_main_letters_only(place, main):
    german(place, main)
    version = frozen(place, main, subject="Another subject")
    assert (version.subject, of(version).subject) == ("Another subject", "Drei neue Kaffees")


@pytest.mark.parametrize(
    ("language", "words", "month"),
    [("en", "You get this", "November"), ("de", "Sie bekommen", "November"), ("fr", "Vous recevez", "novembre"),
     ("es", "Recibe esta", "noviembre"), ("it", "Riceve questa", "novembre"), ("nl", "U krijgt", "november"), ("pt", "Recebe esta", "novembro")],
)  # fmt: skip
def test_footer_and_dates_speak_the_language_of_the_version(place, language, words, month):
    assert set(i18n.languages()) == {"en", "de", "fr", "es", "it", "nl", "pt"}
    main = letters.letter(place.id, DATED)
    with transaction():
        if language != "en":
            service.add_translation(place.id, main.id, language)
    version = frozen(place, main)
    version = version if language == "en" else of(version, language)
    values = service.reader_values(
        service.Reader("Mara"), accounts.brand(place.id), topic="New coffees", permission_at=SAID_AT, links=letters.LINKS, language=language
    )  # fmt: skip
    shown = service.render(version, values)
    for part in (shown.html, shown.text):
        assert words in part
        assert month in part
    assert f'lang="{language}"' in shown.html


def test_a_copy_of_a_letter_has_its_languages_and_a_removed_one_is_not_copied(place, main):
    german(place, main)
    with transaction():
        french = service.add_translation(place.id, main.id, "fr")
        service.remove_translation(place.id, french.id)
        copied = service.copy_letter(place.id, main.id, "Once more")
    (translation,) = queries.list_translations(place.id, copied.id)
    assert (translation.language, translation.subject, translation.name) == ("de", "Drei neue Kaffees", "Once more")
    with transaction():
        service.rename_letter(place.id, copied.id, "Renamed")
        service.archive_letter(place.id, copied.id)
    assert translation.name == "Renamed"
    assert translation.archived_at is not None
    assert len(queries.list_translations(place.id, main.id)) == 1


def test_the_main_letter_is_not_removed_and_a_removed_language_may_come_again(place, main):
    made = german(place, main)
    with pytest.raises(Conflict, match="main letter"):
        service.remove_translation(place.id, main.id)
    with transaction():
        assert service.remove_translation(place.id, made.id) == main.id
        again = service.add_translation(place.id, main.id, "de")
    assert again.id != made.id
    assert again.subject == main.subject


def test_another_workspace_reaches_no_language(place, main):
    made, other = german(place, main), make.place("Other")
    frozen_one = frozen(place, main)
    assert queries.list_translations(other.id, main.id) == []
    assert service.languages_of(other.id, main.id) == ""
    for act in (
        lambda: service.add_translation(other.id, main.id, "fr"),
        lambda: service.remove_translation(other.id, made.id),
        lambda: service.freeze_languages(other.id, main.id),
        lambda: service.hold_languages(other.id, [main.id]),
        lambda: queries.get_version_for(other.id, frozen_one.id, "de"),
    ):
        with pytest.raises(NotFound):
            act()


def test_links_of_all_languages_are_one_list_in_which_each_stands_once(place):
    both, own = "https://ostkai.example/new", "https://ostkai.example/neu"
    main = letters.letter(place.id, f'<mj-text><a href="{both}">new</a></mj-text>')
    german(place, main, inner=f'<mj-text><a href="{own}">neu</a> <a href="{both}">auch</a></mj-text>')
    version = frozen(place, main)
    translated = queries.list_translated(version)
    assert service.link_targets(version, accounts.brand(place.id), translated) == [both, own]
    assert service.link_places(version, translated) == {"de": (1, 0)}


def test_a_picture_that_both_show_names_the_translation_as_one(place):
    key = "k" * 24
    main = letters.letter(place.id, f'<mj-image alt="" src="https://nod.test/pictures/{key}.png" />')
    with transaction():
        service.add_translation(place.id, main.id, "de")
    found = uses_of(place.id, [key])[key]
    assert {use.name for use in found.named} == {"November", "November (de)"}


# --- Who gets which ---------------------------------------------------------------------------------------------

TAGS = st.sampled_from(["", "en", "de", "DE", "de-AT", "de_CH", "fr", "fr-CA", "pt-BR", "pt", "d", "deutsch", "zh-Hant-TW", "-", "-de"])


@given(TAGS, st.sets(st.sampled_from(["de", "fr", "pt", "pt-br", "zh"])))
@example("pt-BR", {"pt", "pt-br"})
def test_whoever_reads_a_language_gets_it_and_everybody_else_the_main_one(tag, among):
    whole = tag.replace("_", "-").lower()
    first = whole.split("-")[0]
    expected = whole if whole in among else first if first in among else "main"
    assert languages.pick(tag, among, "main") == expected


# --- Pages ------------------------------------------------------------------------------------------------------


@pytest.fixture
def staff(client, place):
    return Staff(client, owner_of(place))


def test_a_language_is_added_seen_as_a_tab_and_removed_on_the_editors_page(staff, place, main):
    path = f"/letters/{main.id}"
    page = staff.get(path).text
    assert "Add a language" in page
    assert "It begins as a copy of the main letter" in page
    answer = staff.post(f"{path}/languages", page=path, language="de", back="")
    assert answer.status_code == 303
    made = queries.find_translation(place.id, main.id, "de")
    assert answer.location.endswith(f"/letters/{made.id}")
    page = staff.get(answer.location).text
    assert "not translated yet" in page
    assert 'aria-current="page">Deutsch' in page
    assert f'href="/letters/{main.id}"' in page
    refused = staff.post(f"{path}/languages", page=path, language="de")
    assert refused.status_code == 422
    assert "written in Deutsch already" in refused.text
    assert staff.post(f"{path}/languages/remove", page=path).status_code == 409
    answer = staff.post(f"/letters/{made.id}/languages/remove", page=path)
    assert (answer.status_code, answer.location.endswith(path)) == (303, True)
    assert queries.list_translations(place.id, main.id) == []


def test_what_is_written_in_a_language_that_was_removed_meanwhile_is_refused_and_not_lost(staff, place, main):
    made = german(place, main)
    path = f"/letters/{made.id}"
    page = staff.get(path).text
    assert "Nothing is sent of this text any more" not in page
    with transaction():
        service.remove_translation(place.id, made.id)
    typed = {"subject": "Vier neue Kaffees", "preheader": "P", "source": main.source, "own_text": "", "revision": "2", "reader": "", "back": ""}
    refused = staff.post(path, page=path, **typed)
    assert refused.status_code == 409
    assert "Nothing is sent of this text any more" in refused.text
    assert 'value="Vier neue Kaffees"' in refused.text
    assert queries.get_letter(place.id, made.id).subject == "Drei neue Kaffees"
    assert "Nothing is sent of this text any more" in staff.get(path).text


def test_languages_of_another_workspace_are_not_there(staff, main):
    other = letters.letter(make.place("Other").id)
    for path in ("languages", "languages/remove"):
        assert staff.post(f"/letters/{other.id}/{path}", page=f"/letters/{main.id}", language="de").status_code == 404


def test_a_person_sees_the_preview_in_the_language_that_they_would_get(staff, place, main):
    german(place, main, inner="<mj-text>Hallo {{ contact.first_name }}</mj-text>")
    mara = make.person(place.id, "mara@example.org", "Mara")
    with transaction():
        contacts.update_profile(place.id, mara.id, language="de")
    shown = staff.get(f"/letters/{main.id}/preview?as={mara.id}").text
    assert "Hallo Mara" in shown
    assert "Sie bekommen diesen Brief" in shown
    assert "Hello" in staff.get(f"/letters/{main.id}/preview").text
    page = staff.get(f"/letters/{main.id}?as={mara.id}").text
    assert "As Mara, in Deutsch" in page
    assert "Drei neue Kaffees" in page, "the inbox's lines are hers too"
    found = staff.client.post(
        f"/letters/{main.id}/reader", data={"csrf": csrf_of(page), "q": "mara"}, headers={"Accept": "application/json"}
    )
    assert found.get_json()["people"][0]["label"] == "As Mara, in Deutsch"
