"""Tokens prove their purpose and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel import tokens
from app.kernel.errors import NotFound

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _keys():
    tokens.configure(b"s" * 32)
    yield
    tokens.configure(b"s" * 32)


@given(st.binary(min_size=1, max_size=64))
def test_a_token_gives_its_payload_back(payload):
    assert tokens.verify("unsubscribe", tokens.sign("unsubscribe", payload)) == payload


@given(st.binary(min_size=1, max_size=40), st.data())
def test_no_changed_character_is_accepted(payload, data):
    token = tokens.sign("unsubscribe", payload)
    place = data.draw(st.integers(0, len(token) - 1))
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = data.draw(st.sampled_from(letters).filter(lambda letter: letter != token[place]))
    with pytest.raises(NotFound):
        tokens.verify("unsubscribe", token[:place] + other + token[place + 1 :])


def test_a_token_of_one_purpose_is_nothing_at_another():
    with pytest.raises(NotFound):
        tokens.verify("confirm", tokens.sign("unsubscribe", b"p" + b"1" * 16))


def test_a_retired_key_keeps_verifying_and_no_longer_signs():
    old = tokens.sign("unsubscribe", b"payload")
    tokens.configure(b"n" * 32, [b"s" * 32])
    assert tokens.verify("unsubscribe", old) == b"payload"
    assert tokens.sign("unsubscribe", b"payload") != old


def test_a_key_that_was_never_ours_is_refused():
    foreign = tokens.sign("unsubscribe", b"payload")
    tokens.configure(b"n" * 32)
    with pytest.raises(NotFound):
        tokens.verify("unsubscribe", foreign)


@pytest.mark.parametrize("junk", ["", "a", "ä" * 40, "A" * 600, "....", "%00", "A" * 43 + "="])
def test_junk_is_not_found(junk):
    with pytest.raises(NotFound):
        tokens.verify("unsubscribe", junk)


def test_an_expired_token_says_for_what_it_was():
    token = tokens.sign_until("private", b"who", NOW + timedelta(hours=1))
    assert tokens.verify_until("private", token, NOW) == b"who"
    with pytest.raises(tokens.Expired) as caught:
        tokens.verify_until("private", token, NOW + timedelta(hours=1, seconds=1))
    assert caught.value.payload == b"who"


def test_the_expiry_cannot_be_moved():
    token = tokens.sign_until("private", b"who", NOW)
    raw = bytearray(tokens.decode(token))
    raw[1] += 1
    with pytest.raises(NotFound):
        tokens.verify_until("private", tokens.encode(bytes(raw)), NOW)
