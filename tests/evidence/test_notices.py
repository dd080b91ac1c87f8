"""The privacy notice is read where it stands, and each question names the words that held when it was put."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.consent import history
from app.consent import queries as consent
from app.consent import service as consent_service
from app.consent.rules import By, Kind, Proof
from app.evidence import document, notices, queries, telling
from app.kernel import clock, outgoing
from app.kernel.db import transaction
from app.kernel.errors import BadInput, Conflict
from app.kernel.outgoing import Answer
from tests.support import make

URL = "https://ostkai.example/privacy"
FIRST = "We keep your address until you leave, and the proof of your yes for as long as the law of your country asks. " * 3
SECOND = FIRST + "We keep it in Vienna."


def page(words: str, *, kind: str = "text/html; charset=utf-8", status: int = 200) -> Answer:
    body = f"<html><head><title>x</title></head><body><nav>Shop</nav><main><h1>Privacy</h1><p>{words}</p></main>"
    return Answer(status, body.encode(), kind)


@pytest.fixture
def where(session):
    place = make.place("topic")
    session.execute(text("UPDATE workspaces SET privacy_url = :url"), {"url": URL})
    session.commit()
    return place


class Web(dict[str, Answer | Exception]):
    """What other people's servers answer, and which addresses were asked."""

    def __init__(self) -> None:
        super().__init__({URL: page(FIRST)})
        self.asked: list[str] = []
        self.meanwhile = lambda: None

    def get(self, url: str, *, most: int) -> Answer:
        self.asked.append(url)
        self.meanwhile()
        found = self[url]
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def web(monkeypatch):
    made = Web()
    monkeypatch.setattr(outgoing, "get", made.get)
    return made


def privacy_of(entry) -> list[dict]:
    return [shown for shown in entry.body.get("texts", []) if shown["kind"] == "privacy"]


def entries(where, contact_id):
    return {found.kind: found for found in history.list_history(where.id, contact_id)}


def test_a_question_and_its_yes_name_the_words_that_held_then(where, web):
    notices.read_due()
    mara, before = make.person(where.id, "mara@example.org"), make.person(where.id, "ben@example.org")
    request = make.asked(where, mara)
    early = make.asked(where, before)
    web[URL] = page(SECOND)
    clock.set_shift(86400 + 60)
    notices.read_due()
    assert queries.privacy_notice(where.id).version == 2
    with transaction():
        consent_service.confirm(request.id, by=By(), proof=Proof())
    told = entries(where, mara.id)
    (named,) = privacy_of(told[Kind.REQUESTED])
    assert privacy_of(told[Kind.CONFIRMED]) == [named], "what was shown is what is confirmed"
    assert named["version"] == 1
    kept = consent.get_text(where.id, history.UUID(named["id"]))
    assert (kept.sha256.hex(), FIRST.strip() in kept.body) == (named["sha256"], True)
    assert "Shop" not in kept.body, "the page's menu is no part of it"
    late = make.person(where.id, "ida@example.org")
    make.asked(where, late)
    assert privacy_of(entries(where, late.id)[Kind.REQUESTED])[0]["version"] == 2
    assert early.state == "open"
    file = document.make(where.id, mara.id, clock.now())
    titles = [found.title for found in telling.wordings(file)]
    assert "Privacy notice, version 1" in titles
    assert any("Privacy notice, version 1" in value for passage in telling.passages(file) for _, value in passage.pairs)


def test_who_is_asked_anew_is_shown_the_notice_of_the_first_time(where, web):
    notices.read_due()
    mara = make.person(where.id, "mara@example.org")
    first = make.asked(where, mara)
    web[URL] = page(SECOND)
    clock.set_shift(86400 + 60)
    notices.read_due()
    again = make.asked(where, mara, text_ids=tuple(history.UUID(found["id"]) for found in first.shown["texts"]))
    assert [found["version"] for found in again.shown["texts"] if found["kind"] == "privacy"] == [1]


def test_it_is_read_once_a_day_and_at_once_where_the_address_changes(session, where, web):
    notices.read_due()
    notices.read_due()
    assert web.asked == [URL]
    web["https://ostkai.example/new"] = page(SECOND)
    session.execute(text("UPDATE workspaces SET privacy_url = 'https://ostkai.example/new'"))
    session.commit()
    assert queries.privacy_notice(where.id).words is None, "words of another address are not this one's"
    notices.read_due()
    assert web.asked == [URL, "https://ostkai.example/new"]
    assert "Vienna" in queries.privacy_notice(where.id).words
    clock.set_shift(86400 + 60)
    notices.read_due()
    assert len(web.asked) == 3


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (outgoing.NotSent("ostkai.example did not answer: TimeoutError."), "did not answer"),
        (page(FIRST, status=404), "answered 404"),
        (page(FIRST, kind="application/pdf"), "application/pdf"),
        (page("Loading…"), "hardly any words"),
        (page("word " * 50_000), "longer than"),
    ],
)  # fmt: skip
def test_a_page_that_cannot_be_read_leaves_what_is_known_and_says_why(where, web, answer, words):
    notices.read_due()
    web[URL] = answer
    clock.set_shift(86400 + 60)
    notices.read_due()
    found = queries.privacy_notice(where.id)
    assert words in found.fault
    assert found.version == 1
    notices.read_due()
    assert len(web.asked) == 2, "again in an hour"
    web[URL] = page(FIRST)
    clock.set_shift(86400 + 3700)
    notices.read_due()
    assert queries.privacy_notice(where.id).fault == ""


def test_other_character_sets_and_plain_text_are_read(where, web):
    web[URL] = Answer(200, ("Datenschutz für Käufer. " * 20).encode("latin-1"), "text/plain; charset=ISO-8859-1")
    notices.read_due()
    assert "für Käufer" in queries.privacy_notice(where.id).words


def test_pasted_words_count_until_somebody_wants_the_page_read(where, web):
    with transaction():
        notices.paste(where.id, SECOND, by=where.owner_id)
    notices.read_due()
    assert web.asked == []
    found = queries.privacy_notice(where.id)
    assert (found.is_pasted, found.words) == (True, SECOND)
    for words in ("too few", "x " * 200_001):
        with pytest.raises(BadInput) as fault, transaction():
            notices.paste(where.id, words, by=where.owner_id)
        assert fault.value.fields["words"]
    with transaction():
        notices.read_soon(where.id)
    notices.read_due()
    assert queries.privacy_notice(where.id).is_pasted is False


@pytest.mark.parametrize("answer", [page(FIRST), page(FIRST, status=500)])
def test_words_that_are_pasted_while_the_page_is_read_stay(where, web, answer):
    def paste() -> None:
        with transaction():
            notices.paste(where.id, SECOND, by=where.owner_id)

    web[URL], web.meanwhile = answer, paste
    notices.read_due()
    found = queries.privacy_notice(where.id)
    assert (found.is_pasted, found.words, found.fault) == (True, SECOND, "")


@pytest.mark.parametrize("charset", ["undefined", "hex", "utf-7", "no-such"])
def test_a_charset_that_is_none_breaks_nothing(where, web, charset):
    web[URL] = Answer(200, (FIRST + "+2AA-").encode(), f"text/plain; charset={charset}")
    notices.read_due()
    assert "We keep your address" in queries.privacy_notice(where.id).words


def test_a_page_of_nothing_but_openings_is_read_in_one_go(where, web):
    """The square of its length would take hours: the suite's limit for a test would end it."""
    web[URL] = Answer(200, b"<main>" * 300_000 + FIRST.encode(), "text/html")
    notices.read_due()
    assert "We keep your address" in queries.privacy_notice(where.id).words


def test_without_an_address_there_is_nothing_to_read(session, where, web):
    session.execute(text("UPDATE workspaces SET privacy_url = ''"))
    session.commit()
    notices.read_due()
    assert web.asked == []
    with pytest.raises(Conflict), transaction():
        notices.read_soon(where.id)
    mara = make.person(where.id, "mara@example.org")
    make.asked(where, mara)
    assert privacy_of(entries(where, mara.id)[Kind.REQUESTED]) == []
