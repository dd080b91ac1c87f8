"""A closer look at a draft: its links, a spam filter, and the bytes of its mail."""

from __future__ import annotations

import email
import stat
from datetime import timedelta
from email import policy
from threading import Barrier

import pytest

from app.accounts.rules import acts
from app.campaigns import closer, queries, trials, variants
from app.campaigns.trials import Wanted
from app.content import service as content
from app.delivery import queries as outbox
from app.delivery import service as delivery
from app.kernel import clock, outgoing
from app.kernel.db import transaction
from tests.campaigns.conftest import draft
from tests.support.dns import zone
from tests.support.letters import source

LINKS = '<mj-text><a href="https://shop.test/a">One</a> <a href="https://shop.test/b">Two</a> <a href="https://shop.test/{{ contact.email }}">Own</a></mj-text>'


@pytest.fixture(autouse=True)
def dns():
    with zone() as made:
        yield made


def test_each_link_is_tried_once_and_what_does_not_answer_is_told():
    asked = []

    def ask(url):
        asked.append(url)
        if "gone" in url:
            return 404
        if "inside" in url:
            raise outgoing.Forbidden("inside.test leads into a network that is not public.")
        if "away" in url:
            raise outgoing.NotSent("away.test did not answer: TimeoutError.")
        return {"https://a.test/": 200, "https://shy.test/": 403, "https://broken.test/": 500}[url]

    urls = ["https://a.test/", "https://a.test/", "https://gone.test/", "https://inside.test/", "https://away.test/",
            "https://shy.test/", "https://broken.test/", "https://own.test/{{ contact.email }}"]  # fmt: skip
    found = closer.look_at_links(dict.fromkeys(urls, ""), ask)
    assert sorted(asked) == sorted(set(urls[:-1]))
    assert [(one["url"], one["severity"]) for one in found] == [
        ("https://gone.test/", "broken"),
        ("https://inside.test/", "untried"),
        ("https://away.test/", "broken"),
        ("https://broken.test/", "broken"),
        ("https://own.test/{{ contact.email }}", "untried"),
    ]
    many = [f"https://a.test/?{n}" for n in range(closer.MOST_LINKS + 2)]
    assert [one["severity"] for one in closer.look_at_links(dict.fromkeys(many, ""), lambda _url: 200)] == ["untried", "untried"]


def test_what_was_found_is_of_this_letter_and_for_a_day(made, clocks):
    campaign = queries.get_campaign(made.where.id, made.campaign.id)

    def titles():
        return [(one.severity, one.title) for one in closer.checks_of(campaign.id, made.revision)]

    assert titles() == [("warn", "Links not tried yet")]
    broken = [{"url": "https://shop.test/a", "severity": "broken", "says": "The page is not there (404)."}]
    with transaction():
        closer.keep(campaign, made.revision, broken, {"score": 6.1, "limit": 5.0})
    assert titles() == [
        ("warn", "A link is broken: https://shop.test/a"),
        ("warn", "SpamAssassin gives it 6.1 points; from 5 on it is spam"),
    ]
    with transaction():
        closer.keep(campaign, made.revision, [], {"score": -0.5, "limit": 5.0})
    assert [severity for severity, _ in titles()] == ["pass", "pass"]
    with transaction():
        closer.keep(campaign, made.revision, [{"url": "http://a.test/", "severity": "untried", "says": "x"}], None)
    assert titles() == [("pass", "Every link that could be tried answers; 1 could not be tried")]
    assert closer.checks_of(campaign.id, made.revision + 1)[0].title == "Links not tried yet"
    clocks.forward(timedelta(days=1, seconds=1))
    assert titles() == [("warn", "Links not tried yet")]


@pytest.fixture
def clocks(monkeypatch):
    class Clock:
        ahead = timedelta()

        def forward(self, by):
            self.ahead += by

    found, real = Clock(), clock.now
    monkeypatch.setattr(closer.clock, "now", lambda: real() + found.ahead)
    return found


@pytest.mark.parametrize(
    ("says", "found"),
    [
        ("X-Spam-Status: No, score=1.3 required=5.0\\n\\ttests=HTML_MESSAGE\\n\\nbody", {"score": 1.3, "limit": 5.0}),
        ("nothing that we know", None),
    ],
)
def test_the_spam_filter_of_the_machine_is_asked_with_the_mail(tmp_path, monkeypatch, says, found):
    program = tmp_path / "spamassassin"
    program.write_text(f"#!/bin/sh\ncat > {tmp_path}/asked\nprintf '{says}'\n")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(closer.shutil, "which", lambda name: str(program) if name == "spamassassin" else None)
    assert closer.look_for_spam(b"From: a@b.test\r\n\r\nx") == found
    assert (tmp_path / "asked").read_bytes().startswith(b"From: a@b.test")
    monkeypatch.setattr(closer.shutil, "which", lambda _name: None)
    assert closer.look_for_spam(b"x") is None


def test_mails_of_several_languages_are_asked_about_beside_each_other_and_the_worst_counts(monkeypatch):
    both = Barrier(2, timeout=20)  # whoever asks about one after the other waits here in vain

    def points(mail):
        both.wait()
        return {"score": float(mail), "limit": 5.0}

    monkeypatch.setattr(closer, "look_for_spam", points)
    assert closer.look_for_spam_in([b"1", b"3"]) == {"score": 3.0, "limit": 5.0}
    monkeypatch.setattr(closer, "look_for_spam", lambda _: None)
    assert closer.look_for_spam_in([b"1", b"3"]) is None


def test_the_source_is_the_mail_as_it_goes_over_the_wire(staff, where, readers):
    made = draft(where, inner=LINKS)
    answer = staff.get(f"{made.path}/source")
    assert answer.content_type == "text/plain; charset=utf-8"
    mail = email.message_from_bytes(answer.data, policy=policy.default)
    assert mail["Subject"] == "Three new coffees"
    assert "One-Click" in mail["List-Unsubscribe-Post"]
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert "mara.lindqvist@example.org" in mail.get_body(("html",)).get_content()


def test_the_review_tries_the_links_when_somebody_presses(staff, where, readers, monkeypatch):
    made = draft(where, inner=LINKS)
    path = f"{made.path}/review"
    asked = []

    def look(url, *, seconds):
        asked.append((url, seconds))
        return 404 if url.endswith("b") else 200

    monkeypatch.setattr(outgoing, "look", look)
    page = staff.get(path).text
    assert "Links not tried yet" in page
    assert asked == []
    assert staff.post(f"{made.path}/closer", page=path).status_code == 303
    assert sorted(url for url, _ in asked) == ["https://shop.test/a", "https://shop.test/b"]
    page = staff.get(path).text
    assert "A link is broken: https://shop.test/b" in page
    assert "The page is not there (404)." in page


def test_what_the_dns_says_of_the_senders_domain_is_told(staff, where, readers, dns, monkeypatch):
    monkeypatch.setattr(outgoing, "look", lambda _url, **_: 200)
    made = draft(where, inner=LINKS)
    path = f"{made.path}/review"
    domain = outbox.sender_of(where.id).domain

    def told() -> list[str]:
        staff.post(f"{made.path}/closer", page=path)
        page = staff.get(path).text
        titles = [one.title for one in closer.checks_of(made.campaign.id, made.revision, domain=domain) if domain in one.title]
        assert all(title in page for title in titles)
        return titles

    assert "Mails are not signed" in staff.get(path).text
    assert dns.asked == []
    assert told() == [f"{domain} has no record for SPF of return paths", f"{domain} has no record for DMARC"]
    by = acts.user(where.owner_id)
    with transaction():
        delivery.make_keys(where.id, domain, by=by)
    (pair,) = outbox.list_key_pairs(where.id, domain)
    with transaction():
        delivery.set_published(where.id, pair.id, "owner", by=by)
        delivery.switch_on(where.id, pair.id, by=by)
    bounces, (key, _) = f"{delivery.BOUNCES}.{domain}", pair.records
    dns.publish(pair)
    dns |= {bounces: ["v=spf1 a:mail.example ~all"], f"_dmarc.{domain}": ["v=DMARC1; p=none"]}
    assert told() == [f"The records of {domain} stand: the keys that sign, SPF of return paths, DMARC"]
    assert f"Mails are signed for {domain}" in staff.get(path).text
    dns |= {bounces: [*dns[bounces], "v=spf1 -all"], key.name: []}
    assert told() == [f"{domain} has no record for the keys that sign", f"{domain} has another record for SPF of return paths, or two"]
    dns.silent |= {bounces, key.name}
    assert told() == [f"The DNS did not answer for {domain}"]
    with transaction():
        delivery.set_sender(where.id, "Ostkai", "news@elsewhere.example")
    page = staff.get(path).text
    assert "The DNS did not answer" not in page, "what was found is of the domain as it was"
    assert "Mails are not signed" in page


def test_links_of_variants_are_tried_too_and_a_broken_one_says_in_which_it_is(staff, where, readers, monkeypatch):
    made = draft(where, inner=LINKS)
    path = f"{made.path}/review"
    with transaction():
        trials.keep(
            where.id, made.campaign.id, sample=100, wait_hours=4, holdout=0, by=where.owner_id,
            wanted=[Wanted(), Wanted(subject="Other words"), Wanted(has_own_letter=True)],
        )  # fmt: skip
        own = variants.find_trial(where.id, made.campaign.id).variants[2].letter_id
    other = '<mj-text><a href="https://shop.test/a">One</a> <a href="https://shop.test/c">Three</a></mj-text>'
    with transaction():
        content.save_draft(where.id, own, "Three new coffees", "Plum", source(other))
        german = content.add_translation(where.id, own, "de")
        content.save_draft(where.id, german.id, "Drei Kaffees", "Pflaume", source(other.replace("/c", "/de")))
    asked = []

    def look(url, *, seconds):
        asked.append(url)
        return 200 if url.endswith("a") else 404

    monkeypatch.setattr(outgoing, "look", look)
    staff.post(f"{made.path}/closer", page=path)
    assert sorted(asked) == ["https://shop.test/a", "https://shop.test/b", "https://shop.test/c", "https://shop.test/de"]
    page = staff.get(path).text
    assert "A link is broken in A, B: https://shop.test/b" in page
    assert "A link is broken in C: https://shop.test/c" in page
    assert "A link is broken in C: https://shop.test/de" in page, "also in a language that only this variant has"
    assert "Links not tried yet" not in page
    with transaction():
        content.save_draft(where.id, own, "Three new coffees", "Plum", source(other.replace("/c", "/d")))
    assert "Links not tried yet" in staff.get(path).text, "what was found is of the letters as they were"


def test_what_asks_for_one_thing_has_one_button(staff, where, readers):
    made = draft(where, inner=LINKS)
    page = staff.get(f"{made.path}/review").text
    assert "Links not tried yet" in page
    assert page.count("Try the links") == 1
    assert "Try them" not in page
