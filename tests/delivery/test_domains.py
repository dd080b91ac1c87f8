"""Keys of sending domains: locked away, seen in the DNS, switched on, replaced, and used by whoever sends."""

from __future__ import annotations

import threading
from uuid import UUID

import dkim as other
import pytest
from sqlalchemy import select, text

from app.accounts.models import AuditEntry
from app.accounts.rules import acts
from app.delivery import dkim_keys, dkim_records, lookup, queries, service, vault
from app.delivery.dkim_records import Record, Verdict
from app.delivery.mime import build
from app.delivery.models import DkimKeys
from app.delivery.rules import DkimState
from app.kernel import tokens
from app.kernel.db import transaction
from app.kernel.errors import BadInput, Conflict, NotFound
from app.kernel.ids import uuid7
from tests.delivery.test_dkim import LETTER, signed
from tests.support import make, outbox
from tests.support.dns import zone
from tests.support.outbox import in_context

DOMAIN = "ostkai.example"
BY = acts.COMMAND


@pytest.fixture
def place(session) -> make.Place:
    return outbox.place_with_sender()


def made(workspace_id: UUID, domain: str = DOMAIN) -> queries.KeyPair:
    with transaction():
        return service.make_keys(workspace_id, domain, by=BY)


def switched_on(workspace_id: UUID, domain: str = DOMAIN) -> queries.KeyPair:
    pair = made(workspace_id, domain)
    with transaction():
        service.set_published(workspace_id, pair.id, "owner", by=BY)
        service.switch_on(workspace_id, pair.id, by=BY)
    dkim_keys.forget()
    return queries.get_key_pair(workspace_id, pair.id)


def state(workspace_id: UUID, pair: queries.KeyPair) -> DkimState:
    return queries.get_key_pair(workspace_id, pair.id).state


def holds(mail: bytes, *pairs: queries.KeyPair) -> list[bool]:
    texts = {f"{record.name}.".encode(): record.value.encode() for pair in pairs for record in pair.records}
    return [
        other.DKIM(mail).verify(idx=at, dnsfunc=lambda name, timeout=5: texts.get(name)) for at in range(2)
    ]


def test_a_mail_signed_with_stored_keys_holds_by_the_records_that_are_shown(place):
    pair = switched_on(place.id)
    signer = dkim_keys.signer_for(place.id, DOMAIN)
    assert signer is not None
    assert signer.domain == DOMAIN
    assert holds(signed(build(LETTER), signer), pair) == [True, True]


def test_nothing_is_signed_before_it_is_switched_on(place):
    assert dkim_keys.signer_for(place.id, DOMAIN) is None
    pair = made(place.id)
    dkim_keys.forget()
    assert dkim_keys.signer_for(place.id, DOMAIN) is None
    with pytest.raises(Conflict, match="do not stand"), transaction():
        service.switch_on(place.id, pair.id, by=BY)
    with transaction():
        service.set_published(place.id, pair.id, "dns", by=BY)
    dkim_keys.forget()
    assert dkim_keys.signer_for(place.id, DOMAIN) is None


def test_switching_is_seen_within_seconds_and_asks_the_database_once_meanwhile(
    place, monkeypatch, count_statements
):
    monkeypatch.setattr(dkim_keys.time, "monotonic", lambda: now[0])
    now = [1000.0]
    pair = switched_on(place.id)
    first = dkim_keys.signer_for(place.id, DOMAIN)
    with transaction():
        service.switch_off(place.id, pair.id, by=BY)
    with count_statements() as statements:
        assert dkim_keys.signer_for(place.id, DOMAIN) is first
    assert statements == []
    now[0] += dkim_keys.SECONDS
    assert dkim_keys.signer_for(place.id, DOMAIN) is None
    with transaction():
        service.switch_on(place.id, pair.id, by=BY)
    now[0] += dkim_keys.SECONDS
    again = dkim_keys.signer_for(place.id, DOMAIN)
    assert again is not None
    now[0] += dkim_keys.SECONDS
    assert dkim_keys.signer_for(place.id, DOMAIN) is again, "the same keys are unlocked once"


def test_only_the_domain_that_has_keys_is_signed(place):
    switched_on(place.id)
    assert dkim_keys.signer_for(place.id, f"news.{DOMAIN}") is None
    assert dkim_keys.signer_for(make.place().id, DOMAIN) is None


def test_two_workspaces_of_one_domain_have_keys_of_their_own(place):
    another = outbox.place_with_sender()
    ours, theirs = switched_on(place.id), switched_on(another.id)
    assert {record.name for record in ours.records}.isdisjoint(record.name for record in theirs.records)
    mail = signed(build(LETTER), dkim_keys.signer_for(another.id, DOMAIN))
    assert holds(mail, theirs) == [True, True]
    for verb in (service.switch_on, service.switch_off, service.remove_keys):
        with pytest.raises(NotFound), transaction():
            verb(place.id, theirs.id, by=BY)
    with pytest.raises(NotFound), transaction():
        service.set_published(place.id, theirs.id, "owner", by=BY)
    with pytest.raises(NotFound):
        queries.get_key_pair(place.id, theirs.id)
    assert [pair.id for pair in queries.list_key_pairs(place.id)] == [ours.id]


def test_the_database_holds_private_keys_under_lock_only(place, session):
    pair = made(place.id)
    row = session.execute(
        text("SELECT t::text FROM dkim_keys t WHERE id = :id"), {"id": pair.id}
    ).scalar_one()
    stored = session.get(DkimKeys, pair.id)
    pem = vault.unlock(stored.rsa_secret, vault.SIGNING)
    assert pem.startswith("-----BEGIN PRIVATE KEY-----")
    for secret in (pem, vault.unlock(stored.ed_secret, vault.SIGNING)):
        body = "".join(secret.splitlines()[1:-1])
        assert body.encode() not in stored.rsa_secret + stored.ed_secret
        assert body[:40].encode().hex() not in row
    with pytest.raises(Conflict, match="password"):
        vault.unlock(stored.rsa_secret)


def test_keys_under_a_lost_secret_key_are_told_in_words(place, session):
    switched_on(place.id)
    ring = tokens._keys
    tokens.configure(b"x" * 32)
    try:
        with pytest.raises(Conflict, match="sign mails cannot be read"):
            dkim_keys.signer_for(place.id, DOMAIN)
        tokens.configure(b"x" * 32, ring)
        assert dkim_keys.signer_for(place.id, DOMAIN) is not None
    finally:
        tokens.configure(ring[0], ring[1:])


def test_new_keys_take_over_and_the_old_ones_forget_their_secrets(place, session):
    old = switched_on(place.id)
    new = made(place.id)
    assert made(place.id).id == new.id, "asked for twice, made once"
    assert state(place.id, old) is DkimState.ACTIVE
    with transaction():
        service.set_published(place.id, new.id, "dns", by=BY)
        service.switch_on(place.id, new.id, by=BY)
    assert (state(place.id, old), state(place.id, new)) == (DkimState.RETIRED, DkimState.ACTIVE)
    row = session.get(DkimKeys, old.id)
    assert (row.rsa_secret, row.ed_secret) == (None, None)
    for verb in (service.switch_on, service.set_published):
        more = ("owner",) if verb is service.set_published else ()
        with pytest.raises(Conflict, match="retired"), transaction():
            verb(place.id, old.id, *more, by=BY)
    with pytest.raises(Conflict, match="Switch them off"), transaction():
        service.remove_keys(place.id, new.id, by=BY)
    with transaction():
        service.remove_keys(place.id, old.id, by=BY)
    assert [pair.id for pair in queries.list_key_pairs(place.id)] == [new.id]


def test_a_second_look_at_the_records_changes_nothing(place):
    pair = switched_on(place.id)
    with transaction():
        service.set_published(place.id, pair.id, "dns", by=BY)
    assert queries.get_key_pair(place.id, pair.id) == pair, "still in use"


def test_two_who_switch_on_at_once_leave_one_pair_that_signs(live):
    where = outbox.place_with_sender()
    first, second = made(where.id), None
    with transaction():
        service.set_published(where.id, first.id, "owner", by=BY)
    second = made(where.id)
    with transaction():
        service.set_published(where.id, second.id, "owner", by=BY)
    faults: list[BaseException] = []
    gate = threading.Barrier(2)

    def switch(pair_id: UUID) -> None:
        try:
            gate.wait(10)
            with transaction():
                service.switch_on(where.id, pair_id, by=BY)
        except Conflict:
            pass
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=in_context, args=(live, switch, pair.id)) for pair in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert faults == []
    with transaction():
        states = sorted(pair.state.value for pair in queries.list_key_pairs(where.id))
    assert states == ["active", "retired"]


def test_every_act_is_recorded_without_a_secret(place, session):
    pair = switched_on(place.id)
    with transaction():
        service.switch_off(place.id, pair.id, by=BY)
        service.switch_off(place.id, pair.id, by=BY)
        service.remove_keys(place.id, pair.id, by=BY)
    query = select(AuditEntry).where(AuditEntry.act.like("dkim.%")).order_by(AuditEntry.id)
    entries = session.execute(query.where(AuditEntry.workspace_id == place.id)).scalars().all()
    assert [entry.act for entry in entries] == [
        "dkim.made", "dkim.published", "dkim.on", "dkim.off", "dkim.removed",
    ]  # fmt: skip
    assert {entry.object for entry in entries} == {f"dkim_keys:{pair.id}"}
    assert all(entry.detail == {"domain": DOMAIN} for entry in entries)


@pytest.mark.parametrize("domain", ["", "a b.example", "example", "x@y.example", "a..b", "-"])
def test_what_is_no_domain_gets_no_keys(place, domain):
    with pytest.raises(BadInput) as refused, transaction():
        service.make_keys(place.id, domain, by=BY)
    assert "domain" in refused.value.fields


def test_a_domain_is_stored_as_the_wire_has_it(place):
    assert made(place.id, " Bücher.Example ").domain == "xn--bcher-kva.example"


def test_the_records_fit_into_the_dns(place):
    rsa, ed = made(place.id).records
    assert [len(piece) for piece in rsa.strings] == [255, len(rsa.value) - 255]
    assert "".join(rsa.strings) == rsa.value
    assert rsa.zone_line.count('"') == 4
    assert all(f'"{piece}"' in rsa.zone_line for piece in rsa.strings)
    assert ed.zone_line == f'{ed.name}. 3600 IN TXT "{ed.value}"'
    for record in (rsa, ed):
        assert record.name.endswith(f"._domainkey.{DOMAIN}")
        assert all(len(label) <= 63 for label in record.name.split("."))


KEY = Record("rsa", "nod-rsa._domainkey.ostkai.example", "v=DKIM1; k=rsa; p=QUJD")


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (None, Verdict.UNKNOWN),
        ([], Verdict.MISSING),
        (["v=spf1 -all"], Verdict.MISSING),
        (["v=DKIM1; k=rsa; p=QUJD"], Verdict.STANDS),
        (["p=QUJD"], Verdict.STANDS),
        (["V=DKIM1;P = QU JD ;"], Verdict.STANDS),
        (["v=DKIM1; p=QUJE"], Verdict.DIFFERS),
        (["v=DKIM1; p="], Verdict.DIFFERS),
        (["v=DKIM1; k=ed25519; p=QUJD"], Verdict.DIFFERS),
        (["p=QUJD", "p=QUJE"], Verdict.DIFFERS),
        (["p=QUJD", "p=QUJD"], Verdict.DIFFERS),
    ],
)
def test_a_key_stands_when_it_and_no_other_is_found(found, verdict):
    assert dkim_records.key_verdict(KEY, found) is verdict


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (None, Verdict.UNKNOWN),
        ([], Verdict.MISSING),
        (["v=spf10 -all"], Verdict.MISSING),
        (["v=spf1 -all", "something"], Verdict.STANDS),
        (["V=SPF1"], Verdict.STANDS),
        (["v=spf1 -all", "v=spf1 ~all"], Verdict.DIFFERS),
    ],
)
def test_a_policy_stands_when_there_is_one(found, verdict):
    assert dkim_records.policy_verdict("v=spf1", found) is verdict


def test_the_dns_is_asked_for_every_record_and_for_a_parents_policy(place):
    pair = made(place.id, f"news.{DOMAIN}")
    with zone() as dns:
        verdicts = service.check_domain(pair.domain, [pair])
        assert set(verdicts.values()) == {Verdict.MISSING}
        assert not service.stand(pair, verdicts)
        dns.publish(pair)
        dns[f"bounces.news.{DOMAIN}"] = ["v=spf1 a:mx.example ~all"]
        dns[f"_dmarc.{DOMAIN}"] = ["v=DMARC1;p=none"]
        verdicts = service.check_domain(pair.domain, [pair])
        assert set(verdicts.values()) == {Verdict.STANDS}
        assert service.stand(pair, verdicts)
        dns.silent.add(pair.records[1].name)
        verdicts = service.check_domain(pair.domain, [pair])
        assert verdicts[pair.records[1].name] is Verdict.UNKNOWN
        assert not service.stand(pair, verdicts)
        assert "_dmarc.example" not in dns.asked, "a top-level domain has no policy for others"


def test_a_dns_that_nobody_serves_is_silent(monkeypatch):
    import dns.exception
    import dns.resolver

    def away(*_, **__):
        raise dns.exception.Timeout

    monkeypatch.setattr(dns.resolver, "resolve", away)
    with pytest.raises(lookup.Silent):
        lookup.ask("ostkai.example")
    assert lookup.texts_of(["ostkai.example"]) == {"ostkai.example": None}


def run(app, *args: str):
    return app.test_cli_runner().invoke(args=["delivery", "dkim", *args])


def test_the_shell_makes_shows_checks_and_switches(app, place):
    told = run(app, "make", DOMAIN)
    assert told.exit_code == 0, told.output
    (pair,) = queries.list_key_pairs(place.id)
    assert all(record.zone_line in told.output for record in pair.records)
    assert "PRIVATE" not in told.output
    with zone() as dns:
        told = run(app, "check", DOMAIN)
        assert told.exit_code == 1
        assert "is not there yet" in told.output
        told = run(app, "on", DOMAIN)
        assert told.exit_code == 1
        assert "do not stand yet" in told.output
        dns.publish(pair)
        assert run(app, "check", DOMAIN).exit_code == 0
    assert queries.list_key_pairs(place.id)[0].told_by == "dns"
    assert run(app, "on", DOMAIN).exit_code == 0
    assert state(place.id, pair) is DkimState.ACTIVE
    assert f"{pair.selector}  active" in run(app, "show", DOMAIN).output
    assert run(app, "off", DOMAIN).exit_code == 0
    assert state(place.id, pair) is DkimState.PUBLISHED


def test_the_shell_takes_the_operators_word(app, place):
    run(app, "make", DOMAIN)
    told = run(app, "on", DOMAIN, "--records-stand")
    assert told.exit_code == 0, told.output
    (pair,) = queries.list_key_pairs(place.id)
    assert (pair.state, pair.told_by) == (DkimState.ACTIVE, "owner")


def test_the_shell_switches_on_what_stands_and_not_what_is_newest(app, place):
    standing = made(place.id)
    with transaction():
        service.set_published(place.id, standing.id, "dns", by=BY)
    newest = made(place.id)
    assert run(app, "on", DOMAIN).exit_code == 0
    assert (state(place.id, standing), state(place.id, newest)) == (DkimState.ACTIVE, DkimState.MADE)


def test_the_shell_asks_whose_domain_it_is(app, place):
    another = outbox.place_with_sender()
    told = run(app, "make", DOMAIN)
    assert told.exit_code == 1
    assert "--workspace" in told.output
    assert run(app, "make", DOMAIN, "--workspace", str(another.id)).exit_code == 0
    assert queries.list_key_pairs(place.id) == []
    assert len(queries.list_key_pairs(another.id)) == 1
    assert run(app, "make", DOMAIN, "--workspace", str(uuid7())).exit_code == 1
    assert run(app, "off", DOMAIN, "--workspace", str(another.id)).exit_code == 1
    assert "no keys" in run(app, "show", DOMAIN, "--workspace", str(place.id)).output
