"""The first run, step by step in a browser."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update

from app.accounts import queries, service
from app.accounts.models import User, Workspace
from app.accounts.rules.roles import Role
from app.delivery import queries as delivery
from app.delivery.service import Skip, SystemMessage
from app.home.mails import TEST
from app.kernel import clock, health, ids
from app.kernel.db import db, transaction
from tests.conftest import make_app
from tests.support import accounts
from tests.support.accounts import csrf_of, token_of
from tests.support.twin import on_transaction_of

ACCOUNT = {"name": "Marta Byrne", "email": accounts.EMAIL, "password": accounts.PASSWORD}
BRAND = {
    "name": "Oxbow Coffee",
    "site": "oxbow.example",
    "postal_address": "Oxbow Coffee Ltd\r\n14 Ferry Yard  \r\nBristol BS1 6XN",
    "privacy_url": "https://oxbow.example/privacy",
    "imprint_url": "",
    "language": "en",
    "zone": "Europe/London",
    "colour": "#7A4A2B",
}
SENDER = {
    "from_name": "Marta at Oxbow",
    "from_address": "marta@news.oxbow.example",
    "transport": "installed",
    "host": "",
    "port": "587",
    "security": "starttls",
    "user": "",
    "secret": "",
}


def each_is_told(client, path: str, whole: dict[str, str], faults, page: str = "") -> None:
    """Post a form with one fault after the other; what is wrong must stand on the page that comes back."""
    token = token_of(client, page or path)
    for changed, words in faults:
        answer = client.post(path, data={"csrf": token, **whole, **changed})
        assert answer.status_code == 422, changed
        assert words in answer.text, changed


def post(client, path: str, values: dict[str, str], page: str = ""):
    return client.post(path, data={"csrf": token_of(client, page or path), **values})


def test_the_four_steps_lead_to_the_overview(client, session):
    assert client.get("/").location == "/setup/account"
    answer = post(client, "/setup/account", ACCOUNT)
    assert (answer.status_code, answer.location) == (303, "/setup/brand")
    assert client.get("/").location == "/setup/brand"
    answer = post(client, "/setup/brand", BRAND)
    assert (answer.status_code, answer.location) == (303, "/setup/sender")
    assert client.get("/").location == "/setup/sender"
    answer = post(client, "/setup/sender", SENDER)
    assert (answer.status_code, answer.location) == (303, "/setup/test")
    answer = post(client, "/setup/test", {"to": accounts.EMAIL})
    assert (answer.status_code, answer.location) == (303, "/setup/test")
    assert "Written and put into the outbox" in client.get("/setup/test").text
    page = client.get("/")
    assert page.status_code == 200
    assert "Oxbow Coffee" in page.text
    workspace = session.execute(select(Workspace)).scalar_one()
    assert workspace.site == "https://oxbow.example"
    assert workspace.postal_address == "Oxbow Coffee Ltd\n14 Ferry Yard\nBristol BS1 6XN"
    assert workspace.accent == "#7a4a2b"
    assert delivery.sender_of(workspace.id).address == "marta@news.oxbow.example"


def test_no_step_opens_before_the_one_before_it_is_done(client):
    for step in ("brand", "sender", "test"):
        assert client.get(f"/setup/{step}", headers={"Accept": "text/html"}).location.startswith("/sign-in")
    assert client.get("/sign-in?next=/setup/test").location == "/setup/account"
    post(client, "/setup/account", ACCOUNT)
    for step in ("sender", "test"):
        assert client.get(f"/setup/{step}").location == "/setup/brand"
        assert post(client, f"/setup/{step}", SENDER, "/setup/brand").location == "/setup/brand"
    post(client, "/setup/brand", BRAND)
    assert client.get("/setup/test").location == "/setup/sender"
    assert post(client, "/setup/test", {"to": accounts.EMAIL}, "/setup/sender").location == "/setup/sender"


def test_the_first_step_closes_for_good(client, session):
    token = token_of(client, "/setup/account")
    accounts.make_owner()
    assert client.get("/setup/account").location == "/"
    answer = client.post("/setup/account", data={"csrf": token, **ACCOUNT, "email": "eve@evil.example"})
    assert answer.status_code == 409
    assert session.execute(select(func.count()).select_from(User)).scalar_one() == 1


def test_two_at_once_make_one_owner(live: Flask):
    """Real connections: the second waits for the first one's commit and is refused."""
    clients = [live.test_client() for _ in range(4)]
    tokens = [token_of(client, "/setup/account") for client in clients]
    statuses: list[int] = []
    barrier = threading.Barrier(len(clients))

    def run(number: int) -> None:
        values = {"csrf": tokens[number], **ACCOUNT, "email": f"owner{number}@oxbow.example"}
        barrier.wait()
        statuses.append(clients[number].post("/setup/account", data=values).status_code)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [303, 409, 409, 409]
    assert db.session.execute(select(func.count()).select_from(User)).scalar_one() == 1


def test_two_brand_posts_at_once_make_one_workspace(live: Flask):
    client = live.test_client()
    post(client, "/setup/account", ACCOUNT)
    token = token_of(client, "/setup/brand")
    cookie = accounts.session_cookie(client)
    barrier = threading.Barrier(2)
    statuses: list[int] = []

    def run() -> None:
        twin = live.test_client()
        twin.set_cookie("nod_session", cookie, domain="127.0.0.1")
        barrier.wait()
        statuses.append(twin.post("/setup/brand", data={"csrf": token, **BRAND}).status_code)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [303, 303]
    assert len(queries.list_workspaces()) == 1


@pytest.fixture
def public(settings, session):
    """The same installation as a public server."""
    made = make_app(replace(settings, env="production", url="https://mail.oxbow.example"))
    with on_transaction_of(session, made):
        yield made.test_client()


def test_a_stranger_cannot_take_over_a_public_server(public):
    """In production the first step asks for a code that only the server's log and shell show."""
    page = public.get("/setup/account").text
    assert 'name="code"' in page
    assert service.set_up_code() not in page
    for code in ("", "AAAA-BBBB-CCCC-DDDD"):
        answer = public.post("/setup/account", data={"csrf": csrf_of(page), **ACCOUNT, "code": code})
        assert answer.status_code == 422
        assert "That is not the code" in answer.text
    assert not queries.has_owner()
    typed = service.set_up_code().lower().replace("-", " ")
    answer = public.post("/setup/account", data={"csrf": csrf_of(page), **ACCOUNT, "code": typed})
    assert answer.status_code == 303
    assert queries.has_owner()


def test_guessing_the_code_is_slow(public):
    token = csrf_of(public.get("/setup/account").text)
    form = {"csrf": token, **ACCOUNT, "code": "AAAA-BBBB-CCCC-DDDD"}
    statuses = [public.post("/setup/account", data=form).status_code for _ in range(22)]
    assert statuses == [422] * 20 + [429] * 2


def test_the_code_stands_in_the_log_while_it_is_needed(public, caplog):
    caplog.set_level("WARNING")
    public.get("/setup/account")
    assert service.set_up_code() in caplog.text


ACCOUNT_FAULTS = (
    ("name", "", "Write your name"),
    ("name", "Marta\r\nBcc: x@y.example", "cannot be shown"),
    ("name", "x" * 101, "Keep this to 100"),
    ("email", "", "Write your email address"),
    ("email", "marta", "Write the whole address"),
    ("email", "marta@@oxbow.example", "Write the whole address"),
    ("email", "marta@oxbow.example\r\nBcc: eve@evil.example", "cannot be shown"),
    ("password", "", "Choose a password"),
    ("password", "short", "at least 12"),
    ("password", "Password1234!", "guessing programs"),
    ("role", "owner", "not known here"),
)
BRAND_FAULTS = (
    ("name", " ", "Write the name"),
    ("name", "Oxbow\u2028Coffee", "cannot be shown"),
    ("name", "Oxbow\u202eeeffoC", "cannot be shown"),
    ("site", "javascript:alert(1)", "https://example.org"),
    ("site", "https://user:secret@oxbow.example", "https://example.org"),
    ("privacy_url", "//evil.example", "https://example.org"),
    ("postal_address", "", "Write the postal address"),
    ("postal_address", "a\0b", "cannot be shown"),
    ("language", "xx", "Choose one of the list"),
    ("zone", "Mars/Base", "Choose one of the list"),
    ("colour", "red;}body{", "Keep this to 7"),
    ("colour", "#12", "#157a4c"),
    ("public_id", "mine", "not known here"),
)
SENDER_FAULTS = (
    ("from_name", "", "Write the name"),
    ("from_name", "Oxbow\r\nBcc: x@y.example", "cannot be shown"),
    ("from_address", "marta", ""),
    ("from_address", "marta@oxbow.example>\r\nRCPT TO:<x@y.example", "cannot be shown"),
    ("transport", "carrier pigeon", "Choose one of the list"),
    ("is_default", "1", "not known here"),
)


def test_a_fault_of_the_account_stands_beside_its_field(client, session):
    each_is_told(client, "/setup/account", ACCOUNT, [({field: value}, words) for field, value, words in ACCOUNT_FAULTS])
    assert not queries.has_owner()


def test_a_fault_of_the_brand_stands_beside_its_field(client):
    post(client, "/setup/account", ACCOUNT)
    each_is_told(client, "/setup/brand", BRAND, [({field: value}, words) for field, value, words in BRAND_FAULTS])
    assert not queries.list_workspaces()


def test_coming_back_to_the_brand_step_changes_it(client):
    post(client, "/setup/account", ACCOUNT)
    post(client, "/setup/brand", BRAND)
    page = client.get("/setup/brand").text
    assert "Oxbow Coffee" in page
    assert "14 Ferry Yard" in page
    post(client, "/setup/brand", {**BRAND, "name": "Oxbow Roasters"})
    assert [found.name for found in queries.list_workspaces()] == ["Oxbow Roasters"]


def test_a_fault_of_the_sender_stands_beside_its_field(client):
    owner = accounts.make_owner()
    accounts.sign_in(client, owner)
    each_is_told(client, "/setup/sender", SENDER, [({field: value}, words) for field, value, words in SENDER_FAULTS])
    assert delivery.sender_of(owner.workspace_id) is None


def test_a_mail_server_that_does_not_answer_is_told_at_once(client):
    owner = accounts.make_owner()
    accounts.sign_in(client, owner)
    faults = [
        ({"host": ""}, "Write the name of the mail server"),
        ({"host": "smtp.oxbow.example", "port": "0"}, "from 1 to 65535"),
        ({"host": "smtp.oxbow.example", "port": "25; DROP"}, "from 1 to 65535"),
        ({"host": "127.0.0.1", "port": "9", "security": "none"}, "127.0.0.1"),
    ]
    each_is_told(client, "/setup/sender", {**SENDER, "transport": "smtp"}, faults)
    assert delivery.server_of(owner.workspace_id) is None


def test_a_mail_server_that_answers_is_taken(client, smtp):
    owner = accounts.make_owner()
    accounts.sign_in(client, owner)
    values = {**SENDER, "transport": "smtp", "host": "127.0.0.1", "port": str(smtp.port), "security": "none"}
    assert post(client, "/setup/sender", values).location == "/setup/test"
    found = delivery.server_of(owner.workspace_id)
    assert (found.host, found.port) == ("127.0.0.1", smtp.port)
    assert "127.0.0.1" in client.get("/setup/sender").text


def test_no_transaction_stays_open_while_the_mail_server_is_asked(live_client, live, monkeypatch):
    owner = accounts.make_owner()
    accounts.sign_in(live_client, owner)
    seen: list[int] = []

    def ask(*_arguments) -> None:
        with db.engine.connect() as connection:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
            seen.append(connection.execute(text(query)).scalar_one())

    monkeypatch.setattr("app.delivery.service.try_transport", ask)
    db.session.remove()
    values = {**SENDER, "transport": "smtp", "host": "127.0.0.1", "port": "2525", "security": "none"}
    assert post(live_client, "/setup/sender", values).location == "/setup/test"
    assert seen == [0]


def test_a_test_mail_goes_only_to_people_who_work_here(client):
    owner = accounts.make_owner()
    accounts.sign_in(client, owner)
    post(client, "/setup/sender", SENDER)
    answer = post(client, "/setup/test", {"to": "victim@elsewhere.example"})
    assert answer.status_code == 422
    assert "who works here" in answer.text


def test_test_mails_are_limited(client):
    owner = accounts.make_owner()
    accounts.sign_in(client, owner)
    post(client, "/setup/sender", SENDER)
    token = token_of(client, "/setup/test")
    form = {"csrf": token, "to": owner.email}
    statuses = [client.post("/setup/test", data=form).status_code for _ in range(21)]
    assert statuses == [303] * 20 + [429]


def ask_for_a_test(client) -> None:
    """As an owner who has just said who the mails come from."""
    owner = accounts.make_owner()
    accounts.sign_in(client, owner)
    post(client, "/setup/sender", SENDER)
    post(client, "/setup/test", {"to": owner.email})


def test_the_page_tells_what_became_of_the_mail(client, session):
    ask_for_a_test(client)
    assert "No sender is running" in client.get("/setup/test").text
    health.beat("worker", "one")
    session.commit()
    assert "Being handed to" in client.get("/setup/test").text
    session.execute(
        text(
            "UPDATE messages SET state = 'sent', reply_code = 250, reply_status = '2.0.0', "
            "reply_text = 'queued as 4Zr8Kc', done_at = clock_timestamp()"
        )
    )
    session.commit()
    page = client.get("/setup/test").text
    assert "Accepted by" in page
    assert "250 2.0.0 queued as 4Zr8Kc" in page
    session.execute(text("UPDATE messages SET state = 'failed', reply_text = '550 <b>no</b>'"))
    session.commit()
    page = client.get("/setup/test").text
    assert "did not take it" in page
    assert "<b>no</b>" not in page


def test_the_page_tells_that_the_mail_server_is_away(client, session):
    ask_for_a_test(client)
    health.beat("worker", "one")
    session.execute(
        text(
            "INSERT INTO paces (route, domain_group, filled_at, rest, rest_until, faults, says)"
            " SELECT coalesce(max(transport_id::text), 'default'), '', now(), 'away', now() + interval '1 minute', 1,"
            " 'Connection refused' FROM senders"
        )
    )
    session.commit()
    page = client.get("/setup/test").text
    assert "takes no mail" in page
    assert "one mail tries again" in page
    assert "Being handed to" not in page


def test_the_set_up_is_the_owners(client):
    owner = accounts.make_owner()
    accounts.sign_in(client, accounts.make_member(owner.workspace_id, Role.EDITOR))
    for step in ("brand", "sender", "test"):
        assert client.get(f"/setup/{step}").status_code == 403


def test_a_disabled_user_gets_no_test_mail(client, session):
    owner = accounts.make_owner()
    message = SystemMessage(owner.workspace_id, None, owner.user_id, ids.uuid7(), {}, clock.now())
    assert TEST.prepare(message).to == owner.email
    with transaction():
        session.execute(update(User).values(disabled_at=clock.now()))
    session.expire_all()
    assert isinstance(TEST.prepare(message), Skip)
