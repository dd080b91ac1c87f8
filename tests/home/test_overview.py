"""The front page over real tables."""

from __future__ import annotations

from sqlalchemy import text

from app.content.systemmail import render_system
from app.delivery import service as delivery
from app.delivery.service import SystemMessage
from app.home import queries
from app.home.mails import TEST
from app.kernel import clock, health, ids
from app.kernel.db import transaction
from tests.support import accounts


def ready(client):
    owner = accounts.make_owner()
    with transaction():
        delivery.set_sender(owner.workspace_id, "Marta at Oxbow", "marta@news.oxbow.example")
    accounts.sign_in(client, owner)
    return owner


def test_an_empty_installation_says_what_to_do(client):
    ready(client)
    page = client.get("/").text
    assert "Nobody has said yes yet" in page
    assert "No mail has left yet" in page
    assert "No sender has started yet" in page
    assert "No privacy notice" in page


def test_figures_are_counted(client, session):
    owner = ready(client)
    health.beat("worker", "one")
    day = clock.now().date()
    form = session.execute(text("SELECT id FROM forms LIMIT 1")).scalar_one()
    session.execute(
        text(
            "INSERT INTO form_counts (form_id, counted_on, version, workspace_id, views, submits, confirms) "
            "VALUES (:form, :day, 1, :workspace, 9, 5, 4) ON CONFLICT DO NOTHING"
        ),
        {"form": form, "day": day, "workspace": owner.workspace_id},
    )
    session.commit()
    page = client.get("/").text
    assert "In the last 30 days 5 people asked for mail and 4 said yes" in page
    assert "(80%)" in page
    assert "Sender alive" in page
    assert len(queries.count_by_day(owner.workspace_id)) == 30


def test_the_last_mails_are_listed_with_their_state(client, session):
    owner = ready(client)
    with transaction():
        delivery.send_system(owner.workspace_id, "test-mail", dedupe=ids.uuid7(), user_id=owner.user_id)
    page = client.get("/").text
    assert "Test mail" in page
    assert "Waiting" in page
    assert owner.email in page


def test_the_overview_asks_the_database_a_bounded_number_of_times(client, session, count_statements):
    ready(client)
    client.get("/")
    with count_statements() as statements:
        assert client.get("/").status_code == 200
    assert len(statements) <= 22, "\n".join(statements)


def test_another_workspace_s_mails_are_not_shown(client, session):
    from app.accounts import service

    owner = ready(client)
    with transaction():
        other = service.create_workspace(owner.user_id, accounts.DETAILS)
        delivery.send_system(other.id, "test-mail", dedupe=ids.uuid7(), user_id=owner.user_id)
    assert queries.list_recent_mails(owner.workspace_id) == []
    assert len(queries.list_recent_mails(other.id)) == 1
    assert queries.find_last_mail(owner.workspace_id, owner.user_id, "test-mail") is None


def test_the_test_mail_has_all_that_it_shows(client):
    owner = accounts.make_owner()
    found = TEST.prepare(SystemMessage(owner.workspace_id, None, owner.user_id, ids.uuid7(), {}, clock.now()))
    mail = render_system(found.template, found.language, found.values)
    assert "Oxbow Coffee" in mail.html
    assert "14 Ferry Yard" in mail.text
    assert "http://127.0.0.1:8000/" in mail.text


def test_the_sheet_of_components_shows_every_icon(client):
    ready(client)
    page = client.get("/components")
    assert page.status_code == 200
    assert page.text.count("<use href=") > 60


def test_whoever_is_not_signed_in_is_shown_the_way(client):
    accounts.make_owner()
    assert client.get("/").location == "/sign-in"
