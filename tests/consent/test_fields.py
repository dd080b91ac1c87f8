"""What an event must hold so that it can be shown one day: the fields of a record, each on its side of the commitment."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.consent import history, ledger
from app.consent import service as consent
from app.consent.rules import Basis, By, Channel, IpPolicy, Kind, Level, Proof, Shown, campaign_in, shortened
from app.consent.rules.grounds import Act, Claim
from app.consent.service import write
from app.evidence import document, telling
from app.kernel import clock
from app.kernel.db import transaction
from tests.support import make

WHAT = {
    "controller", "purpose", "channel", "interests", "basis", "recipients", "privacy_notice", "retention", "storage",
    "rule_set", "rule_set_version", "rule_set_from", "validity", "state", "evidence", "actor", "method", "received_at",
}  # fmt: skip
SHOWN = {"texts", "language", "form", "page", "boxes"}
OWN = {"address", "ip", "user_agent", "http_method", "token", "seconds_since_mail", "verdict"}
PAGE = "https://ostkai.example/journal?utm_campaign=autumn&name=Mara"
ACT = Proof("192.0.2.77", "Firefox 140", "POST", "dG9rZW4", 41, "person")


@pytest.fixture
def where(session):
    place = make.place()
    session.execute(
        text("UPDATE workspaces SET country = 'DE', privacy_url = 'https://ostkai.example/privacy?for=x' WHERE id = :id"),
        {"id": place.id},
    )
    session.expire_all()
    return place


@pytest.fixture
def mara(where):
    """Somebody with every kind of declaration."""
    who = make.person(where.id, "mara@example.org")
    contract = Claim(
        Basis.CONTRACT, Act.CONTRACT, clock.now() - timedelta(days=9), reference="no. 9", balance="Mara asked.",
        until=clock.now() + timedelta(days=9),
    )  # fmt: skip
    interest_ids = [found.id for found in where.interests]
    with transaction():
        texts = (consent.ensure_text(where.id, "consent", "en", "Yes, Ostkai may email me."),)
        shown = Shown("en", texts, None, None, "ab" * 32, PAGE, "https://search.example/?q=mara", ("yes",))
        request = consent.ask(
            where.id, who.id, interests=interest_ids[:1], tracking=None, typed="Mara@Example.org", shown=shown,
            by=By(), proof=ACT,
        )  # fmt: skip
        yes = consent.confirm(request.id, by=By(), proof=ACT)
        consent.set_tracking(where.id, who.id, Level.INDIVIDUAL, by=By(), proof=ACT, shown=shown)
        consent.grant(where.id, who.id, interest_ids[1], contract, by=By("staff", "7"), method="paper")
        consent.withdraw(where.id, who.id, interest_ids[:1], by=By(), proof=ACT)
        consent.correct(where.id, who.id, yes.event_id, "Her sister.", by=By("staff", "7"))
        consent.stop_everything(where.id, who.id, by=By(), proof=ACT, channel=Channel.POST)
    clock.set_shift(30 * 86400)
    with transaction():
        assert consent.lapse() == 1
    return who


def test_every_declaration_holds_what_it_is_about_and_by_what_act(where, mara):
    entries = {entry.kind: entry for entry in history.list_history(where.id, mara.id)}
    assert set(entries) == {
        Kind.REQUESTED, Kind.CONFIRMED, Kind.CHANGED, Kind.GRANTED, Kind.WITHDRAWN, Kind.CORRECTED, Kind.OBJECTED,
        Kind.LAPSED,
    }  # fmt: skip
    for kind, entry in entries.items():
        assert set(entry.body) >= WHAT, kind
        assert entry.body["retention"].endswith("for 5 years after the last one has ended")
        assert entry.body["privacy_notice"] == "https://ostkai.example/privacy"
        assert "mara" not in ledger.canonical(entry.body).decode().lower(), "what is personal stays apart"
    for kind in (Kind.REQUESTED, Kind.CHANGED):
        assert set(entries[kind].body) >= SHOWN, kind
    for kind in (Kind.CONFIRMED, Kind.CHANGED, Kind.WITHDRAWN, Kind.OBJECTED):
        assert set(entries[kind].personal) >= OWN, kind
    assert entries[Kind.REQUESTED].personal["typed"] == "Mara@Example.org"
    assert entries[Kind.REQUESTED].personal["campaign"] == "autumn"
    assert entries[Kind.CHANGED].body["purpose"]["key"] == "tracking"
    granted = entries[Kind.GRANTED]
    assert (granted.method, granted.personal["reference"]) == ("paper", "no. 9")
    assert entries[Kind.CORRECTED].body["interests"] == entries[Kind.CONFIRMED].body["interests"]


def test_the_file_tells_of_every_ground_and_gives_receipts_for_consent_only(session, where, mara):
    session.execute(text("UPDATE workspaces SET privacy_url = 'https://ostkai.example/new'"))
    session.expire_all()
    told = document.make(where.id, mara.id, clock.now())
    bases = [record["pii_processing"]["purposes"][0]["lawful_basis"] for record in told["records"]]
    assert sorted(bases) == ["consent", "consent", "contract"]
    assert len(told["receipts"]) == 2
    contract = next(
        record for record in told["records"]
        if record["pii_processing"]["purposes"][0]["lawful_basis"] == "contract"
    )  # fmt: skip
    states = [event["event_state"] for event in contract["consent_events"]]
    assert states == ["OtherBasisRecorded", "OtherBasisExpired"]
    notices = {record["pii_processing"]["privacy_notice"] for record in told["records"]}
    assert notices == {"https://ostkai.example/privacy"}, "the one that held then"
    kept = {record["pii_processing"]["purposes"][0]["retention_period"] for record in told["records"]}
    assert all("5 years" in words for words in kept)
    passages = {found.title: dict(found.pairs) for found in telling.passages(told)}
    ground = passages["Another ground was entered"]
    assert (ground["Rests on"], ground["Proof"], ground["Weighed"]) == ("contract", "no. 9", "Mara asked.")
    assert passages["Asked"]["Campaign that led there"] == "autumn"
    assert passages["Asked"]["Valid"] == "until withdrawn; asked for anew after 24 months of silence"


@pytest.mark.parametrize(
    ("ip", "policy", "kept"),
    [
        ("192.0.2.77", IpPolicy.FULL, "192.0.2.77"),
        ("192.0.2.77", IpPolicy.SHORT, "192.0.2.0"),
        ("2001:db8:1:2:3::4", IpPolicy.SHORT, "2001:db8:1::"),
        ("192.0.2.77", IpPolicy.NONE, ""),
        ("unknown", IpPolicy.SHORT, ""),
        ("", IpPolicy.SHORT, ""),
    ],
)
def test_no_more_of_an_address_is_kept_than_the_installation_says(ip, policy, kept):
    assert shortened(ip, policy) == kept


def test_what_is_written_follows_the_policy(where, monkeypatch):
    monkeypatch.setattr(write, "_ip_policy", IpPolicy.SHORT)
    who = make.person(where.id)
    make.confirmed(where, who)
    assert {entry.personal["ip"] for entry in history.list_history(where.id, who.id)} == {"192.0.2.0"}


@pytest.mark.parametrize(
    ("url", "name"),
    [(PAGE, "autumn"), ("https://x.example/", ""), ("https://[", ""), ("https://x.example/?utm_campaign=" + "a" * 400, "a" * 120)],
)
def test_a_campaign_is_named_as_the_page_was(url, name):
    assert campaign_in(url) == name
