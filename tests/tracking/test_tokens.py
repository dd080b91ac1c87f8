"""Tokens of links and pictures: short, ours, and no others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel import tokens as kernel_tokens
from app.kernel.errors import NotFound
from app.tracking import tokens
from app.tracking.rules.hits import HIDDEN
from tests.conftest import KEYS
from tests.support.properties import ANY

MAILINGS = st.integers(1, 2**32 - 1)
NUMBERS = st.integers(0, 2**40 - 1)


@pytest.fixture(autouse=True, scope="module")
def _keys():
    kernel_tokens.configure(KEYS["secret_key"])


@given(MAILINGS, NUMBERS, st.integers(0, 9999) | st.just(HIDDEN))
def test_a_code_says_message_and_link_in_24_characters_and_an_index(mailing_no, n, index):
    code = tokens.code(tokens.make(mailing_no, n), index)
    assert len(code) == 24 + (1 if index == HIDDEN else len(str(index)))
    assert tokens.read(code[:24]) == (mailing_no, n)
    assert tokens.read_code(code) == tokens.Link(mailing_no, n, index)


@given(MAILINGS, NUMBERS, st.integers(0, 143))
def test_one_changed_bit_is_no_token(mailing_no, n, bit):
    raw = bytearray(kernel_tokens.decode(tokens.make(mailing_no, n)))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(NotFound):
        tokens.read(kernel_tokens.encode(bytes(raw)))


@pytest.mark.parametrize("suffix", ["", "00", "01", "-1", "10000", "y", "xx", "1x", "²", "1\n", "1/", " 1"])
def test_a_link_has_one_spelling(suffix):
    with pytest.raises(NotFound):
        tokens.read_code(tokens.make(7, 8) + suffix)


@pytest.mark.parametrize("token", ["", "A" * 23, "A" * 24, "A" * 25, "é" * 24, "." * 24, "A" * 5000])
def test_what_is_no_token_is_not_found(token):
    with pytest.raises(NotFound):
        tokens.read(token)


def test_a_token_of_another_purpose_is_not_found():
    body = (7).to_bytes(4, "big") + (8).to_bytes(5, "big")
    forged = kernel_tokens.encode(body + kernel_tokens.mac("unsubscribe", body, 9))
    with pytest.raises(NotFound):
        tokens.read(forged)


def test_a_retired_key_keeps_verifying_and_a_foreign_one_never_did():
    token = tokens.make(7, 8)
    try:
        kernel_tokens.configure(b"n" * 32, (KEYS["secret_key"],))
        assert tokens.read(token) == (7, 8)
        kernel_tokens.configure(b"n" * 32)
        with pytest.raises(NotFound):
            tokens.read(token)
    finally:
        kernel_tokens.configure(KEYS["secret_key"])


TARGETS = st.text(ANY, min_size=1, max_size=300)


@given(MAILINGS, NUMBERS.filter(bool), st.integers(0, 9999), TARGETS)
def test_a_code_brings_its_target_along(mailing_no, n, index, target):
    code = tokens.target_code(mailing_no, n, index, target)
    assert len(code) > tokens.MAX_CODE
    assert tokens.read_target_code(code) == (tokens.Link(mailing_no, n, index), target)


def test_the_longest_target_fits_and_no_longer_one_is_written():
    longest = "https://ostkai.example/" + "x" * (tokens.MAX_TARGET_OCTETS - 23)
    code = tokens.target_code(7, 8, 3, longest)
    assert len(code) < 3000
    assert tokens.read_target_code(code)[1] == longest
    with pytest.raises(ValueError, match="octets"):
        tokens.target_code(7, 8, 3, longest + "x")
    with pytest.raises(ValueError, match="one reader"):
        tokens.target_code(7, 0, 3, "https://ostkai.example/")
    with pytest.raises(NotFound):
        tokens.read_target_code(code + "A" * 8)


@pytest.mark.parametrize("size", range(31))
def test_bytes_without_a_target_are_no_code(size):
    body = bytes(size)
    forged = kernel_tokens.encode(body + kernel_tokens.mac("tracking target", body, 12))
    if size <= 11:
        with pytest.raises(NotFound):
            tokens.read_target_code(forged)
    for purpose in ("tracking", "unsubscribe"):
        with pytest.raises(NotFound):
            tokens.read_target_code(kernel_tokens.encode(body + kernel_tokens.mac(purpose, body, 12)))


@pytest.mark.parametrize(("mailing_no", "n"), [(0, 1), (2**32, 1), (1, -1), (1, 2**40)])
def test_numbers_that_do_not_fit_are_refused(mailing_no, n):
    with pytest.raises(ValueError, match="fit"):
        tokens.make(mailing_no, n)
