"""Leaving by mail: to the mailbox of the header, and by a reply in seven languages; programs that answer change nothing."""

from __future__ import annotations

import smtplib

import pytest
from sqlalchemy import text

from app.consent import history
from app.consent import queries as consent
from app.delivery.identity import RETURN_PATH, return_path
from app.delivery.models import Message
from app.kernel import tokens
from app.kernel.db import session, transaction
from app.local.supervised import free_port
from app.preferences import door, inbound, receiving
from tests.support import make, reading, signup
from tests.support.signup import everything

STOPS = [
    "Stop", "STOP!", "unsubscribe", "Please unsubscribe me.", "Hello,\nplease unsubscribe me, thanks", "remove me",
    "take me off your list", "Bitte abmelden", "abbestellen", "Keine Mails mehr bitte", "Hallo, bitte austragen, danke",
    "désabonner", "Merci de me désabonner", "Désinscrivez-moi s'il vous plaît", "BAJA", "Por favor darme de baja",
    "Cancelar suscripción", "Cancellami", "disiscrivimi per favore", "annulla iscrizione", "Afmelden aub",
    "Uitschrijven graag", "cancelar subscrição", "Descadastrar por favor", "não quero mais",
    "stop\n\nOn Mon, 23 Nov 2026 at 09:14, Jonna <jonna@ostkai.example> wrote:\n> Do not stop reading.",
    "Abmelden\n\nAm 23.11.2026 um 09:14 schrieb Jonna:\n> Hallo", "unsubscribe\n-- \nMara Lindqvist\nKiel",
]  # fmt: skip
OTHERS = [
    "", "Thanks, lovely letter!", "Don't stop writing, please", "Please do not unsubscribe me", "Nicht abmelden!",
    "How do I stop the machine from leaking?", "Stop by the shop on Friday?", "Can I unsubscribe my sister?",
    "I could not find the beans that you wrote about. Could you stop the parcel?", "Ne me désabonnez pas",
    "> stop", "On Mon, 23 Nov 2026 at 09:14, Jonna wrote:\n> unsubscribe", "We met at the bus stop in Kiel",
]  # fmt: skip
AUTOMATIC = {
    "vacation": ["Auto-Submitted: auto-replied"],
    "generated": ["Auto-Submitted: auto-generated"],
    "precedence": ["Precedence: bulk"],
    "old": ["X-Autoreply: yes"],
    "list": ["List-Id: <x.example>"],
    "loop": ["X-Loop: nod"],
    "subject": ["Subject: Automatische Antwort: Neues"],
    "subject in french": ["Subject: =?utf-8?q?R=C3=A9ponse_automatique?= : nouvelles"],
    "out of office": ["Subject: Out of office: back in December"],
    "daemon": ["From: MAILER-DAEMON@example.org"],
}


@pytest.fixture
def place(session):
    return make.place()


@pytest.fixture
def mara(place):
    return reading.reader(place, address="mara@example.org")


@pytest.fixture
def letter(place, mara):
    """A letter about new coffees that Mara got."""
    sent = reading.sent(place, [mara])
    found = next(one for one in consent.list_permissions(place.id, mara.id) if one.interest_id == place.interests[0].id)
    with transaction():
        session().get(Message, (sent.no, 1)).permission_id = found.id
    return sent


def mailbox(letter, n=1, key=None):
    key = key or tokens.purpose_key(RETURN_PATH)
    return return_path(letter.no, n, key, "bounces.ostkai.example", purpose="u")


def mail(*headers, body="", sender="Mara <mara@example.org>", to=None) -> bytes:
    given = {header.partition(":")[0] for header in headers}
    lines = [*headers, *([] if "From" in given else [f"From: {sender}"]), "To: jonna@ostkai.example"]
    lines += [] if to is None else [f"In-Reply-To: <m.{to}.1@news.ostkai.example>"]
    return ("\r\n".join([*lines, "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "", body])).encode()


def take(raw, *recipients, envelope_from="mara@example.org"):
    with transaction():
        return receiving.receive(raw, recipients, envelope_from=envelope_from)


def standing(place, mara):
    return make.standing(place, mara)


# --- The mailbox of the header ----------------------------------------------------------------------------------


def test_a_mail_to_the_letters_mailbox_ends_its_topic(place, mara, letter):
    raw = mail("Subject: unsubscribe", sender="Some Program <relay@elsewhere.example>")
    assert take(raw, mailbox(letter).upper().replace("@BOUNCES", "@bounces")) == "left"
    assert standing(place, mara) == {"New coffees": "no", "Brewing letters": "yes"}
    entry = history.list_history(place.id, mara.id)[0]
    assert (entry.method, entry.personal["http_method"]) == ("mailto", "MAIL")


def test_an_empty_mail_by_a_program_in_its_owners_name_counts_too(place, mara, letter):
    assert take(mail("Auto-Submitted: auto-generated"), mailbox(letter)) == "left"
    assert standing(place, mara)["New coffees"] == "no"


def test_nothing_else_opens_that_door(place, mara, letter):
    standing_before, before = standing(place, mara), everything()
    wrong = {
        "bounce": (mailbox(letter), ""),
        "changed": (mailbox(letter).replace("-", "-a", 1), "mara@example.org"),
        "purpose": (
            return_path(letter.no, 1, tokens.purpose_key(RETURN_PATH), "bounces.ostkai.example"), "mara@example.org",
        ),
        "other key": (mailbox(letter, key=b"x" * 32), "mara@example.org"),
        "other letter": (mailbox(letter, n=77), "mara@example.org"),
    }  # fmt: skip
    for name, (address, sender) in wrong.items():
        take(mail("Subject: unsubscribe"), address, envelope_from=sender)
        assert standing(place, mara) == standing_before, name
    assert everything() == before


def test_a_question_is_called_off_by_its_mailbox(client, place, session):
    stage = signup.stage("Another brand")
    signup.question(stage, client)
    (asked,) = signup.messages("confirm")
    address = return_path(asked.mailing_no, asked.n, tokens.purpose_key(RETURN_PATH), "b.example", purpose="u")
    assert take(mail("Subject: unsubscribe"), address) == "left"
    assert set(signup.states(asked.contact_id).values()) == {"no"}
    assert consent.find_request(asked.dedupe_key).state == "cancelled"


# --- By reply ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", STOPS)
def test_stop_is_understood(body):
    assert inbound.says_stop(body)


@pytest.mark.parametrize("body", OTHERS)
def test_other_words_are_not_taken_for_it(body):
    assert not inbound.says_stop(body)


def test_a_reply_stops_everything_and_says_how(place, mara, letter):
    assert take(mail("Subject: Re: News", body="Please stop.", to=letter.no), "jonna@ostkai.example") == "stopped"
    assert set(standing(place, mara).values()) == {"no"}
    assert consent.find_reach(place.id, mara.id).objected_at is not None
    assert history.list_history(place.id, mara.id)[0].method == "reply"


def replies():
    with transaction() as current:
        return [tuple(row) for row in current.execute(text("SELECT contact_id, kind, verdict, data FROM signals"))]


def test_any_other_reply_to_a_letter_is_noted_once_and_changes_no_permission(place, mara, letter):
    before = standing(place, mara)
    for _ in range(2):
        raw = mail("Subject: Re: News", body="Thanks, lovely letter!", to=letter.no)
        assert take(raw, "jonna@ostkai.example") == "replied"
    assert replies() == [(mara.id, "reply", "human", {"mailing": letter.no})]
    assert standing(place, mara) == before
    assert take(mail(body="Lovely!", sender="jo@example.org", to=letter.no)) == "ignored"
    assert len(replies()) == 1, "somebody else's word is no reply of hers"


def test_a_page_of_markup_with_the_word_in_it_counts(place, mara, letter):
    body = "<html><head><style>p{}</style></head><body><p>Abmelden</p><blockquote>Hallo Mara</blockquote></body></html>"
    raw = mail("Subject: Re: News", to=letter.no, body=body).replace(b"text/plain", b"text/html")
    assert take(raw) == "stopped"


def test_the_word_as_subject_of_an_empty_mail_counts(place, mara, letter):
    assert take(mail("Subject: Unsubscribe", to=letter.no)) == "stopped"


def test_what_programs_answer_changes_nothing(place, mara, letter):
    before = everything()
    for name, headers in AUTOMATIC.items():
        assert take(mail(*headers, body="stop", to=letter.no)) == "automatic", name
    assert everything() == before


def test_a_forged_or_unrelated_reply_changes_nothing_and_is_not_answered(place, mara, letter):
    """Case 39 and 40: the sender must be who got the very mail that is answered."""
    jo = make.person(place.id, "jo@example.org")
    make.confirmed(place, jo)
    before = everything()
    forged = [
        mail(body="stop", sender="jo@example.org", to=letter.no),
        mail(body="stop", to=letter.no + 77),
        mail(body="stop"),
        mail("From: mara@example.org, jo@example.org", body="stop", to=letter.no),
        mail(body="stop", sender="mara+x@example.org", to=letter.no),
        mail("In-Reply-To: <m.99999999999999999999.1@x> <m.-1.1@x>", body="stop"),
    ]
    for raw in forged:
        assert take(raw) == "ignored"
    assert everything() == before


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\x00" * 4000, b"\xff\xfe", b"From: \xff\r\nSubject: =?utf-8?b?////?=\r\n\r\nstop",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n" * 20000,
        b"Content-Type: text/plain; charset=nonsense\r\n\r\nstop", b"References: " + b"<m.1.1@x> " * 20000 + b"\r\n\r\nstop",
        b"From: " + b"a" * 200_000 + b"\r\n\r\nstop", b"Content-Type: text/html\r\n\r\n" + b"<" * 200_000,
    ],
)  # fmt: skip
def test_hostile_mail_is_read_in_bounded_time(place, raw):
    assert take(raw, "jonna@ostkai.example", "b-x@y") in {"ignored", "automatic"}


def test_the_lmtp_door_takes_a_mail(live, servers):
    where = make.place()
    mara = reading.reader(where, address="mara@example.org")
    sent = reading.sent(where, [mara])
    opened = door.open_at(live, "127.0.0.1", free_port())
    try:
        with smtplib.LMTP("127.0.0.1", opened.port) as client:
            client.sendmail("mara@example.org", ["jonna@ostkai.example"], mail(body="stop", to=sent.no))
    finally:
        opened.stop()
    session().rollback()
    assert consent.find_reach(where.id, mara.id).objected_at is not None


def test_the_pipe_takes_a_mail(app, place, mara, letter):
    runner = app.test_cli_runner()
    raw = mail("Subject: unsubscribe")
    done = runner.invoke(args=["receive", "mail", "--to", mailbox(letter), "--from", "mara@example.org"], input=raw)
    assert (done.exit_code, done.output) == (0, "left\n")
    assert standing(place, mara)["New coffees"] == "no"
