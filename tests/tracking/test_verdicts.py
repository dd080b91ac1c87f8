"""Human or machine: what scanners are seen to do is a machine's, what people do stays theirs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.ids import uuid7
from app.tracking.rules import verdicts
from app.tracking.rules.hits import HIDDEN, NO_LINK, Hit, Kind
from app.tracking.rules.verdicts import SAYS, Finding, Reason, Seen, Verdict
from tests.support.reading import FIREFOX

SENT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1"
)

MACHINES = [
    ("", Verdict.UNKNOWN, Reason.NO_PROGRAM),
    ("Mozilla/5.0", Verdict.MACHINE, Reason.APPLE_PROXY),
    ("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", Verdict.MACHINE, Reason.GOOGLE_PROXY),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0", Verdict.MACHINE, Reason.GOOGLE_PROXY),
    ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", Verdict.MACHINE, Reason.YAHOO_PROXY),
    ("Mozilla/5.0 (compatible; OutlookImageProxy)", Verdict.MACHINE, Reason.OUTLOOK_PROXY),
    ("Mozilla/5.0 (compatible; SeznamEmailProxy/2.0.168)", Verdict.MACHINE, Reason.MAIL_PROXY),
    ("Mozilla/5.0 (compatible; YandexImageResizer/2.0; +http://yandex.com/bots)", Verdict.MACHINE, Reason.MAIL_PROXY),
    ("Mozilla/5.0 (compatible; Barracuda Sentinel)", Verdict.MACHINE, Reason.SCANNER),
    ("Mozilla/5.0 (compatible; proofpoint-urldefense)", Verdict.MACHINE, Reason.SCANNER),
    ("Mimecast-URL-Protect/1.0", Verdict.MACHINE, Reason.SCANNER),
    ("Microsoft Office Existence Discovery", Verdict.MACHINE, Reason.SCANNER),
    ("Sophos URL Lookup", Verdict.MACHINE, Reason.SCANNER),
    ("Mozilla/5.0 (compatible; SpamExperts/1.0)", Verdict.MACHINE, Reason.SCANNER),
    ("ltx71 - (http://ltx71.com/)", Verdict.MACHINE, Reason.SCANNER),
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Verdict.MACHINE, Reason.BOT),
    ("Mozilla/5.0 (compatible; bingbot/2.0)", Verdict.MACHINE, Reason.BOT),
    ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0 Safari/537.36", Verdict.MACHINE, Reason.BOT),
    ("Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5", Verdict.MACHINE, Reason.BOT),
    ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", Verdict.MACHINE, Reason.BOT),
    ("facebookexternalhit/1.1", Verdict.MACHINE, Reason.BOT),
    ("WhatsApp/2.23.20.0", Verdict.MACHINE, Reason.BOT),
    ("python-requests/2.32.3", Verdict.MACHINE, Reason.BOT),
    ("Go-http-client/2.0", Verdict.MACHINE, Reason.BOT),
    ("curl/8.5.0", Verdict.MACHINE, Reason.BOT),
    ("Wget/1.21", Verdict.MACHINE, Reason.BOT),
    ("Java/17.0.9", Verdict.MACHINE, Reason.BOT),
    ("Apache-HttpClient/4.5.14 (Java/17)", Verdict.MACHINE, Reason.BOT),
    ("axios/1.7.2", Verdict.MACHINE, Reason.BOT),
    ("libwww-perl/6.72", Verdict.MACHINE, Reason.BOT),
    ("Mozilla/5.0 zgrab/0.x", Verdict.MACHINE, Reason.SCANNER),
    ("okhttp/4.12.0", Verdict.UNKNOWN, Reason.STRANGE_PROGRAM),
    ("something of our own", Verdict.UNKNOWN, Reason.STRANGE_PROGRAM),
]  # fmt: skip

PEOPLE = [
    FIREFOX,
    CHROME,
    IPHONE,
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Safari/605.1.15",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
    "Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 13; CUBOT X70) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Thunderbird/128.4.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
    "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/8.0; .NET4.0C; .NET4.0E; Microsoft Outlook 16.0.17328; ms-office; MSOffice 16)",
    "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.12026; Pro)",
    "Outlook-iOS/709.2226530.prod.iphone (3.24.1)",
    "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
    "Opera/9.80 (Windows NT 6.1) Presto/2.12.388 Version/12.18",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 OPR/115.0.0.0",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0 Mobile Safari/537.36 GSA/15.43",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/AP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [Pinterest/iOS]",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 350.0",
    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36 Vivaldi/7.0",
    "Mozilla/5.0 (Linux; Android 12; SAMSUNG SM-A127F) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/26.0 Chrome/122.0 Mobile Safari/537.36",
    "Lynx/2.9.0 libwww-FM/2.14 SSL-MM/1.4.1",
]  # fmt: skip


def hit(program=FIREFOX, *, kind=Kind.OPEN, link=NO_LINK, after=3600.0, head=False, prefetch=False):
    at = SENT + timedelta(seconds=after)
    return Hit(uuid7().hex, 7, 8, kind, link, at, head, prefetch, program, uuid7().hex, 1)


def judged(*hits, began=SENT, ended=SENT):
    """The findings of the message's hits in their order."""
    seen = [Seen(h.event_id, h.kind, h.link, h.at, verdicts.by_request(h)) for h in hits]
    return verdicts.by_company(seen, began, ended)


def click(link, after, program=CHROME, **more):
    return hit(program, kind=Kind.CLICK, link=link, after=after, **more)


def words(findings):
    return [found.verdict.value for found in findings]


@pytest.mark.parametrize(("program", "verdict", "reason"), MACHINES)
def test_what_programs_say_of_themselves(program, verdict, reason):
    assert verdicts.by_request(hit(program)) == Finding(verdict, reason)
    assert verdicts.by_request(click(0, 3600, program)) == Finding(verdict, reason)


@pytest.mark.parametrize("program", PEOPLE)
def test_browsers_and_mail_programs_of_people_are_kept(program):
    opened, clicked = judged(hit(program, after=600), click(1, 620, program))
    assert opened == clicked == Finding(Verdict.HUMAN, Reason.BROWSER)


def test_head_and_prefetch_are_machines_whatever_the_program():
    assert verdicts.by_request(hit(head=True)) == Finding(Verdict.MACHINE, Reason.HEAD)
    assert verdicts.by_request(hit(prefetch=True)) == Finding(Verdict.MACHINE, Reason.PREFETCH)


# Sweeps as mail gateways make them, dressed as a browser: each one a list of hits, all of them a machine's.
SWEEPS = {
    "every link at once, minutes after delivery": [click(i, 300) for i in range(5)],
    "three links in two seconds": [click(0, 300), click(1, 301), click(2, 302)],
    "three links, each twice": [click(i, 300 + 0.3 * k) for k, i in enumerate((0, 0, 1, 1, 2, 2))],
    "backwards": [click(9 - i, 900 + i * 0.1) for i in range(10)],
    "at delivery, one link": [click(0, 1)],
    "at delivery, the picture": [hit(CHROME, after=0.5)],
    "before the server has said that it took the mail": [click(0, -0.4)],
    "four seconds after delivery": [hit(CHROME, after=4.9), click(3, 4.95)],
    "slowly, but into the hidden link": [
        hit(CHROME, after=60),
        click(0, 90),
        click(1, 120),
        click(HIDDEN, 150),
    ],
    "the hidden link first": [click(HIDDEN, 60), click(0, 61), click(1, 75)],
    "the hidden link in the middle": [click(0, 60), click(HIDDEN, 62), hit(CHROME, after=64), click(2, 100)],
    "slow sandbox over forty minutes": [click(0, 60), click(1, 1200), click(2, 2400), click(HIDDEN, 2460)],
    "two machines": [click(HIDDEN, 60), click(0, 60.5), click(HIDDEN, 4000), click(1, 4050)],
    "only the hidden link": [click(HIDDEN, 5000)],
    "headers of each link": [click(i, 400 + 10 * i, head=True) for i in range(3)],
    "headers, then the page": [click(0, 400, head=True), click(1, 400.5), click(2, 401)],
    "a checker among browsers": [click(0, 300, "python-requests/2.31")],
    "a link preview": [click(0, 300, "Mozilla/5.0 (compatible; MSIE 9.0) BingPreview/1.0b")],
    "prefetch by the mail program": [click(0, 300, prefetch=True), click(1, 310, prefetch=True)],
    "privacy protection, picture and link": [hit("Mozilla/5.0", after=20), click(0, 40, "Mozilla/5.0")],
    "many links again the next day": [click(i, 86400 + i * 0.5) for i in range(4)],
    "bare client": [hit("Go-http-client/1.1", after=30), click(0, 31, "Go-http-client/1.1")],
    "phone as a disguise": [click(i, 500 + i * 0.9, IPHONE) for i in range(3)],
}


def test_there_are_twenty_recorded_sweeps():
    assert len(SWEEPS) >= 20


@pytest.mark.parametrize("name", SWEEPS)
def test_a_scanners_sweep_is_a_machines(name):
    assert set(words(judged(*SWEEPS[name]))) == {"machine"}


# What people do, beside scanners too: the marked hits are theirs.
READING = {
    "opens and follows one link": [hit(after=600), click(0, 640)],
    "follows two links at once in tabs": [hit(after=600), click(0, 640), click(1, 641)],
    "follows three links, looking at each": [click(0, 640), click(1, 660), click(2, 700)],
    "follows three links, two seconds and a bit": [click(0, 640), click(1, 641.2), click(2, 642.3)],
    "double click": [click(0, 640), click(0, 640.3), click(0, 640.6)],
    "opens five seconds after delivery": [hit(after=5)],
    "reads it ten times": [hit(after=60 * k) for k in range(1, 11)],
    "comes back after a month": [hit(after=600), click(2, 30 * 86400)],
}


@pytest.mark.parametrize("name", READING)
def test_a_readers_pace_is_kept(name):
    assert set(words(judged(*READING[name]))) == {"human"}


def test_who_reads_after_the_scanner_is_kept():
    sweep = [click(i, 30) for i in range(4)] + [click(HIDDEN, 31)]
    assert words(judged(*sweep, hit(after=300), click(0, 320))) == ["machine"] * 5 + ["human"] * 2


def test_who_read_long_before_the_scanner_is_kept():
    assert words(judged(hit(after=100), click(0, 120), click(HIDDEN, 2 * 86400))) == [
        "human",
        "human",
        "machine",
    ]


def test_a_hidden_link_tells_on_what_came_before_it():
    early = [hit(CHROME, after=60), click(0, 90)]
    assert words(judged(*early)) == ["human", "human"]
    assert [f.reason for f in judged(*early, click(HIDDEN, 150))] == [Reason.HIDDEN_LINK] * 3


def test_a_machine_stays_one_and_keeps_its_first_reason():
    assert judged(click(HIDDEN, 60), hit("curl/8", after=61))[1] == Finding(Verdict.MACHINE, Reason.BOT)


def test_an_end_that_was_written_down_late_makes_no_reader_a_machine():
    late = SENT + timedelta(hours=2)
    assert words(judged(hit(after=600), click(0, 660), ended=late)) == ["human", "human"]


def test_without_any_time_of_delivery_nothing_is_too_soon():
    assert words(judged(hit(after=0), began=None, ended=None)) == ["human"]


@given(st.permutations([*SWEEPS["the hidden link in the middle"], *READING["opens and follows one link"]]))
def test_the_order_of_arrival_does_not_matter(hits):
    found = dict(zip([h.event_id for h in hits], judged(*hits), strict=True))
    again = sorted(hits, key=lambda h: h.at)
    assert dict(zip([h.event_id for h in again], judged(*again), strict=True)) == found


def test_every_reason_has_its_words():
    assert set(SAYS) == set(Reason)
