"""Tags: one list, words that are the same whatever their case, on people, in segments, exported and erased."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.accounts import queries as accounts
from app.accounts.rules import acts
from app.accounts.rules.roles import Role
from app.consent.rules import By
from app.kernel.db import session, transaction
from app.kernel.errors import BadInput, Conflict, NotFound
from app.people import queries as people
from app.people import service as people_service
from app.segments import queries as segments
from app.tags import module, queries, rules, service
from tests.support import make
from tests.support.accounts import make_member, sign_in


def put(where, who, *words):
    with transaction():
        service.add(where.id, who.id, rules.fold(words))


def carried(where, who):
    return [word for _, word in queries.tags_of(where.id, who.id)]


def id_of(where, word):
    return next(tag_id for tag_id, known in queries.list_words(where.id) if known == word)


def counted(where, op, word=None):
    rule = {"field": "tags.tag", "op": op} | ({"value": str(id_of(where, word))} if word else {})
    return segments.count(where.id, segments.read(where.id, {"match": "all", "rules": [rule]}))


@pytest.mark.parametrize("word", ["", "  ", "x" * 41, "a\x00b", "a,b", "a;b", "a\u202eb", "a|b"])
def test_what_is_no_tag_is_refused(word):
    with pytest.raises(ValueError, match="Write a tag"):
        rules.fold([word])


def test_several_are_written_at_once_and_case_and_accents_make_no_other(where, mara):
    put(where, mara, *rules.read(" VIP, café au lait ;met in  Kiel,vip").values())
    put(where, mara, "vip", "Cafe au lait")
    assert carried(where, mara) == ["café au lait", "met in Kiel", "VIP"]


def test_the_page_adds_suggests_and_takes_off(staff, where, mara):
    path = f"/people/{mara.id}"
    assert "None yet. A tag is a short word" in staff.get(path).text
    assert staff.post(f"{path}/tags", tag="wholesale, met in Kiel").status_code == 303
    page = staff.get(path).text
    assert 'aria-label="Take off wholesale"' in page
    assert 'hx-get="/people/tags/suggest"' in page
    assert staff.get("/people/tags/suggest?tag=nils, WHO").text.strip() == '<option value="nils, wholesale"></option>'
    assert staff.post(f"{path}/tags/{id_of(where, 'wholesale')}/remove").status_code == 303
    assert carried(where, mara) == ["met in Kiel"]
    assert staff.post(f"{path}/tags/{id_of(where, 'wholesale')}/remove").status_code == 303


def test_what_does_not_fit_is_said_and_kept(staff, where, mara):
    answer = staff.post(f"/people/{mara.id}/tags", tag=f"good, {'x' * 41}")
    assert answer.status_code == 422
    assert "at most 40 characters" in answer.text
    assert f'value="good, {"x" * 41}"' in answer.text
    assert queries.list_words(where.id) == []
    many = ",".join(f"tag {n}" for n in range(51))
    answer = staff.post(f"/people/{mara.id}/tags", tag=many)
    assert (answer.status_code, "50 tags at most" in answer.text) == (422, True)
    assert queries.list_words(where.id) == [], "refused halfway, nothing of it stays"


def test_the_list_ends_at_its_bound(where, mara, monkeypatch):
    monkeypatch.setattr(service, "MAX_TAGS", 2)
    put(where, mara, "one", "two")
    with pytest.raises(BadInput, match="tags at most"):
        put(where, mara, "three")


def test_a_tag_is_renamed_on_everybody_and_never_into_another(staff, where, mara):
    put(where, mara, "vip", "wholesale")
    path = f"/people/tags/{id_of(where, 'vip')}"
    assert staff.post(path, word="Very important").status_code == 303
    assert carried(where, mara) == ["Very important", "wholesale"]
    answer = staff.post(path, word="WHOLESALE")
    assert (answer.status_code, "There is a tag “WHOLESALE” already" in answer.text) == (409, True)
    answer = staff.post(path, word="a,b")
    assert (answer.status_code, 'value="a,b"' in answer.text) == (422, True)
    assert accounts.list_audit(where.id)[0].act == "tag.renamed"


def test_a_removed_tag_is_gone_at_once_and_its_word_is_free(staff, where, mara):
    put(where, mara, "vip")
    gone = id_of(where, "vip")
    assert staff.post(f"/people/tags/{gone}/remove").status_code == 303
    assert carried(where, mara) == []
    assert "vip" not in staff.get("/people/tags").text
    put(where, mara, "vip")
    module._tidy()
    assert carried(where, mara) == ["vip"]
    assert session().execute(text("SELECT count(*) FROM tags WHERE id = :id"), {"id": gone}).scalar_one() == 0
    assert accounts.list_audit(where.id)[0].act == "tag.removed"


def test_a_long_list_has_pages(staff, where, mara, monkeypatch):
    monkeypatch.setattr(queries, "PAGE_ROWS", 2)
    put(where, mara, "a", "b", "c")
    page = queries.list_tags(where.id)
    assert [(row.word, row.people) for row in page.rows] == [("a", 1), ("b", 1)]
    assert [row.word for row in queries.list_tags(where.id, page.next_cursor).rows] == ["c"]
    assert "Show further tags" in staff.get("/people/tags").text
    assert staff.get("/people/tags?page=nonsense").status_code == 400


def test_a_segment_chooses_by_tag(where, mara):
    nils = make.person(where.id, "nils@example.org", "Nils")
    make.person(where.id, "ada@example.org", "Ada")
    put(where, mara, "vip", "met in Kiel")
    put(where, nils, "met in Kiel")
    assert [counted(where, op, "vip") for op in ("contains", "does_not_contain")] == [1, 2]
    assert counted(where, "contains", "met in Kiel") == 2
    assert [counted(where, op) for op in ("is_known", "is_not_known")] == [2, 1]
    stranger = make.place("Other")
    with transaction():
        theirs = service.ensure(stranger.id, {"vip": "vip"})["vip"]
    with pytest.raises(BadInput):
        segments.read(
            where.id, {"match": "all", "rules": [{"field": "tags.tag", "op": "contains", "value": str(theirs)}]}
        )


def test_the_list_of_people_is_narrowed_to_a_tag(staff, where, mara):
    make.person(where.id, "nils@example.org", "Nils")
    put(where, mara, "vip")
    tag_id = id_of(where, "vip")
    page = staff.get(f"/people?tag={tag_id}").text
    assert "mara@example.org" in page
    assert "nils@example.org" not in page
    assert people.count_people(where.id, people.Search(tag=tag_id)) == 1
    assert staff.get("/people?tag=01976f3e-7c0a-7000-8000-000000000001").status_code == 404


def test_who_asks_for_their_data_gets_their_tags_and_erasing_takes_them(staff, where, mara):
    put(where, mara, "vip")
    assert people.export(where.id, mara.id)["tags"] == ["vip"]
    with transaction():
        people_service.erase(where.id, mara.id, by=By("system"))
    assert carried(where, mara) == []
    with pytest.raises(Conflict):
        put(where, mara, "vip")
    assert 'id="tags"' not in staff.get(f"/people/{mara.id}").text
    assert staff.post(f"/people/{mara.id}/tags", page="/settings/you", tag="vip").status_code == 409


def test_who_may_only_read_sees_them(client, where, mara):
    put(where, mara, "vip")
    assert sign_in(client, make_member(where.id, Role.VIEWER)).status_code == 303
    page = client.get(f"/people/{mara.id}").text
    assert "vip" in page
    assert "Take off" not in page
    assert "Rename" not in client.get("/people/tags").text


def test_programs_put_tags_on_and_take_them_off_by_words(where, mara, program):
    path = f"/people/{mara.id}/tags"
    assert program("POST", path, add=["VIP", "wholesale"]).json == {"tags": ["VIP", "wholesale"]}
    assert program("POST", path, add=["vip"], remove=["Wholesale", "unknown"]).json == {"tags": ["VIP"]}
    assert program("GET", path).json == {"tags": ["VIP"]}
    assert [found["tag"] for found in program("GET", "/tags").json["tags"]] == ["VIP", "wholesale"]
    assert program("POST", path, add=["a,b"]).json["errors"].keys() == {"add"}
    assert program("POST", path, add=["x"], scopes=["people.read"]).status_code == 403
    assert program("POST", path, tags=["x"]).status_code == 422


def test_nobody_of_another_workspace_gets_a_tag(where, mara):
    other = make.place("Other")
    with pytest.raises(NotFound):
        put(other, mara, "vip")
    put(where, mara, "vip")
    with pytest.raises(NotFound):
        service.rename(other.id, id_of(where, "vip"), "x", by=acts.COMMAND)
