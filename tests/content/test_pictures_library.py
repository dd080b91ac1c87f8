"""The library of pictures: brought, found, described, cut, deleted; each workspace sees its own."""

from __future__ import annotations

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest

from app.accounts import service as account_verbs
from app.accounts.rules import acts as everybody
from app.accounts.rules.brand import Look
from app.accounts.rules.roles import Role
from app.content import pictures, queries, service
from app.content.blocks import acts
from app.content.blocks.writing import Block
from app.content.models import Picture
from app.content.service import blocks
from app.content.service import pictures as verbs
from app.content.uses import uses_of
from app.kernel.db import session as current
from app.kernel.db import transaction
from app.kernel.errors import BadInput, Conflict, NotFound
from tests.support import accounts, images, letters, make

JSON = {"Accept": "application/json"}


@pytest.fixture
def place(session):
    return make.place()


def owner_of(place) -> accounts.Account:
    return accounts.Account(place.owner_id, place.id, place.owner_email, make.PASSWORD)


@pytest.fixture
def inside(client, place):
    accounts.sign_in(client, owner_of(place))
    return client


@pytest.fixture
def token(inside):
    return accounts.csrf_of(inside.get("/pictures").text)


def added(place, name: str = "harbour.png", width: int = 80, **more) -> Picture:
    with transaction():
        return service.add_picture(place.id, name, images.png(width), **more)


def shown_in(place, picture: Picture, name: str = "November", **more):
    made = letters.letter(place.id, f'<mj-image src="{url_of(picture)}" alt="" />', **more)
    with transaction():
        service.rename_letter(place.id, made.id, name)
    return made


def url_of(picture: Picture) -> str:
    return f"https://news.ostkai.example/pictures/{picture.key}.{picture.kind}"


# --- Service ----------------------------------------------------------------------------------------------------


def test_the_same_file_gives_the_same_picture_and_its_first_words(place, monkeypatch):
    first = added(place, "folder\\Harbour at dawn.PNG")
    assert (first.name, first.alt, first.kind) == ("Harbour at dawn", "", "png")
    monkeypatch.setattr(pictures, "prepare", lambda *_: pytest.fail("drawn again"))
    assert added(place, "other.png", alt="Boats").id == first.id
    assert added(place, "other.png", alt="Ships").alt == "Boats"
    again = service.add_picture(place.id, "copy.png", first.data)
    assert again.id == first.id, "what we made of it is known, too"
    assert len(service.list_pictures(place.id).rows) == 1


def test_pictures_are_turned_page_by_page_and_found_by_name_and_alt_text(place):
    made = [added(place, f"{word}.png", 80 + n, alt=alt) for n, (word, alt) in enumerate(
        [("Harbour", "Boats"), ("100%_beans", ""), ("Röster", "A harbour at night"), ("Cup", "Blue cup")]
    )]  # fmt: skip
    for number, picture in enumerate(made):
        picture.created_at += timedelta(minutes=number // 2)  # two of each minute: the id tells them apart
    current().flush()
    wanted = sorted(made, key=lambda one: (one.created_at, one.id), reverse=True)
    page = queries.list_pictures(place.id, limit=3)
    assert list(page.rows) == wanted[:3]
    rest = queries.list_pictures(place.id, cursor=page.next_cursor, limit=3)
    assert list(rest.rows) == wanted[3:]
    assert rest.next_cursor is None
    assert list(queries.list_pictures(place.id, cursor=rest.previous_cursor, limit=3).rows) == wanted[:3]
    for looked_for, found in (
        ("HARBOUR", {"Harbour", "Röster"}),
        ("%_", {"100%_beans"}),
        ("\x00cup", {"Cup"}),
        ("ROSTER", {"Röster"}),
        ("rÖs", {"Röster"}),
        ("boat x", set()),
    ):
        assert {one.name for one in service.list_pictures(place.id, looked_for).rows} == found, looked_for


def test_another_workspace_sees_nothing_of_it(place):
    picture, other = added(place), make.place("Other")
    shown_in(other, picture)
    assert list(service.list_pictures(other.id).rows) == []
    assert uses_of(place.id, [picture.key])[picture.key].count == 0
    for act in (
        lambda: service.get_picture(other.id, picture.id),
        lambda: verbs.describe_picture(other.id, picture.id, "Stolen", ""),
        lambda: verbs.cut_picture(other.id, picture.id, None, 300),
        lambda: verbs.delete_picture(other.id, picture.id),
    ):
        with pytest.raises(NotFound):
            act()
    theirs = added(other)
    assert (theirs.id != picture.id, theirs.key) == (True, picture.key)
    with transaction():
        verbs.delete_picture(place.id, picture.id)
    assert queries.get_public_picture(theirs.key)[0] == "png", "the other one's stays"


def test_where_it_is_used_is_known_of_drafts_versions_and_archived_letters(place):
    picture, unused = added(place, "a.png"), added(place, "b.png", 81)
    at_work = shown_in(place, picture, "At work")
    sent = shown_in(place, picture, "Sent")
    with transaction():
        service.freeze_version(place.id, sent.id)
        service.save_draft(place.id, sent.id, "Three new coffees", "", letters.source())
        service.archive_letter(place.id, sent.id)
    found = uses_of(place.id, [picture.key, unused.key])
    uses = found[picture.key]
    assert [(use.letter_id, use.name, use.is_archived) for use in uses.named] == [
        (at_work.id, "At work", False),
        (sent.id, "Sent", True),
    ]
    assert (uses.count, uses.more, found[unused.key].count) == (2, 0, 0)
    few = uses_of(place.id, [picture.key], 1)[picture.key]
    assert (few.count, few.more, len(few.named)) == (2, 1, 1)


def test_a_picture_that_was_ever_sent_is_not_deleted_another_one_is(place):
    picture, unused = added(place, "a.png"), added(place, "b.png", 81)
    sent = shown_in(place, picture, "Sent")
    with transaction():
        service.freeze_version(place.id, sent.id)
        service.save_draft(place.id, sent.id, "Three new coffees", "", letters.source())
    with pytest.raises(Conflict, match="“Sent”"), transaction():
        verbs.delete_picture(place.id, picture.id)
    with transaction():
        verbs.delete_picture(place.id, unused.id)
    assert [one.id for one in service.list_pictures(place.id).rows] == [picture.id]


def test_a_picture_in_a_block_that_is_kept_is_used(place):
    picture = added(place)
    block = Block("b1", "picture", {"picture": {"src": url_of(picture), "alt": "Boats"}}, {})
    with transaction():
        blocks.keep_block(place.id, block, "Our harbour", by=place.owner_id)
    uses = uses_of(place.id, [picture.key])[picture.key]
    assert [(use.letter_id, use.name) for use in uses.named] == [(None, "the kept block “Our harbour”")]
    with pytest.raises(Conflict, match="the kept block “Our harbour”"), transaction():
        verbs.delete_picture(place.id, picture.id)
    assert uses_of(make.place("Other").id, [picture.key])[picture.key].count == 0


def test_the_logo_is_used(place):
    picture, other = added(place), added(place, width=81)
    with transaction():
        look = Look(logo=f"/pictures/{picture.key}.png")
        account_verbs.change_look(place.id, look, by=everybody.COMMAND)
    with pytest.raises(Conflict, match="the look of your letters"), transaction():
        verbs.delete_picture(place.id, picture.id)
    with transaction():
        verbs.delete_picture(place.id, other.id)


def test_a_letter_of_a_design_brings_our_own_pictures_as_they_are(place, monkeypatch):
    monkeypatch.setattr(pictures, "prepare", lambda *_: pytest.fail("drawn again"))
    with transaction():
        service.create_letter(place.id, "Offer", design="offer")
    assert service.list_pictures(place.id).rows


# --- Pages ------------------------------------------------------------------------------------------------------


def test_an_empty_library_says_what_it_is_for_and_is_reached_from_campaigns(inside):
    assert 'href="/pictures"' in inside.get("/campaigns").text
    page = inside.get("/pictures").text
    assert "No picture yet" in page
    assert "inboxes show no pictures until they are asked" in page
    assert 'name="picture"' in page


def test_a_picture_is_brought_described_and_seen_without_scripts(inside, place, token):
    answer = inside.post("/pictures", **images.multipart({"csrf": token, "alt": "Two colours"}, images.png(1_300)))
    assert answer.status_code == 303
    path = answer.headers["Location"]
    page = inside.get(path).text
    assert "1,200 × 37 px" in page
    assert "alt=&#34;Two colours&#34; width=&#34;600px&#34;" in page
    assert "none that was sent did" in page
    saved = inside.post(path, data={"csrf": token, "name": "Our  flag", "alt": 'Red & "blue"'})
    assert saved.status_code == 303
    (picture,) = service.list_pictures(place.id).rows
    assert (picture.name, picture.alt) == ("Our flag", 'Red & "blue"')
    assert "Our flag" in inside.get("/pictures?q=FLAG").text
    assert "Nothing matches “two colours”" in inside.get("/pictures?q=two+colours").text
    letter = shown_in(place, picture, "Spring letter")
    grid = inside.get("/pictures").text
    assert f'src="/pictures/{picture.key}.png" alt="Red &amp; &#34;blue&#34;"' in grid
    assert f'href="/letters/{letter.id}">Spring letter</a>' in grid
    assert "Spring letter" in inside.get(path).text
    wrong = inside.post(path, data={"csrf": token, "name": "", "alt": "kept words"})
    assert wrong.status_code == 422
    assert "Write a name." in wrong.text
    assert "kept words" in wrong.text


def test_a_file_that_cannot_be_used_is_refused_beside_its_field_and_words_are_kept(inside, token):
    for data, says in ((None, "Choose a picture."), (b"%PDF-1.7", "Only PNG"), (images.png()[:60], "broken")):
        answer = inside.post("/pictures", **images.multipart({"csrf": token, "alt": "My words"}, data))
        assert answer.status_code in {415, 422}
        assert re.search(rf'id="picture-error">.*{says}', answer.text, re.DOTALL)
        assert "My words" in answer.text
    long = inside.post("/pictures", **images.multipart({"csrf": token, "alt": "x" * 251}, images.png()))
    assert 'id="alt-error"' in long.text


def test_several_are_brought_at_once_and_those_that_cannot_be_used_are_named(inside, place, token):
    fields = {"csrf": token, "alt": "of none"}
    two = inside.post("/pictures", **images.multipart(fields, images.png(90), images.png(91)))
    assert (two.status_code, two.headers["Location"]) == (303, "/pictures")
    mixed = inside.post("/pictures", **images.multipart(fields, images.png(92), b"%PDF", images.png()[:50]))
    assert mixed.status_code == 422
    assert "1 of 3 were added. harbour: Only PNG" in mixed.text
    assert "harbour: This picture is broken." in mixed.text
    many = inside.post("/pictures", **images.multipart(fields, *[images.png(100 + n) for n in range(11)]))
    assert "at most 10 at once" in many.text
    found = service.list_pictures(place.id).rows
    assert {(one.width, one.alt) for one in found} == {(90, ""), (91, ""), (92, "")}
    assert inside.post("/pictures", **images.multipart({}, images.png(93))).status_code == 403


def test_a_picture_is_cut_into_another_one_and_stays_itself(inside, place, token):
    picture = added(place, width=1_000, alt="Two colours")
    path = f"/pictures/{picture.id}"
    form = {"csrf": token, "ratio": "1:1", "focus": "100 50", "size": "own", "width": "16"}
    answer = inside.post(f"{path}/cut", data=form)
    assert answer.status_code == 303
    made = next(one for one in service.list_pictures(place.id).rows if one.id != picture.id)
    assert answer.headers["Location"] == f"/pictures/{made.id}"
    assert (made.width, made.height, made.shown_width) == (32, 32, 16)
    assert (made.alt, made.name) == ("Two colours", "harbour")
    assert 'width=&#34;16px&#34;' in inside.get(f"/pictures/{made.id}").text
    current().refresh(picture)
    assert (picture.width, picture.height) == (1_000, 40)
    assert inside.post(f"{path}/cut", data=form).headers["Location"] == f"/pictures/{made.id}"


def test_a_picture_with_too_few_pixels_to_lose_is_shown_smaller_and_not_drawn_again(inside, place, token, monkeypatch):
    picture = added(place, width=500)
    monkeypatch.setattr(pictures, "prepare", lambda *_: pytest.fail("drawn again"))
    answer = inside.post(f"/pictures/{picture.id}/cut", data={"csrf": token, "size": "half"})
    assert answer.headers["Location"] == f"/pictures/{picture.id}"
    current().refresh(picture)
    assert picture.shown_width == 300
    inside.post(f"/pictures/{picture.id}/cut", data={"csrf": token, "size": "full"})
    current().refresh(picture)
    assert picture.shown_width == 500, "no more than it has"


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("ratio", "9:21", "Choose one of the shapes"),
        ("focus", "3 3", "Choose one of the nine places"),
        ("size", "huge", "Choose a width"),
        ("width", "601", "from 16 to 600"),
        ("width", "-5", "from 16 to 600"),
        ("width", "", "from 16 to 600"),
    ],
)
def test_a_cut_that_is_not_offered_is_refused_and_the_choice_kept(inside, place, token, field, value, says):
    picture = added(place)
    form = {"csrf": token, "ratio": "4:3", "focus": "0 0", "size": "own", "width": "40"} | {field: value}
    answer = inside.post(f"/pictures/{picture.id}/cut", data=form)
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert says in answer.text
    if field == "width":
        assert re.search(r'value="4:3" checked', answer.text)


def test_a_picture_that_cannot_be_drawn_is_told_and_the_choice_kept(inside, place, token, monkeypatch):
    picture = added(place, width=700)
    monkeypatch.setattr(pictures, "_warm", SimpleNamespace(run=lambda *_: None))
    answer = inside.post(f"/pictures/{picture.id}/cut", data={"csrf": token, "size": "half", "ratio": "1:1"})
    assert answer.status_code == 422
    assert "<li>This picture takes too long" in answer.text
    assert re.search(r'value="1:1" checked', answer.text)


def test_a_picture_that_moves_is_not_cut(inside, place, token):
    with transaction():
        picture = service.add_picture(place.id, "wave.gif", images.moving())
    assert "frame by frame" in inside.get(f"/pictures/{picture.id}").text
    answer = inside.post(f"/pictures/{picture.id}/cut", data={"csrf": token, "size": "half"})
    assert answer.status_code == 422


def test_what_a_letter_shows_is_not_deleted_and_the_page_says_by_which(inside, place, token):
    picture, unused = added(place, "a.png"), added(place, "b.png", 81)
    shown_in(place, picture, "Spring letter")
    answer = inside.post(f"/pictures/{picture.id}/delete", data={"csrf": token})
    assert answer.status_code == 409
    assert "“Spring letter”" in answer.text
    assert inside.post(f"/pictures/{unused.id}/delete", data={"csrf": token}).status_code == 303
    assert inside.get(f"/pictures/{unused.id}").status_code == 404


def test_who_may_only_read_sees_pictures_and_no_forms(app, place):
    picture = added(place)
    reader = app.test_client()
    accounts.sign_in(reader, accounts.make_member(place.id, Role.VIEWER, "reader@ostkai.example"))
    for path in ("/pictures", f"/pictures/{picture.id}"):
        page = reader.get(path)
        assert page.status_code == 200
        assert "harbour" in page.text
        main = page.text.split("<main", 1)[1].split("</main>", 1)[0]
        assert 'method="post"' not in main
    token = accounts.csrf_of(reader.get("/pictures").text)
    assert reader.post("/pictures", **images.multipart({"csrf": token}, images.png(90))).status_code == 403


# --- For scripts ------------------------------------------------------------------------------------------------


def test_scripts_get_pages_of_pictures_and_bring_one(inside, place, token, monkeypatch):
    monkeypatch.setattr(queries.list_pictures, "__defaults__", ("", "", 2))
    for number in range(3):
        added(place, f"Harbour {number}.png", 80 + number)
    first = inside.get("/pictures?q=harbour", headers=JSON).json
    assert [one["name"] for one in first["pictures"]] == ["Harbour 2", "Harbour 1"]
    second = inside.get(f"/pictures?q=harbour&page={first['next']}", headers=JSON).json
    assert [one["name"] for one in second["pictures"]] == ["Harbour 0"]
    assert second["next"] is None
    assert inside.get("/pictures?page=x", headers=JSON).status_code == 400
    fields = {"csrf": token, "alt": "Boats"}
    answer = inside.post("/pictures", headers=JSON, **images.multipart(fields, images.png(1_400), name="Boats.png"))
    assert answer.status_code == 201
    told = answer.json
    assert re.fullmatch(r"https?://.+/pictures/[\w-]{24}\.png", told.pop("url"))
    assert re.fullmatch(r"[\w-]{24}", told.pop("key"))
    assert told == {"name": "Boats", "alt": "Boats", "width": 1_200, "height": 34, "shown_width": 600}
    refused = inside.post("/pictures", headers=JSON, **images.multipart({"csrf": token}, b"<svg/>"))
    assert refused.status_code == 415
    assert "SVG" in refused.json["errors"]["picture"]


def test_the_code_editor_takes_a_picture_the_same_way_and_writes_its_alt_text(inside, place, token, monkeypatch):
    made, picture = letters.letter(place.id), added(place, alt='Red & "blue"')
    path = f"/letters/{made.id}/pictures"
    answer = inside.post(path, headers=JSON, **images.multipart({"csrf": token}, images.png()))
    assert answer.status_code == 201
    assert answer.json["mjml"] == (
        f'<mj-image src="{answer.json["url"]}" alt="Red &amp; &quot;blue&quot;" width="80px" />'
    )
    assert answer.json["key"] == picture.key
    monkeypatch.setattr(pictures, "prepare", lambda *_: pytest.fail("drawn again"))
    assert inside.post("/pictures", headers=JSON, **images.multipart({"csrf": token}, images.png())).status_code == 201
    monkeypatch.undo()
    photo = inside.post(path, headers=JSON, **images.multipart({"csrf": token}, images.photo()))
    assert b"Secretphone" not in queries.get_public_picture(photo.json["key"])[1]
    with pytest.raises(BadInput):
        service.add_picture(place.id, "x", b"")


def test_a_block_takes_a_picture_the_same_way_and_says_what_is_known_of_it(inside, place, token):
    with transaction():
        made = service.create_letter(place.id, "November", design="announcement")
        letter = blocks.edit(place.id, made.id, lambda found: acts.add(found, "image", ""))
        one = next(block.id for block in blocks.blocks_of(letter) if block.kind == "image")
    path = f"/letters/{made.id}/blocks/{one}"

    def shown():
        current().refresh(letter)
        return acts.find(blocks.blocks_of(letter), one).values["picture"]

    def fields(**more):
        current().refresh(letter)
        return {"csrf": token, "revision": str(letter.revision), **more}

    brought = inside.post(f"{path}/picture", **images.multipart(fields(field="v-picture"), images.photo(1_400)))
    assert brought.status_code == 303
    first = service.list_pictures(place.id).rows[0]
    assert shown()["src"].endswith(f"/pictures/{first.key}.jpeg")
    assert b"Secretphone" not in first.data
    url = shown()["src"].replace(first.key, "{}").replace("jpeg", "png")
    known = added(place, "Boats.png", 90, alt="Three boats")
    chosen = fields(filled="1", use=f"v-picture {url.format(known.key)}", **{"v-picture-alt": "old words"})
    assert inside.post(path, data=chosen).status_code == 303
    assert shown() == {"src": url.format(known.key), "alt": "Three boats"}
    theirs = added(make.place("Other"), "Secret.png", 95, alt="Secret words")
    other = fields(filled="1", use=f"v-picture {url.format(theirs.key)}", **{"v-picture-alt": "my words"})
    inside.post(path, data=other)
    assert shown()["alt"] == "my words", "nothing is told of another workspace's picture"
    refused = inside.post(f"{path}/picture", **images.multipart(fields(field="v-picture"), b"%PDF"))
    assert refused.status_code == 415
    assert shown()["src"] == url.format(theirs.key)
