"""Snippets: written once, said by every draft at once, kept by versions as they were, and never more than words."""

from __future__ import annotations

import re
import threading
import time
from html import unescape

import pytest
from sqlalchemy import text

from app.accounts.rules.roles import Role
from app.contacts import service as contacts
from app.content import queries, service
from app.content.letters import Draft, Prepared, write
from app.content.service import snippets as verbs
from app.content.service.drafts import hold_letter
from app.content.snippets import GROWTH, LONGEST, Words, Writing
from app.kernel.db import db, transaction
from app.kernel.db import session as current
from app.kernel.errors import BadInput, Conflict, NotFound
from tests.support import accounts, letters, make

HOURS = "<p>Open <strong>8 to 18</strong>, {{ contact.first_name|default(\"friend\") }}</p><p>Closed on <a href=\"https://a.test/sundays\">Sundays</a></p>"
TAG = "{{ snippet.opening_hours }}"


@pytest.fixture
def place(session):
    return make.place()


def made(place, body: str = HOURS, name: str = "Opening hours", **more):
    with transaction():
        return verbs.create_snippet(place.id, name, body, **more)


def saved(place, snippet, body: str, **more):
    with transaction():
        revision = more.pop("revision", queries.get_snippet(place.id, snippet.id).revision)
        return verbs.save_snippet(place.id, snippet.id, more.pop("name", snippet.name), body, revision=revision, **more)


def drafted(source: str, words: str = HOURS, **more) -> Draft:
    given = {"subject": "Three coffees", "preheader": "Plum"} | more
    return Draft(source=source, snippets={"opening_hours": Words("Opening hours", words)}, **given)


def errors(draft: Draft) -> list[tuple[int, str, str]]:
    return [(one.line, one.place, one.message) for one in write(draft).problems if one.severity == "error"]


# --- What becomes of one ----------------------------------------------------------------------------------------


def test_it_is_rich_in_html_and_plain_in_the_text_the_subject_and_attributes(place):
    inner = f'<mj-text>We are here: {TAG}</mj-text><mj-image src="https://a.test/x.png" alt="{TAG}" />'
    written = write(drafted(letters.source(inner), subject=f"Now {TAG}", preheader=TAG))
    assert written.is_usable, written.problems
    values = letters.values(place.id)
    shown = Prepared(written).merge(values)
    assert "We are here: Open <strong>8 to 18</strong>, Mara<br><br>Closed on <a href=\"https://a.test/sundays\">Sundays</a>" in shown.html
    assert 'alt="Open 8 to 18, Mara Closed on Sundays"' in shown.html
    assert "Now Open 8 to 18, Mara Closed on Sundays" in shown.html.partition("</title>")[0]
    assert "<strong>" not in shown.html.partition("We are here")[0].partition("<body")[2]
    assert shown.subject == "Now Open 8 to 18, Mara Closed on Sundays"
    assert shown.preheader == "Open 8 to 18, Mara Closed on Sundays"
    assert "Open 8 to 18, Mara\n\nClosed on Sundays: https://a.test/sundays" in shown.text
    assert "https://a.test/sundays" in written.links
    own = write(drafted(letters.source(), own_text=f"{TAG}\n\n{{{{ links.unsubscribe }}}} {{{{ brand.postal_address }}}}"))
    assert Prepared(own).merge(values).text.startswith("Open 8 to 18, Mara\n\nClosed on Sundays: https://a.test/sundays\n")


@pytest.mark.parametrize(
    ("page", "is_rich"),
    [
        ("<p>{}</p>", True),
        ('<p title="{}">a</p>', False),
        ("<p title={}>a</p>", False),
        ('<p ="a>{}</p>', True),
        ('<p a=b"=">{}</p>', True),
        ('<style title="</style>">{}</style>', False),
        ("<style>a</styles>{}</style>", False),
        ("<noframes>{}</noframes>", False),
        ("<!-- a {} --><b>", False),
        ('<?a b="c>{}', True),
    ],
)
def test_a_place_for_rich_words_is_one_for_inboxes_too(page, is_rich):
    shown = Writing({"opening_hours": Words("Opening hours", "<p>a <strong>b</strong></p>")}).in_page(page.format(TAG))
    assert shown == page.format("a <strong>b</strong>" if is_rich else "a b")


def test_what_it_says_is_tracked_and_weighed_as_the_letters_own():
    plain = write(drafted(letters.source("<mj-text>.</mj-text>")))
    written = write(drafted(letters.source(f"<mj-text>{TAG}</mj-text>")))
    assert len(written.html) > len(plain.html) + 80
    assert len(written.links) == len(plain.links) + 1
    tied = Prepared(written).merge({"contact": {}}, links=lambda number, _url: f"https://t.test/{number}").html
    assert "https://a.test/sundays" not in tied
    heavy = write(drafted(letters.source(f"<mj-text>{TAG}</mj-text>" * 12), "<p>" + "word " * 1_900 + "</p>"))
    assert any("Gmail cuts it" in one.message for one in heavy.problems)


@pytest.mark.parametrize(
    "tag", ["{{snippet.opening_hours}}", "{{- snippet . opening_hours -}}", "{{ (snippet.opening_hours) }}", "{{\nsnippet.opening_hours\n}}"]
)
def test_however_it_is_written_it_is_put_in(tag):
    written = write(drafted(letters.source(f"<mj-text>{tag}</mj-text>")))
    assert written.is_usable
    assert "<strong>8 to 18</strong>" in written.html
    assert "snippet" not in written.html


def test_a_letter_of_the_same_words_and_no_snippet_is_the_letter_that_it_was():
    draft = Draft("Three coffees", "Plum", letters.source())
    known = Draft("Three coffees", "Plum", letters.source(), snippets={"opening_hours": Words("Opening hours", "<p>x</p>")})
    assert draft.fingerprint == known.fingerprint
    assert "snippets" not in write(known).needs
    one, other = (drafted(letters.source(f"<mj-text>{TAG}</mj-text>"), words) for words in ("<p>x</p>", "<p>y</p>"))
    assert one.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("tag", "told"),
    [
        ("{{ snippet.opening_hour }}", "There is no snippet “opening_hour” here"),
        ("{{ snippet.opening_hours|upper }}", "stands by itself"),
        ("{% if snippet.opening_hours %}x{% endif %}", "stands by itself"),
        ('{{ snippet.opening_hours == "x" }}', "stands by itself"),
        ("{{ snippet }}", "is a group"),
        ('<a href="{{ snippet.opening_hours }}">x</a>', "is no link"),
        ("{% for snippet in contact %}{% endfor %}", "not a list"),
    ],
)
def test_what_is_no_snippet_or_no_place_for_one_is_told_with_its_line(tag, told):
    found = errors(drafted(letters.source(f"<mj-text>{tag}</mj-text>")))
    assert [line for line, _, message in found if told in message][:1] == [8]
    assert any("snippet" in message for _, place, message in errors(drafted(letters.source(), subject="{{ snippet.nobody }}")) if place == "subject")


def test_a_letter_full_of_snippets_does_not_grow_without_end():
    words = "<p>" + "w" * 9_000 + "</p>"
    written = write(drafted(letters.source(f"<mj-text>{TAG * 40}</mj-text>"), words))
    assert not written.is_usable
    assert f"more than {GROWTH // 1024} KB" in written.problems[0].message
    assert Writing({}).growth(TAG * 1_000) == 0


def test_one_that_names_what_this_letter_cannot_know_is_told_where_it_stands():
    draft = drafted(letters.source(f"<mj-text>\n{TAG}</mj-text>", footer='<mj-include path="footer-plain" />'), "<p>{{ topic.name }}</p>", data={"order": "1"})
    assert (9, "source", "The snippet “Opening hours” does not fit here. “topic.name” is not known here.") in errors(draft)


# --- Injection --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "<p>a<script>alert(1)</script></p>",
        '<p onclick="x()">a</p>',
        '<p><a href="javascript:alert(1)">a</a></p>',
        "<p>a</p></mj-text></mj-body><mj-include path='footer' />",
        "<p>a --></p><!-- b",
        '<p>a"><img src=x onerror=alert(1)></p>',
        '<p>{{ "<script>alert(1)</script>" }}</p>',
        '<p>{{ contact.first_name|default("<img src=x onerror=alert(1)>") }} a</p>',
        "<style>p{}</style><p>a</p>",
        '<p>&lt;script&gt;alert(1)&lt;/script&gt; "a</p>',
    ],
)
def test_nothing_but_words_gets_out_of_it(place, body):
    snippet = made(place, body)
    inner = f'<mj-text>{TAG}</mj-text><mj-image src="https://a.test/x.png" alt="{TAG}" /><mj-raw><!--[if mso]>{TAG}<![endif]--><!-- {TAG} --></mj-raw>'
    source = letters.source(inner)
    shown, harmless = (
        Prepared(write(drafted(source, words, subject=f"Now {TAG}", preheader=TAG))).merge({"contact": {}})
        for words in (snippet.body, "<p>a</p>")
    )
    for evil in ("<script", "onclick=\"", "javascript:", "<img src=x", "<style>p{}", "onerror=alert(1)>"):
        assert evil not in shown.html
    assert [shown.html.count(mark) for mark in ("<!--", "-->", "<td", "</div>", "<img")] == [
        harmless.html.count(mark) for mark in ("<!--", "-->", "<td", "</div>", "<img")
    ]
    assert shown.html.rstrip().endswith("</html>")
    assert "\n" not in shown.subject


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("", "Write what it says."),
        ("<p> </p><script>x</script>", "Write what it says."),
        ("<p>" + "w" * LONGEST + "</p>", "10,000 characters"),
        ("<p>{{ snippet.other }}</p>", "cannot hold another one"),
        ("<p>{% if snippet.other %}a{% endif %}</p>", "cannot hold another one"),
        ("<p>{{ contact.nobody }}</p>", "“contact.nobody” is not known here"),
        ("<p>{{ links.confirm }}</p>", "“links.confirm” is not known here"),
        ("<p>{% if contact.first_name %}a</p>", "endif"),
        ("<p>{% endif %}a</p>", "endif"),
        ("<p>{% for a in contact %}a{% endfor %}</p>", "not a list"),
        ("<p>{{ contact.first_name.__class__ }}</p>", "not known here"),
        ("<p>{{ contact.first_name|nothing }}</p>", "is not a filter"),
        ('<p><a href="{{ contact.email }}">a</a></p>', "is no link"),
        ("<p>a\x00b</p>", "cannot be kept"),
    ],
)
def test_what_would_not_work_for_every_reader_is_not_kept(place, body, told):
    with pytest.raises(BadInput) as fault:
        made(place, body)
    assert told in fault.value.fields["body"]
    assert queries.list_snippets(place.id) == []
    kept = made(place)
    with pytest.raises(BadInput):
        saved(place, kept, body)
    assert queries.get_snippet(place.id, kept.id).body == verbs.clean(HOURS)


def test_its_name_in_letters_is_made_from_its_name_and_is_its_own(place):
    assert made(place, name="Öffnungszeiten 2026!").key == "offnungszeiten_2026"
    assert made(place, name="Zustellung", key="delivery").key == "delivery"
    for name, key in (("Other", "delivery"), ("時間", ""), ("x", "Big"), ("x", "a.b"), ("x", "a" * 41), ("x", "__class__")):
        with pytest.raises(BadInput) as fault:
            made(place, name=name, key=key)
        assert "key" in fault.value.fields
    with pytest.raises(BadInput) as fault:
        made(place, name=" ", key="fine")
    assert "name" in fault.value.fields


def test_there_are_not_too_many(place, monkeypatch):
    monkeypatch.setattr(verbs, "MOST", 1)
    made(place)
    with pytest.raises(BadInput, match="as many as can be"):
        made(place, name="Another")
    made(make.place())


# --- Drafts, versions, workspaces -------------------------------------------------------------------------------


def test_a_change_is_in_drafts_at_once_and_in_no_version(place):
    snippet = made(place)
    letter = letters.letter(place.id, f"<mj-text>{TAG}</mj-text>")
    other = letters.letter(place.id)
    with transaction():
        version = service.freeze_version(place.id, letter.id)
    edition, untouched = letter.edition, other.edition
    saved(place, snippet, "<p>Closed for good</p>")
    current().expire_all()
    letter, other = (queries.get_letter(place.id, one.id) for one in (letter, other))
    assert (letter.edition, letter.snippet_changes) == (edition + 1, 1)
    assert other.edition == untouched
    assert "Closed for good" in service.written_of(letter).html
    assert "Open <strong>8 to 18</strong>" in service.render(version, letters.values(place.id)).html
    assert version.needs["snippets"] == {"opening_hours": verbs.clean(HOURS)}
    with transaction():
        newer = service.freeze_version(place.id, letter.id)
    assert newer.number == version.number + 1
    assert "Closed for good" in newer.html
    with transaction():
        assert service.freeze_version(place.id, letter.id).id == newer.id
    assert verbs.count_versions(place.id, "opening_hours") == 2
    saved(place, snippet, "<p>Closed for good</p>", name="Times")
    current().expire_all()
    assert queries.get_letter(place.id, letter.id).edition == edition + 1  # another name is no other letter


def test_a_letter_that_waited_for_its_snippet_has_it_when_it_is_made(place):
    letter = letters.letter(place.id, f"<mj-text>{TAG}</mj-text>")
    edition = letter.edition
    assert not service.written_of(letter).is_usable
    made(place)
    current().expire_all()
    letter = queries.get_letter(place.id, letter.id)
    assert service.written_of(letter).is_usable
    assert letter.edition == edition + 1


def test_who_saves_over_somebody_elses_words_is_told(place):
    snippet = made(place)
    saved(place, snippet, "<p>Theirs</p>", revision=1)
    with pytest.raises(Conflict):
        saved(place, snippet, "<p>Mine</p>", revision=1)
    assert queries.get_snippet(place.id, snippet.id).body == "<p>Theirs</p>"


def test_who_saves_over_somebody_elses_name_is_told(place):
    snippet = made(place)
    saved(place, snippet, HOURS, name="Times", revision=1)
    with pytest.raises(Conflict):
        saved(place, snippet, "<p>Mine</p>", name="Opening hours", revision=1)
    assert queries.get_snippet(place.id, snippet.id).name == "Times"


@pytest.mark.parametrize("blank", ["\u00a0", "\u2003", "\n", "\t "])
def test_whatever_blanks_stand_in_its_tag_a_change_is_counted(place, blank):
    snippet = made(place)
    letter = letters.letter(place.id, f"<mj-text>{{{{ snippet{blank}.{blank}opening_hours }}}}</mj-text>")
    assert "<strong>8 to 18</strong>" in service.written_of(letter).html
    saved(place, snippet, "<p>Closed</p>")
    current().expire_all()
    assert queries.get_letter(place.id, letter.id).snippet_changes == 1
    assert [one.letter_id for one in verbs.uses_of_snippets(place.id)["opening_hours"]] == [letter.id]


def test_it_is_counted_in_all_languages_and_waits_for_whoever_freezes_them(live):
    place = make.place()
    snippet = made(place)
    with transaction():
        main = service.create_letter(place.id, "November", source=letters.source(f"<mj-text>{TAG}</mj-text>"))
        other = service.add_translation(place.id, main.id, "de")
    with transaction():
        service.save_draft(place.id, main.id, "Last in the table now", "", main.source)
    ids = [main.id, other.id]
    is_held, faults = threading.Event(), []

    def freeze() -> None:
        with live.app_context():
            try:
                with transaction():
                    hold_letter(place.id, ids[0])
                    is_held.set()
                    until = time.monotonic() + 10
                    while not current().execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one():
                        assert time.monotonic() < until
                        time.sleep(0.01)
                    hold_letter(place.id, ids[1])
            except Exception as fault:
                faults.append(fault)
            db.session.remove()

    thread = threading.Thread(target=freeze)
    thread.start()
    is_held.wait(10)
    saved(place, snippet, "<p>Closed</p>")
    thread.join()
    assert faults == []
    current().expire_all()
    assert [queries.get_letter(place.id, one).snippet_changes for one in ids] == [1, 1]


def test_an_archived_one_works_where_it_stands_and_is_offered_no_more(place):
    snippet = made(place)
    letter = letters.letter(place.id, f"<mj-text>{TAG}</mj-text>")
    with transaction():
        verbs.set_archived(place.id, snippet.id, is_archived=True)
    written = service.written_of(queries.get_letter(place.id, letter.id))
    assert written.is_usable
    assert "The snippet “Opening hours” is archived." in [one.message for one in written.problems]
    assert "snippet.opening_hours" not in [one.name for one in service.draft_of(letter, with_all_snippets=True).offered]
    with transaction():
        verbs.set_archived(place.id, snippet.id, is_archived=False)
    assert "snippet.opening_hours" in [one.name for one in service.draft_of(letter, with_all_snippets=True).offered]


def test_another_workspace_has_its_own(place):
    other = make.place()
    theirs = made(other, "<p>Theirs</p>")
    letter = letters.letter(place.id, f"<mj-text>{TAG}</mj-text>")
    assert "There is no snippet “opening_hours” here" in str(service.written_of(letter).problems)
    assert verbs.uses_of_snippets(other.id) == {}
    mine = made(place, "<p>Mine</p>")
    current().expire_all()
    edition = queries.get_letter(place.id, letter.id).edition
    saved(other, theirs, "<p>Theirs anew</p>")
    current().expire_all()
    letter = queries.get_letter(place.id, letter.id)
    assert letter.edition == edition
    assert "Mine" in service.written_of(letter).html
    for act in (
        lambda: queries.get_snippet(other.id, mine.id),
        lambda: verbs.save_snippet(other.id, mine.id, "x", "<p>x</p>", revision=1),
        lambda: verbs.set_archived(other.id, mine.id, is_archived=True),
    ):
        with pytest.raises(NotFound):
            act()


def test_where_it_stands_is_found_in_every_part_of_a_draft(place):
    made(place)
    in_source = letters.letter(place.id, f"<mj-text>{TAG} {TAG}</mj-text>")
    in_subject = letters.letter(place.id, subject=f"Now {TAG}")
    letters.letter(place.id, "<mj-text>{{ snippet.opening_hours_of_others }} snippet opening_hours</mj-text>")
    with transaction():
        service.archive_letter(place.id, in_source.id)
    found = verbs.uses_of_snippets(place.id)["opening_hours"]
    assert [(one.letter_id, one.is_archived) for one in found] == [(in_subject.id, False), (in_source.id, True)]


def test_it_may_name_the_workspaces_own_fields(place):
    with transaction():
        contacts.define_field(place.id, "Roast", "text", key="roast")
    made(place, "<p>Yours: {{ contact.fields.roast }}</p>")
    version = letters.version(place.id, f"<mj-text>{TAG}</mj-text>")
    assert version.needs["fields"] == {"roast": "text"}
    values = letters.values(place.id, service.Reader(email="a@b.test", fields={"roast": "dark"}))
    assert "Yours: dark" in service.render(version, values).html


# --- Pages ------------------------------------------------------------------------------------------------------


@pytest.fixture
def inside(client, place):
    accounts.sign_in(client, accounts.Account(place.owner_id, place.id, place.owner_email, make.PASSWORD))
    return client


def post(client, path: str, **form):
    return client.post(path, data={"csrf": accounts.csrf_of(client.get("/snippets").text), **form})


def test_one_is_made_written_looked_at_and_put_away(inside, place):
    assert "No snippet yet" in inside.get("/snippets").text
    answer = post(inside, "/snippets", name="Opening hours", key="", body=HOURS)
    assert answer.status_code == 303
    path = answer.headers["Location"]
    page = unescape(inside.get(path).text)
    assert TAG in page
    assert "In no draft yet." in page
    letter = letters.letter(place.id, f"<mj-text>{TAG}</mj-text>")
    assert f"/letters/{letter.id}" in inside.get(path).text
    listed = unescape(inside.get("/snippets").text)
    assert "November" in listed
    assert "Open 8 to 18" in listed
    seen = inside.get(f"{path}/preview")
    assert "sandbox" in seen.headers["Content-Security-Policy"]
    assert "Open <strong>8 to 18</strong>, Mara" in seen.text
    assert "Open <strong>8 to 18</strong>, friend" in seen.text
    assert "Closed on Sundays: https://a.test/sundays" in seen.text
    assert post(inside, path, name="Times", body="<p>Closed</p>", revision="1").status_code == 303
    answer = post(inside, path, name="Times", body="<p>Mine</p>", revision="1")
    assert answer.status_code == 409
    assert "Mine" in answer.text
    assert 'name="revision" value="1"' in answer.text  # who presses again has still not seen theirs
    assert post(inside, f"{path}/archive", away="1").status_code == 303
    assert "Archived" in inside.get(path).text
    assert "Bring it back" in inside.get(path).text


def test_what_is_wrong_with_it_is_told_and_nothing_is_lost(inside):
    answer = post(inside, "/snippets", name="Opening hours", key="", body="<p>{{ contact.nobody }} kept</p>")
    assert answer.status_code == 422
    page = unescape(answer.text)
    assert "“contact.nobody” is not known here" in page
    assert "<p>{{ contact.nobody }} kept</p>" in page
    shown = post(inside, "/snippets/preview", name="x", body="<p>{{ contact.nobody }}</p>")
    assert shown.status_code == 422
    assert "“contact.nobody” is not known here" in unescape(shown.text)
    assert "sandbox" in shown.headers["Content-Security-Policy"]
    shown = post(inside, "/snippets/preview", name="x", body="<p>Hi<script>x</script> {{ contact.first_name }}</p>")
    assert "<div>Hi Mara</div>" in shown.text
    assert "<script" not in shown.text


def test_both_editors_offer_them(inside, place):
    made(place)
    letter = letters.letter(place.id)
    words = unescape(re.search(r'data-words="([^"]*)"', inside.get(f"/letters/{letter.id}").text)[1])
    assert '"snippet.opening_hours"' in words
    with transaction():
        blocks = service.create_letter(place.id, "Blocks", design="announcement")
    page = inside.get(f"/letters/{blocks.id}").text
    assert "Your snippets" in page
    assert 'data-tag="snippet.opening_hours"' in page


def test_who_may_only_read_changes_nothing_and_other_workspaces_see_nothing(app, inside, place):
    path = f"/snippets/{made(place).id}"
    stranger = make.place()
    theirs = f"/snippets/{made(stranger).id}"
    for asked in (theirs, f"{theirs}/preview"):
        assert inside.get(asked).status_code == 404
    for asked, form in ((theirs, {"name": "x", "body": "<p>x</p>", "revision": "1"}), (f"{theirs}/archive", {"away": "1"})):
        assert post(inside, asked, **form).status_code == 404
    reader = app.test_client()
    accounts.sign_in(reader, accounts.make_member(place.id, Role.VIEWER, "jo@oxbow.example"))
    assert 'method="post"' not in reader.get(path).text.partition("<main")[2]
    token = accounts.csrf_of(reader.get("/snippets").text)
    for asked in (path, "/snippets", f"{path}/archive", "/snippets/preview"):
        assert reader.post(asked, data={"csrf": token, "name": "x", "body": "<p>x</p>", "revision": "1"}).status_code == 403
    assert reader.get("/snippets/new").status_code == 403
