"""The page of the sending domain: the steps from keys to signed mails, for owners only."""

from __future__ import annotations

import html

import pytest

from app.accounts.rules.roles import Role
from app.delivery import queries, service
from app.delivery.models import DkimKeys
from app.delivery.rules import DkimState
from app.kernel.db import transaction
from tests.home.test_first_run import post
from tests.support import accounts, make
from tests.support.dns import zone

PAGE = "/settings/domain"
DOMAIN = "news.oxbow.example"


@pytest.fixture
def owner(client):
    found = accounts.make_owner()
    with transaction():
        service.set_sender(found.workspace_id, "Marta", f"marta@{DOMAIN}")
    accounts.sign_in(client, found)
    return found


def pairs_of(owner) -> list[queries.KeyPair]:
    return queries.list_key_pairs(owner.workspace_id)


def act(client, pair, verb: str, **more: str):
    return post(client, f"{PAGE}/keys/{pair.id}/{verb}", more, PAGE)


def make_pair(client, owner) -> queries.KeyPair:
    answer = post(client, f"{PAGE}/keys", {}, PAGE)
    assert (answer.status_code, answer.location) == (303, PAGE)
    return pairs_of(owner)[0]


def test_without_a_sender_the_page_says_what_is_missing(client):
    accounts.sign_in(client, accounts.make_owner())
    shown = client.get(PAGE)
    assert shown.status_code == 200
    assert "Nobody is the sender yet" in shown.text
    assert post(client, f"{PAGE}/keys", {}, "/settings/you").status_code == 409


def test_the_way_from_no_keys_to_signed_mails(client, owner):
    shown = client.get(PAGE).text
    assert "not signed yet" in shown
    assert "Make the keys" in shown
    assert f"Mails from {DOMAIN} are not signed" in client.get("/").text
    pair = make_pair(client, owner)
    shown = html.unescape(client.get(PAGE).text)
    for record in pair.records:
        assert record.name in shown
        assert record.value in shown
    assert pair.records[0].zone_line in shown
    assert "Sign with these keys" not in shown
    with zone() as dns:
        shown = post(client, f"{PAGE}/check", {}, PAGE).text
        assert "Not seen yet" in shown
        assert pairs_of(owner)[0].state is DkimState.MADE
        dns.publish(pair)
        shown = post(client, f"{PAGE}/check", {}, PAGE).text
    assert "seen in the DNS" in shown
    assert pairs_of(owner)[0].told_by == "dns"
    assert act(client, pair, "on").location == PAGE
    assert "Mails from this domain are signed" in client.get(PAGE).text
    assert "are not signed" not in client.get("/").text
    assert act(client, pair, "off").location == PAGE
    assert "not signed yet" in client.get(PAGE).text


def test_one_record_alone_is_not_enough(client, owner):
    pair = make_pair(client, owner)
    with zone() as dns:
        dns[pair.records[0].name] = [pair.records[0].value]
        dns[pair.records[1].name] = ["v=DKIM1; k=ed25519; p=QUJD"]
        dns.silent.add(f"bounces.{DOMAIN}")
        shown = post(client, f"{PAGE}/check", {}, PAGE).text
    for words in ("Stands", "Another value stands there", "DNS did not answer", "Not seen yet"):
        assert words in shown
    assert pairs_of(owner)[0].state is DkimState.MADE


def test_records_that_vanish_while_keys_are_in_use_are_told(client, owner):
    pair = make_pair(client, owner)
    act(client, pair, "published")
    act(client, pair, "on")
    with zone() as dns:
        dns.publish(pair)
        assert "Their records are gone" not in post(client, f"{PAGE}/check", {}, PAGE).text
        del dns[pair.records[0].name]
        assert "Their records are gone" in post(client, f"{PAGE}/check", {}, PAGE).text
        dns.silent.update(record.name for record in pair.records)
        assert "Their records are gone" not in post(client, f"{PAGE}/check", {}, PAGE).text
    assert pairs_of(owner)[0].state is DkimState.ACTIVE, "one look at the DNS switches nothing off"


def test_the_owner_may_say_so_and_may_not_skip_it(client, owner):
    pair = make_pair(client, owner)
    assert act(client, pair, "on").status_code == 409
    act(client, pair, "published")
    assert pairs_of(owner)[0].told_by == "owner"
    assert "Somebody here said" in client.get(PAGE).text
    assert act(client, pair, "on").status_code == 303


def test_keys_are_changed_and_the_old_ones_stay_visible_until_removed(client, owner):
    old = make_pair(client, owner)
    act(client, old, "published")
    act(client, old, "on")
    new = make_pair(client, owner)
    shown = client.get(PAGE).text
    assert "Make new keys" not in shown, "one pair waits already"
    assert "are signed (DKIM)" in shown
    act(client, new, "published")
    act(client, new, "on")
    shown = client.get(PAGE).text
    assert "Earlier keys" in shown
    assert old.selector in shown
    assert act(client, new, "remove").status_code == 409
    assert act(client, old, "remove").status_code == 303
    assert old.selector not in client.get(PAGE).text


def test_keys_of_an_earlier_domain_can_still_be_switched_off(client, owner):
    pair = make_pair(client, owner)
    act(client, pair, "published")
    act(client, pair, "on")
    with transaction():
        service.set_sender(owner.workspace_id, "Marta", "marta@oxbow.example")
    shown = client.get(PAGE).text
    assert "not signed yet" in shown
    assert f"/keys/{pair.id}/off" in shown
    act(client, pair, "off")
    assert f"/keys/{pair.id}/remove" in client.get(PAGE).text


def test_no_private_key_is_ever_shown(client, session, owner):
    from app.delivery import vault

    pair = make_pair(client, owner)
    stored = session.get(DkimKeys, pair.id)
    secrets = [vault.unlock(locked, vault.SIGNING) for locked in (stored.rsa_secret, stored.ed_secret)]
    lines = [line for secret in secrets for line in secret.splitlines()[1:-1]]
    with zone():
        pages = [client.get(PAGE).text, post(client, f"{PAGE}/check", {}, PAGE).text]
    for page in pages:
        assert "PRIVATE" not in page
        assert stored.rsa_secret.decode() not in page
        assert not [line for line in lines if line in page]


def test_an_spf_record_is_offered_where_a_server_has_a_public_name(client, owner, smtp):
    assert "v=spf1" not in client.get(PAGE).text, "127.0.0.1 means nothing to others"
    with transaction():
        service.set_transport(owner.workspace_id, "mail.oxbow.example", 587, "starttls")
    shown = client.get(PAGE).text
    assert "v=spf1 a:mail.oxbow.example ~all" in shown
    assert f"_dmarc.{DOMAIN}" in shown


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_others_neither_see_nor_change_the_keys(client, owner, role):
    pair = make_pair(client, owner)
    client.post("/sign-out", data={"csrf": accounts.token_of(client, PAGE)})
    accounts.sign_in(client, accounts.make_member(owner.workspace_id, role))
    assert client.get(PAGE).status_code == 403
    token = accounts.token_of(client, "/settings/you")
    verbs = ("published", "on", "off", "remove")
    for path in (
        f"{PAGE}/keys",
        f"{PAGE}/check",
        *(f"{PAGE}/keys/{pair.id}/{verb}" for verb in verbs),
    ):
        assert client.post(path, data={"csrf": token}).status_code == 403
    assert pairs_of(owner)[0] == pair


def test_another_workspaces_keys_are_not_there(client, owner):
    theirs = make.place()
    with transaction():
        pair = service.make_keys(theirs.id, DOMAIN, by=accounts.acts.COMMAND)
    for verb in ("published", "on", "off", "remove"):
        assert act(client, pair, verb).status_code == 404
    assert queries.list_key_pairs(theirs.id) == [pair]
    assert pair.selector not in client.get(PAGE).text


def test_a_post_without_our_token_changes_nothing(client, owner):
    pair = make_pair(client, owner)
    for path in (f"{PAGE}/keys", f"{PAGE}/check", f"{PAGE}/keys/{pair.id}/published"):
        assert client.post(path).status_code == 403
        assert post(client, path, {"state": "active"}, PAGE).status_code == 422
    assert pairs_of(owner) == [pair]
