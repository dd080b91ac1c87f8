"""The pages of letters: editing without scripts, previews on addresses of their own, public copies."""

from __future__ import annotations

import email
import io
import json
import re
from email import policy
from html import unescape
from xml.etree import ElementTree

import pytest

from app.accounts.rules.roles import Role
from app.consent import queries as consent
from app.contacts import service as contacts
from app.content import queries, service
from app.content.mjml import EMAILS
from app.delivery import service as delivery
from app.kernel.db import session as current
from app.kernel.db import transaction
from tests.support import accounts, images, letters, make

JSON = {"Accept": "application/json"}
PICTURES = "/pictures"


@pytest.fixture
def place(session):
    return make.place()


@pytest.fixture
def inside(client, place):
    """A browser of the owner."""
    account = accounts.Account(place.owner_id, place.id, place.owner_email, make.PASSWORD)
    assert accounts.sign_in(client, account).status_code in {302, 303}
    return client


@pytest.fixture
def made(place):
    return letters.letter(place.id)


def post_of(made, page: str, **more) -> dict:
    """What the editor would post."""
    return {
        "csrf": accounts.csrf_of(page),
        "subject": made.subject,
        "preheader": made.preheader,
        "source": made.source,
        "own_text": "",
        "revision": str(made.revision),
        "reader": "sample",
        "back": "",
        **more,
    }


def revision_in(page: str) -> str:
    """The revision that the form of a page would post."""
    return re.search(r'name="revision" value="(\d+)"', page)[1]


def fresh(place, made):
    current().expire_all()
    return queries.get_letter(place.id, made.id)


def test_the_page_shows_the_draft_its_problems_and_a_sandboxed_preview(inside, place, made):
    with transaction():
        service.save_draft(
            place.id, made.id, "Hi {{ contact.first_name }}", "P", letters.source("<b>lost</b>")
        )
    page = inside.get(f"/letters/{made.id}").text
    assert "&lt;b&gt;lost&lt;/b&gt;" in page
    assert "<b>Line 8</b>" in page
    frame = re.search(r"<iframe[^>]*>", page)[0]
    assert "sandbox " in frame
    assert "allow-scripts" not in frame
    assert f"/letters/{made.id}/preview" in frame
    assert 'id="seen-subject">Hi Mara<' in page


def test_saving_without_scripts_keeps_the_words_and_comes_back(inside, place, made):
    page = inside.get(f"/letters/{made.id}?back=/campaigns/{made.id}").text
    answer = inside.post(
        f"/letters/{made.id}",
        data=post_of(made, page, subject="Changed", source=letters.source("<mj-text>Changed</mj-text>"),
                     back=f"/campaigns/{made.id}"),
    )  # fmt: skip
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/letters/{made.id}?as=sample&back=/campaigns/{made.id}"
    assert fresh(place, made).subject == "Changed"
    assert "Changed" in inside.get(answer.headers["Location"]).text


@pytest.mark.parametrize(
    "back", ["//evil.test/x", "https://evil.test", "/campaigns/../../x", "javascript:alert(1)"]
)
def test_the_way_back_leads_nowhere_else(inside, made, back):
    page = inside.get(f"/letters/{made.id}", query_string={"back": back}).text
    assert "evil" not in page
    assert "javascript:" not in page
    answer = inside.post(f"/letters/{made.id}", data=post_of(made, page, back=back))
    assert answer.headers["Location"] == f"/letters/{made.id}?as=sample"


def test_saving_by_script_tells_problems_weight_and_time(inside, place, made):
    page = inside.get(f"/letters/{made.id}").text
    data = post_of(made, page, source=letters.source("<mj-text>{{ contact.nobody }}</mj-text>"))
    told = inside.post(f"/letters/{made.id}", data=data, headers=JSON).json
    assert re.fullmatch(r"\d\d:\d\d", told["saved"])
    assert told["revision"] == made.revision + 1
    assert [(one["place"], one["line"], one["severity"]) for one in told["problems"]] == [
        ("source", 8, "error")
    ]
    assert told["problems"][0]["column"] == 13
    assert told["shows"] is False
    data |= {"source": letters.source(), "revision": str(told["revision"])}
    told = inside.post(f"/letters/{made.id}", data=data, headers=JSON).json
    assert told["problems"] == []
    assert told["shows"] is True
    assert re.fullmatch(r"\d+ KB of 102 KB · 0 links · 0 pictures", told["weight"])
    assert told["subject"] == made.subject


def test_who_was_slower_loses_no_word(inside, place, made):
    page = inside.get(f"/letters/{made.id}").text
    data = post_of(made, page, subject="Mine & only mine")
    with transaction():
        service.save_draft(place.id, made.id, "Theirs", "P", made.source)
    told = inside.post(f"/letters/{made.id}", data=data, headers=JSON)
    assert (told.status_code, told.json["title"]) == (409, "Somebody was faster")
    answer = inside.post(f"/letters/{made.id}", data=data)
    assert answer.status_code == 409
    assert 'value="Mine &amp; only mine"' in answer.text
    assert inside.post(f"/letters/{made.id}", data=data | {"revision": revision_in(answer.text)}).status_code == 409
    assert fresh(place, made).subject == "Theirs"


@pytest.mark.parametrize("field", ["subject", "source"])
def test_what_cannot_be_kept_is_refused_and_shown_again(inside, place, made, field):
    page = inside.get(f"/letters/{made.id}").text
    answer = inside.post(f"/letters/{made.id}", data=post_of(made, page, **{field: "bad \x00 byte"}))
    assert answer.status_code == 422
    assert fresh(place, made).subject == made.subject


def test_versions_are_kept_seen_and_gone_back_to(inside, place, made):
    page = inside.get(f"/letters/{made.id}").text
    token = accounts.csrf_of(page)
    assert inside.post(f"/letters/{made.id}/versions", data={"csrf": token}).status_code == 303
    with transaction():
        service.save_draft(
            place.id, made.id, "Second", "P", letters.source("<mj-text>Second thoughts</mj-text>")
        )
    page = inside.get(f"/letters/{made.id}").text
    assert "Go back to version 1" in page
    assert "Jonna" in page
    seen = inside.get(f"/letters/{made.id}/preview?version=1").text
    assert "Hello Mara" in seen
    assert "Second thoughts" in inside.get(f"/letters/{made.id}/preview").text
    assert inside.post(f"/letters/{made.id}/restore", data={"csrf": token, "number": "1"}).status_code == 303
    assert fresh(place, made).subject == made.subject
    assert [one.number for one in queries.list_versions(made)] == [
        2,
        1,
    ]  # the draft was kept before it was replaced


def test_a_letter_that_cannot_be_sent_gives_no_version_and_says_why(inside, place, made):
    with transaction():
        service.save_draft(place.id, made.id, "S", "P", letters.source(footer=""))
    token = accounts.csrf_of(inside.get(f"/letters/{made.id}").text)
    answer = inside.post(f"/letters/{made.id}/versions", data={"csrf": token})
    assert answer.status_code == 422
    assert "the link to unsubscribe" in answer.text
    assert queries.list_versions(made) == []


# --- The preview ------------------------------------------------------------------------------------------------


def test_the_preview_is_the_mail_itself(inside, place, made):
    shown = inside.get(f"/letters/{made.id}/preview?as=nobody")
    assert "Hello there" in shown.text
    assert shown.content_type.startswith("text/html")
    reader = service.Reader(email="reader@example.org")
    assert shown.text.count("<table") == service.preview(
        place.id, made.id, letters.values(place.id, reader)
    ).html.count("<table")


def test_the_preview_as_a_real_person(inside, place, made):
    person = make.person(place.id, "tom@example.org", "Tom & Jerry")
    make.confirmed(place, person)
    token = accounts.csrf_of(inside.get(f"/letters/{made.id}").text)
    answer = inside.post(f"/letters/{made.id}/reader", data={"csrf": token, "q": "tom@"})
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/letters/{made.id}?as={person.id}"
    page = inside.get(answer.headers["Location"]).text
    assert "As Tom &amp; Jerry" in page
    shown = unescape(inside.get(f"/letters/{made.id}/preview?as={person.id}").text)
    assert "Hello Tom & Jerry" in shown
    assert "New coffees" in shown or "Brewing letters" in shown
    states = consent.choices(place.id, person.id).interests
    assert set(states.values()) == {"yes"}


def test_several_people_are_offered_and_wildcards_find_nobody(inside, place, made):
    for name in ("ann", "anna", "bert"):
        make.person(place.id, f"{name}@example.org", name.title())
    token = accounts.csrf_of(inside.get(f"/letters/{made.id}").text)
    found = inside.post(f"/letters/{made.id}/reader", data={"csrf": token, "q": "ANN"}, headers=JSON).json[
        "people"
    ]
    assert [one["address"] for one in found] == ["ann@example.org", "anna@example.org"]
    page = inside.post(f"/letters/{made.id}/reader", data={"csrf": token, "q": "ann"})
    assert page.status_code == 200
    assert page.text.count("@example.org</small>") == 2
    for wild in ("%", "_", "%@example"):
        assert inside.post(
            f"/letters/{made.id}/reader", data={"csrf": token, "q": wild}, headers=JSON
        ).json == {"people": []}


def test_another_workspaces_person_letter_and_version_are_not_there(inside, place, made):
    other = make.place("Other")
    stranger = make.person(other.id, "stranger@example.org")
    theirs = letters.letter(other.id)
    assert inside.get(f"/letters/{made.id}/preview?as={stranger.id}").status_code == 404
    assert inside.get(f"/letters/{made.id}?as={stranger.id}").status_code == 404
    for path in (f"/letters/{theirs.id}", f"/letters/{theirs.id}/preview"):
        assert inside.get(path).status_code == 404
    token = accounts.csrf_of(inside.get(f"/letters/{made.id}").text)
    for path, data in (
        ("", post_of(theirs, f'name="csrf" value="{token}"')),
        ("/versions", {}),
        ("/restore", {"number": "1"}),
        ("/reader", {"q": "x"}),
    ):
        assert inside.post(f"/letters/{theirs.id}{path}", data={"csrf": token, **data}).status_code == 404


def test_the_preview_shows_light_dark_no_pictures_and_the_text_part(inside, made):
    base = f"/letters/{made.id}/preview"
    dark, light = (inside.get(f"{base}?theme={theme}").text for theme in ("dark", "light"))
    assert "@media all {" in dark
    assert "@media not all {" in light
    assert "prefers-color-scheme: dark" not in dark + light
    # What the mail does not paint is the inbox's: an inbox that is light stands on white on a dark machine too.
    for page, theme in ((dark, "dark"), (light, "light")):
        assert set(re.findall(r"color-scheme(?:s?:|s?\" content=\")\s*([a-z ]+)", page)) == {theme}
    assert "prefers-color-scheme: dark" in inside.get(base).text
    assert "img-src 'none'" in inside.get(f"{base}?pictures=off").headers["Content-Security-Policy"]
    text = inside.get(f"{base}?part=text")
    assert text.content_type == "text/plain; charset=utf-8"
    assert text.text.startswith("Hello Mara\n\nYou get this")


def test_the_preview_shows_the_mail_as_it_goes_over_the_wire(inside, place, made):
    path = f"/letters/{made.id}/preview?part=source"
    refused = inside.get(path)
    assert (refused.status_code, "Say first who your mails come from" in refused.text) == (422, True)
    person = make.person(place.id, "tom@example.org", "Tom")
    with transaction():
        delivery.set_sender(place.id, "Ostkai", "news@ostkai.example")
        receipt = service.create_letter(place.id, "Receipt", design="transactional", is_transactional=True)
    assert '<option value="source">Source</option>' in inside.get(f"/letters/{made.id}").text
    answer = inside.get(f"{path}&as={person.id}")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    mail = email.message_from_bytes(answer.data, policy=policy.default)
    assert (mail["From"], mail["To"], mail["Subject"]) == ("Ostkai <news@ostkai.example>", "tom@example.org", "Three new coffees")
    assert "/u/preview>" in mail["List-Unsubscribe"]
    assert "One-Click" in mail["List-Unsubscribe-Post"]
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert "Hello Tom" in mail.get_body(("html",)).get_content()
    plain = email.message_from_bytes(inside.get(f"/letters/{receipt.id}/preview?part=source").data, policy=policy.default)
    assert plain["From"] == mail["From"]
    assert plain["List-Unsubscribe"] is None


def test_a_draft_that_cannot_be_shown_says_where_it_is_broken(inside, place, made):
    with transaction():
        service.save_draft(place.id, made.id, "S", "P", letters.source("<mj-text>{{ <script> }}</mj-text>"))
    shown = inside.get(f"/letters/{made.id}/preview")
    assert shown.status_code == 422
    assert "Line 8" in shown.text
    assert "<script>" not in shown.text
    assert "sandbox" in shown.headers["Content-Security-Policy"]


@pytest.mark.parametrize("name", [one.name for one in service.designs()])
def test_every_design_can_be_seen_and_has_all_its_pictures(inside, name):
    shown = inside.get(f"/letters/designs/{name}/preview")
    assert shown.status_code == 200
    for picture in set(re.findall(r'src="[^"]*(/letters/designs/pictures/[^"]+)"', shown.text)):
        assert inside.get(picture).content_type == "image/png"
    assert "{{" not in shown.text


def test_designs_can_be_seen_before_one_is_chosen(inside):
    shown = inside.get("/letters/designs/announcement/preview")
    assert "Three neighbours" in shown.text
    assert "sandbox" in shown.headers["Content-Security-Policy"]
    picture = re.search(r'src="([^"]*/letters/designs/pictures/harbour.png)"', shown.text)[1]
    assert inside.get("/" + picture.split("/", 3)[3]).content_type == "image/png"
    assert inside.get("/letters/designs/nothing/preview").status_code == 404
    assert inside.get("/letters/designs/pictures/..%2Flogo.png").status_code == 404


def test_looking_costs_few_statements(inside, place, made, count_statements):
    for number in range(12):
        with transaction():
            service.save_draft(place.id, made.id, f"Subject {number}", "P", made.source)
            service.freeze_version(place.id, made.id, place.owner_id)
    inside.get(f"/letters/{made.id}")
    with count_statements() as statements:
        inside.get(f"/letters/{made.id}")
    assert len(statements) <= 14
    with count_statements() as statements:
        inside.get(f"/letters/{made.id}/preview")
    assert len(statements) <= 8


def test_a_viewer_reads_and_writes_nothing(client, place, made):
    viewer = accounts.make_member(place.id, Role.VIEWER)
    accounts.sign_in(client, viewer)
    page = client.get(f"/letters/{made.id}")
    assert page.status_code == 200
    assert 'id="save"' not in page.text
    token = accounts.csrf_of(page.text)
    for path in ("", "/versions", "/restore", "/pictures"):
        assert client.post(f"/letters/{made.id}{path}", data={"csrf": token}).status_code == 403


# --- What everybody may read ------------------------------------------------------------------------------------


def test_the_web_view_is_the_same_for_everybody(client, place):
    frozen = letters.version(place.id, subject="For {{ contact.first_name|default('you') }}")
    url = service.web_view_url(frozen.id)
    path = "/" + url.split("/", 3)[3]
    page = client.get(path)
    assert page.status_code == 200
    assert "<h1>For you</h1>" in page.text
    frame = client.get(f"{path}/letter")
    assert "Hello there" in frame.text
    assert '<base target="_blank">' in frame.text
    assert "public copy" in frame.text
    assert client.get(path[:-1] + ("A" if path[-1] != "A" else "B")).status_code == 404
    assert client.get("/v/preview").status_code == 404


def test_the_archive_lists_what_was_made_public_and_nothing_else(client, place):
    public, private = (
        letters.version(place.id, subject="Public one"),
        letters.version(place.id, subject="Private one"),
    )
    with transaction():
        number = service.publish(place.id, public.id, "New coffees")
    base = "/" + service.archive_url(_public_id(place)).split("/", 3)[3]
    page = client.get(base)
    assert "Public one" in page.text
    assert "New coffees" in page.text
    assert "Private one" not in page.text
    assert private.id
    one = client.get(f"{base}/{number}")
    assert "<h1>Public one</h1>" in one.text
    assert "Hello there" in client.get(f"{base}/{number}/letter").text
    feed = client.get(f"{base}/feed")
    assert feed.content_type == "application/atom+xml; charset=utf-8"
    assert f'href="{base}/feed"' in page.text
    atom = {"a": "http://www.w3.org/2005/Atom"}
    entries = ElementTree.fromstring(feed.data).findall("a:entry", atom)
    assert [one.findtext("a:title", "", atom) for one in entries] == ["Public one"]
    assert entries[0].findtext("a:summary", "", atom) == "Plum and cocoa"
    assert entries[0].findtext("a:id", "", atom).endswith(f"{base}/{number}")
    with transaction():
        service.withdraw(place.id, public.id)
    assert b"Public one" not in client.get(f"{base}/feed").data
    assert client.get("/archive/nowhere/feed").status_code == 404
    for path in (f"{base}/{number}", f"{base}/{number}/letter", f"{base}/99"):
        assert client.get(path).status_code == 404
    assert client.get("/archive/nowhere").status_code == 404


def test_the_archive_speaks_the_brands_language(client, place):
    from app.accounts.models import Workspace

    workspace = current().get(Workspace, place.id)
    workspace.language = "de"
    current().flush()
    assert "Bisherige Briefe" in client.get(f"/archive/{workspace.public_id}").text


def _public_id(place) -> str:
    from app.accounts import queries as found

    return found.get_workspace(place.id).public_id


# --- Pictures ---------------------------------------------------------------------------------------------------


def test_a_picture_is_kept_and_shown_to_everybody(inside, place, made):
    page = inside.get(f"/letters/{made.id}").text

    def post(**more):
        form = {
            "csrf": accounts.csrf_of(page),
            "picture": (io.BytesIO(images.png(1200, 800)), "harbour.html", "text/html"),
        }
        path = f"/letters/{made.id}/pictures"
        return inside.post(path, data=form, content_type="multipart/form-data", **more)

    answer = post(headers=JSON)
    assert answer.status_code == 201
    shown_by = answer.json["mjml"]
    assert 'width="600px"' in shown_by
    assert post(headers=JSON).json["mjml"] == shown_by
    url = re.search(r'src="([^"]+\.png)"', shown_by)[1]
    path = "/" + url.split("/", 3)[3]
    shown = inside.get(path)
    assert images.decoded(shown.data).size == (1200, 800)
    assert shown.content_type == "image/png"
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in shown.headers["Cache-Control"]
    assert inside.get(path.replace(".png", ".gif")).status_code == 404
    assert len(queries.list_pictures(place.id).rows) == 1
    by_hand = post()
    assert by_hand.status_code == 303
    assert url in inside.get(by_hand.headers["Location"]).text
    theirs = letters.letter(make.place("Other").id)
    assert (
        inside.post(f"/letters/{theirs.id}/pictures", data={"csrf": accounts.csrf_of(page)}).status_code
        == 404
    )


def test_fields_of_the_workspace_are_offered_to_the_editor(inside, place, made):
    with transaction():
        contacts.define_field(place.id, "Roast", "text", key="roast")
    words = unescape(re.search(r'data-words="([^"]*)"', inside.get(f"/letters/{made.id}").text)[1])
    assert '"contact.fields.roast"' in words
    assert '"links.unsubscribe"' in words
    assert '"links.confirm"' not in words


def test_a_field_of_several_choices_is_offered_as_a_list_and_shown_as_one(inside, place, made):
    with transaction():
        contacts.define_field(place.id, "Brews", "multi_choice", key="brews", choices=["V60", "Moka"])
        contacts.define_field(place.id, "Town", "text", key="town")
        of_blocks = service.create_letter(place.id, "November", design="announcement")
        inner = "<mj-text>{% for one in contact.fields.brews %}[{{ loop.index }} {{ one }}]{% else %}[nothing]{% endfor %}</mj-text>"
        service.save_draft(place.id, made.id, "S", "P", letters.source(inner))
    words = json.loads(unescape(re.search(r'data-words="([^"]*)"', inside.get(f"/letters/{made.id}").text)[1]))
    lists = {one["label"]: (one["detail"], one["loop"]) for one in words["variables"] if one["loop"]}
    loop = "{% for one in contact.fields.brews %}{{ one }}{% if not loop.last %}, {% endif %}{% endfor %}"
    assert lists == {"contact.fields.brews": ("list of words", loop)}
    for page in (f"/letters/{of_blocks.id}", "/snippets/new"):
        menu = inside.get(page).text
        pressed = [unescape(found) for found in re.findall(r'data-tag="contact.fields.brews" data-words="([^"]*)"', menu)]
        assert pressed == ["{{ contact.fields.brews }}", loop]
        assert [*re.findall(r'data-tag="contact.fields.town" data-words="([^"]*)"', menu)] == ["{{ contact.fields.town }}"]
    who = make.person(place.id, "tom@example.org", "Tom")
    with transaction():
        contacts.set_fields(place.id, who.id, {"brews": ["Moka"]})
    shown = {key: inside.get(f"/letters/{made.id}/preview?as={key}").text for key in ("sample", "nobody", who.id)}
    assert "[1 First choice][2 Second choice]" in shown["sample"]
    assert "[nothing]" in shown["nobody"]
    assert "[1 Moka]" in shown[who.id]


# --- Blocks without scripts -------------------------------------------------------------------------------------


@pytest.fixture
def blocks(inside, place):
    """The editor of a letter of blocks as a browser without scripts uses it: presses, and what is kept."""
    with transaction():
        letter = service.create_letter(place.id, "November", design="announcement")

    class Editor:
        path = f"/letters/{letter.id}"


        def kept(self):
            current().expire_all()
            return queries.get_letter(place.id, letter.id)

        def kinds(self):
            return [one["kind"] for one in self.kept().blocks]

        def press(self, path, headers=None, **form):
            token = accounts.csrf_of(inside.get(self.path).text)
            given = {"csrf": token, "revision": str(self.kept().revision), "back": ""} | form
            data = {name: one for name, one in given.items() if one is not None}
            return inside.post(f"{self.path}{path}", data=data, headers=headers)

        def look_through(self, cursor):
            return inside.get(f"{PICTURES}?page={cursor}", headers=JSON).json

        def see(self, where=""):
            return inside.get(f"{self.path}{where}")

    return Editor()


def test_blocks_are_written_with_presses_alone(blocks):
    page = blocks.see()
    assert page.status_code == 200
    assert 'name="subject"' in page.text
    assert blocks.press("/lines", subject="Guji is in", preheader="Washed and bright").status_code == 303
    assert blocks.kept().subject == "Guji is in"
    answer = blocks.press("/blocks", kind="quote", after="b4")
    assert answer.status_code == 303
    made = re.search(r"block=(b\d+)", answer.headers["Location"])[1]
    assert blocks.kinds()[4] == "quote"
    shown = blocks.see(f"?block={made}").text
    assert "Something kind that somebody said." in shown
    form = {"filled": "1", "v-text": "So <good>", "v-who": "{{ contact.first_name }}"}
    assert blocks.press(f"/blocks/{made}", act="save", **form).status_code == 303
    assert "So &lt;good&gt;" in blocks.kept().source
    assert "moved=1" in blocks.press(f"/blocks/{made}", act="up").headers["Location"]
    assert blocks.kinds()[3] == "quote"
    assert "Moved to place 4" in blocks.see(f"?block={made}&moved=1").text
    blocks.press(f"/blocks/{made}", act="to-0")
    assert blocks.kinds()[0] == "quote"
    blocks.press(f"/blocks/{made}", act="copy")
    assert blocks.kinds()[:2] == ["quote", "quote"]
    blocks.press(f"/blocks/{made}", act="remove")
    assert blocks.kinds().count("quote") == 1
    blocks.press("/steps", act="undo")
    assert blocks.kinds().count("quote") == 2
    blocks.press("/steps", act="redo")
    assert blocks.kinds().count("quote") == 1


def test_a_script_is_told_the_revision_and_the_page_that_says_the_rest(blocks):
    seen = blocks.kept().revision
    lines = blocks.press("/lines", JSON, subject="Guji is in", preheader="")
    assert (lines.json["revision"], blocks.kept().subject) == (seen + 1, "Guji is in")
    block = blocks.press("/blocks/b1", JSON, filled="1", theme="dark").json
    assert block["revision"] == blocks.kept().revision
    page = blocks.see(block["page"].removeprefix(blocks.path))
    assert f'data-revision="{block["revision"]}"' in page.text
    assert all(part in block["page"] for part in ("block=b1", "theme=dark"))
    late = blocks.press("/lines", JSON, subject="Late", preheader="", revision=str(seen))
    assert late.status_code == 409
    assert "Somebody else has saved this letter" in late.json["detail"]
    assert blocks.kept().subject == "Guji is in"


def test_the_newest_pictures_are_at_hand_and_the_library_of_this_workspace_can_be_looked_through(blocks, place):
    shown = blocks.see("?block=b2").text
    assert f'data-picker="{PICTURES}"' in shown
    assert 'data-more=""' in shown
    with transaction():
        for wide in range(20, 32):
            service.add_picture(place.id, f"photo {wide}.png", images.png(wide), alt="A cup" if wide == 31 else "")
        service.add_picture(make.place().id, "theirs.png", images.png(90))
    shown = blocks.see("?block=b2").text
    assert shown.count("data-whole aria-label=\"Use ") == 12
    assert 'aria-label="Use photo 31: A cup"' in shown
    assert "theirs" not in shown
    cursor = re.search(r'data-more="([^"]+)"', shown)[1]
    older = blocks.look_through(cursor)
    assert "theirs" not in str(older)
    assert not {one["name"] for one in older["pictures"]} & {f"photo {wide}" for wide in range(20, 32)}
    assert len(older["pictures"]) >= 1
    assert older["next"] is None


def test_items_of_a_block_are_added_moved_and_removed_with_what_was_filled_in(blocks):
    answer = blocks.press("/blocks", kind="question")
    made = re.search(r"block=(b\d+)", answer.headers["Location"])[1]
    form = {"filled": "1", "v-text": "Which?", "v-link": "https://shop.test/thanks"}
    form |= {f"v-answers-{n}": "" for n in range(2)} | {f"v-answers-{n}-text": f"Answer {n}" for n in range(2)}

    def answers():
        return [one["text"] for one in blocks.kept().blocks[-2]["values"]["answers"]]

    blocks.press(f"/blocks/{made}", act="more-answers", **form)
    assert answers() == ["Answer 0", "Answer 1", ""]
    blocks.press(f"/blocks/{made}", act="after-answers-0", **form)
    assert answers() == ["Answer 1", "Answer 0"]
    blocks.press(f"/blocks/{made}", act="less-answers-0", **form)
    assert answers() == ["Answer 0", "Answer 1"]  # no fewer than two
    assert "https://shop.test/thanks?answer=2" in blocks.kept().source
    for strange in ("more-text", "less-answers-99", "after-answers--1", "before-nothing-0", "to-999999", "x" * 500):
        assert blocks.press(f"/blocks/{made}", act=strange, **form).status_code == 303


def test_a_picture_comes_from_this_machine_or_from_those_that_are_here(blocks, inside, place):
    data = (EMAILS / "img" / "cup.png").read_bytes()
    answer = blocks.press("/blocks/b2/picture", field="v-picture", picture=(io.BytesIO(data), "cup.png"))
    assert answer.status_code == 303
    source = blocks.kept().blocks[1]["values"]["picture"]
    assert source["src"].endswith(".png")
    assert source["alt"] == "A freighter with coffee sacks in Kiel harbour at sunrise"
    page = blocks.see("?block=b2").text
    uses = re.findall(r'name="use" value="(v-picture [^"]+)"', page)
    assert len(uses) == 2
    other = next(one for one in uses if source["src"] not in one)
    blocks.press("/blocks/b2", filled="1", use=other, **{"v-picture-alt": "A ship"})
    assert blocks.kept().blocks[1]["values"]["picture"] == {"src": other.split()[1], "alt": "A ship"}


def test_what_cannot_be_kept_is_said_and_nothing_is_changed(blocks):
    before = blocks.kept().blocks
    assert blocks.press("/blocks", kind="nothing").status_code == 404
    assert blocks.press("/blocks/b99", act="remove").status_code == 404
    assert blocks.press("/blocks/b4", filled="1", **{"v-text": "x" * 401}).status_code == 422
    assert blocks.press("/blocks/b4", filled="1", **{"v-text": "\x00"}).status_code == 422
    assert blocks.press("/blocks/b4", revision="999", act="remove").status_code == 409
    assert blocks.press("/blocks/b4/keep", name="").status_code == 422
    assert blocks.press("", source="<mjml></mjml>", subject="S", preheader="").status_code == 409
    assert blocks.kept().blocks == before


def test_blocks_are_kept_used_and_turned_into_code(blocks):
    rule = {"name": "contact.first_name", "test": "has", "value": ""}
    given = {"v-label": "Go", "v-link": "https://shop.test/"} | {f"only-{name}": value for name, value in rule.items()}
    blocks.press("/blocks/b7", act="save", filled="1", **given)
    assert blocks.press("/blocks/b7/keep", name="Our button").status_code == 303
    answer = blocks.press("/blocks", kept="Our button", kind="")
    assert answer.status_code == 303
    assert blocks.kinds().count("button") == 2
    shown = [one for one in blocks.kept().blocks if one["kind"] == "button"]
    assert [one.get("only") for one in shown] == [rule, rule], "what was for some is for the same in another letter"
    (forget,) = re.findall(r'name="name" value="Our button" formaction="([^"]+)"', blocks.see().text)
    answer = blocks.press(forget.removeprefix(blocks.path), name="Our button", after="b7")
    assert answer.headers["Location"].endswith("block=b7")  # nobody loses what they were at
    assert "Our button" not in blocks.see().text
    assert blocks.press("/code").status_code == 303
    page = blocks.see().text
    assert 'name="source"' in page
    assert "Go back to version 1" in page


def test_what_a_block_lacks_is_listed_where_it_is_written(blocks):
    blocks.press("/lines", subject="S", preheader="P")
    answer = blocks.press("/blocks", kind="only")
    made = re.search(r"block=(b\d+)", answer.headers["Location"])[1]

    def listed(**rule):
        values = {"v-title": "T", "v-text": "<p>For some</p>"} | {f"only-{name}": value for name, value in rule.items()}
        blocks.press(f"/blocks/{made}", act="save", filled="1", **values)
        page = unescape(blocks.see(f"?block={made}").text)
        found = re.findall(rf'data-choose="{made}"><b>Only for some</b></a> ([^<]+)', page)
        assert all(f">{one}</p>" in page.partition('id="facts"')[0] for one in found), "and beside the field"
        return found

    assert listed() == ["Everybody sees this block. Say below whom it is for."]
    assert listed(name="contact.first_name", test="is", value="") == ["Say who sees this block, or show it to everybody."]
    assert listed(name="contact.first_name", test="has", value="") == []
    blocks.press("/blocks/b7", act="save", filled="1", **{"v-label": "Go", "v-link": "shop"})
    assert blocks.see().text.count('data-choose="b7"') == 1, "what the source tells is not told twice"


def test_what_has_changed_since_a_version_is_shown_in_readers_words(blocks, inside):
    assert blocks.press("/versions", revision=None).status_code == 303
    same = inside.get(f"{blocks.path}/versions/1").text
    assert "<ins>" not in same
    assert "<del>" not in same
    blocks.press("/blocks/b4", filled="1", **{"v-text": "Three neighbours, four cups"})
    changed = inside.get(f"{blocks.path}/versions/1").text
    assert "<del>three</del><ins>four</ins>" in changed
    assert "Hello Mara" in changed  # near it, and as a reader reads it
    assert "{{" not in changed
    assert "Rosa dries hers" not in changed  # what is far from a change is left out
    assert inside.get(f"{blocks.path}/versions/7").status_code == 404


def test_the_preview_of_blocks_runs_our_script_alone_and_has_no_origin(blocks, inside):
    plain = inside.get(f"{blocks.path}/preview")
    assert "script" not in plain.headers["Content-Security-Policy"]
    assert "<script" not in plain.text
    marked = inside.get(f"{blocks.path}/preview?marks=1")
    policy = marked.headers["Content-Security-Policy"]
    nonce = re.search(r"script-src 'nonce-([^']+)'", policy)[1]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'")
    assert "allow-same-origin" not in policy
    assert marked.text.count("<script") == 1
    assert f'<script nonce="{nonce}">' in marked.text
    assert "<!-- block b4 -->" in marked.text


def test_the_footer_that_fits_is_offered(blocks):
    menu = blocks.see().text.partition('id="add"')[2].partition("</form>")[0]
    offered = re.findall(r'name="kind" value="([a-z-]+)"', menu)
    assert "footer" in offered
    assert "footer-plain" not in offered
    assert len(offered) == len(set(offered)) >= 15
