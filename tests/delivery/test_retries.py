"""The retry table, row by row."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.delivery.retries import MAX_AGE, Blame, Verdict, classify, cool_down, next_attempt
from app.delivery.transports.base import Outcome, Verb
from tests.support.properties import ANY

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
S, P, T, D, H, F = (
    Outcome.SENT, Outcome.PERMANENT, Outcome.TRANSIENT, Outcome.IN_DOUBT, Outcome.THROTTLED, Outcome.TRANSPORT_FAULT,
)  # fmt: skip

TABLE = [
    (250, "2.0.0", "ok", "dot", S, Blame.NOBODY),
    (250, "", "queued as 1", "dot", S, Blame.NOBODY),
    (None, "", "timed out", "dot", D, Blame.DOUBT),
    (None, "", "connection lost", "body", H, Blame.HOST),
    (None, "", "connection lost", "mail", H, Blame.HOST),
    (None, "", "refused", "connect", H, Blame.HOST),
    (None, "", "SERVFAIL", "dns", H, Blame.HOST),
    (None, "", "certificate", "starttls", H, Blame.HOST),
    (250, "", "what?", "data", H, Blame.HOST),
    (421, "4.3.2", "closing", "connect", H, Blame.DOMAIN),
    (421, "", "bye", "rcpt", H, Blame.DOMAIN),
    (421, "4.7.28", "rate", "dot", H, Blame.DOMAIN),
    (450, "4.3.2", "not accepting", "rcpt", H, Blame.DOMAIN),
    (451, "4.7.0", "try later", "mail", H, Blame.DOMAIN),
    (452, "4.5.3", "too many recipients", "rcpt", H, Blame.DOMAIN),
    (450, "", "Your rate is high", "rcpt", H, Blame.DOMAIN),
    (450, "4.2.0", "Greylisted, come back", "rcpt", T, Blame.GREYLIST),
    (451, "", "graylisting in action", "rcpt", T, Blame.GREYLIST),
    (450, "4.7.1", "try again", "rcpt", T, Blame.GREYLIST),
    (452, "4.2.2", "mailbox full", "rcpt", T, Blame.RECIPIENT_SOFT),
    (452, "", "full", "rcpt", T, Blame.RECIPIENT_SOFT),
    (452, "4.3.1", "insufficient storage", "mail", T, Blame.MESSAGE),
    (451, "4.3.0", "local error", "dot", T, Blame.MESSAGE),
    (450, "", "later", "rcpt", T, Blame.MESSAGE),
    (454, "4.7.0", "TLS not available", "starttls", H, Blame.DOMAIN),
    (454, "", "temporary", "auth", H, Blame.HOST),
    (550, "5.1.1", "no such user", "rcpt", P, Blame.RECIPIENT_HARD),
    (550, "5.1.2", "bad domain", "rcpt", P, Blame.RECIPIENT_HARD),
    (553, "5.1.3", "bad syntax", "rcpt", P, Blame.RECIPIENT_HARD),
    (550, "5.1.6", "moved", "rcpt", P, Blame.RECIPIENT_HARD),
    (556, "5.1.10", "null MX", "rcpt", P, Blame.RECIPIENT_HARD),
    (550, "5.2.1", "disabled", "rcpt", P, Blame.RECIPIENT_HARD),
    (550, "5.1.1", "no such user", "dot", P, Blame.MESSAGE),
    (550, "5.1.1", "blocked using spamhaus", "rcpt", P, Blame.SENDER),
    (550, "", "user unknown", "rcpt", P, Blame.MESSAGE),
    (550, "5.7.1", "relay denied", "rcpt", P, Blame.SENDER),
    (550, "5.7.26", "unauthenticated", "dot", P, Blame.SENDER),
    (550, "5.7.515", "access denied", "dot", P, Blame.SENDER),
    (554, "", "listed in RBL", "rcpt", P, Blame.SENDER),
    (552, "", "too big", "dot", P, Blame.CONTENT),
    (552, "5.3.4", "too big", "mail", P, Blame.CONTENT),
    (554, "5.6.0", "bad mime", "dot", P, Blame.CONTENT),
    (552, "5.2.2", "mailbox full", "rcpt", P, Blame.RECIPIENT_SOFT),
    (530, "5.7.0", "authenticate first", "mail", F, Blame.TRANSPORT),
    (535, "5.7.8", "bad password", "auth", F, Blame.TRANSPORT),
    (534, "", "mechanism", "auth", F, Blame.TRANSPORT),
    (550, "5.7.1", "sender refused", "mail", F, Blame.TRANSPORT),
    (554, "", "no service", "banner", F, Blame.TRANSPORT),
    (530, "5.7.0", "authenticate first", "rcpt", F, Blame.TRANSPORT),
    (550, "5.6.7", "SMTPUTF8 is missing", "local", P, Blame.CAPABILITY),
    (554, "5.6.0", "bare newline", "local", P, Blame.CONTENT),
    (554, "", "no", "dot", P, Blame.MESSAGE),
]


@pytest.mark.parametrize(("code", "enhanced", "text", "verb", "outcome", "blame"), TABLE)
def test_a_reply_is_judged(
    code: int | None, enhanced: str, text: str, verb: str, outcome: Outcome, blame: Blame
) -> None:
    verdict = classify(code, enhanced, text, Verb(verb))
    assert verdict == Verdict(outcome, blame)
    assert verdict.suppresses == (blame is Blame.RECIPIENT_HARD)
    assert verdict.counts == (blame not in {Blame.HOST, Blame.DOMAIN, Blame.TRANSPORT})


WAITS = [
    (Blame.HOST, [1, 1, 1]),
    (Blame.TRANSPORT, [1, 1]),
    (Blame.DOMAIN, [5, 5, 5]),
    (Blame.GREYLIST, [6, 15, 30, 60, 120, 120]),
    (Blame.RECIPIENT_SOFT, [60, 240, 720, 1440, 1440]),
    (Blame.MESSAGE, [5, 10, 20, 40, 80, 160, 240, 240]),
]


@pytest.mark.parametrize(("blame", "minutes"), WAITS)
def test_the_wait_grows_as_the_table_says(blame: Blame, minutes: list[int]) -> None:
    outcome = {Blame.HOST: H, Blame.DOMAIN: H, Blame.TRANSPORT: F}.get(blame, T)
    for attempts, wait in enumerate(minutes, start=1):
        due = next_attempt(Verdict(outcome, blame), attempts, NOW, NOW, lambda: 0.5)
        assert due == NOW + timedelta(minutes=wait)


@given(
    st.floats(0, 1, exclude_max=True), st.integers(0, 50), st.sampled_from(Blame), st.sampled_from(Outcome)
)
def test_a_time_is_spread_by_a_fifth_and_never_too_old(
    chance: float, attempts: int, blame: Blame, outcome: Outcome
) -> None:
    verdict = Verdict(outcome, blame)
    if verdict.retries and blame not in dict(WAITS):
        return
    plain = next_attempt(verdict, attempts, NOW, NOW, lambda: 0.5)
    spread = next_attempt(verdict, attempts, NOW, NOW, lambda: chance)
    if plain is None or spread is None:
        assert not verdict.retries
        return
    assert 0.79 < (spread - NOW) / (plain - NOW) < 1.21
    old = NOW - MAX_AGE
    assert next_attempt(verdict, attempts, old, NOW, lambda: chance) is None, "it expires"


@pytest.mark.parametrize("outcome", [S, P, D])
def test_what_is_over_is_not_tried_again(outcome: Outcome) -> None:
    assert next_attempt(Verdict(outcome, Blame.MESSAGE), 1, NOW, NOW, lambda: 0.5) is None


@given(st.integers(100, 999) | st.none(), st.text(ANY, max_size=8), st.text(ANY, max_size=50), st.sampled_from(Verb))
def test_every_reply_has_an_answer(code: int | None, enhanced: str, text: str, verb: Verb) -> None:
    verdict = classify(code, enhanced, text, verb)
    assert (verdict.outcome is D) == (code is None and verb is Verb.DOT)
    next_attempt(verdict, 1, NOW, NOW, lambda: 0.0)


def test_a_domain_cools_down_up_to_half_an_hour() -> None:
    assert [cool_down(faults).total_seconds() / 60 for faults in (0, 1, 2, 3, 4, 5, 6, 99)] == [
        1, 1, 2, 4, 8, 16, 30, 30,
    ]  # fmt: skip
