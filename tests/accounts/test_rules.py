"""Pure decisions of accounts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounts.rules import colour, emails, links, passwords, roles
from app.accounts.rules.brand import host_of, time_zone_of
from tests.support.properties import ANY

HEX = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@given(HEX)
def test_every_accent_becomes_four_colours_that_can_be_read(accent):
    found = colour.palette(accent)
    assert colour.contrast(found.brand, found.on_brand) >= 4.5
    assert colour.contrast(found.brand_dark, found.on_brand_dark) >= 4.5
    assert colour.contrast(found.brand, "#fbfaf7") >= 4.5
    assert colour.contrast(found.brand_dark, "#191c21") >= 4.5
    assert all(re.fullmatch(r"#[0-9a-f]{6}", value) for value in (found.brand, found.brand_dark))


def test_an_accent_that_can_be_read_already_stays_as_it_is():
    assert colour.palette("#7a4a2b").brand == "#7a4a2b"
    assert colour.palette("#ffff00").brand_dark == "#ffff00"


def test_contrast_is_wcag_s():
    assert colour.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert colour.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_a_palette_below_the_minimum_cannot_be_made():
    with pytest.raises(ValueError, match="below"):
        colour.Palette("#777777", "#ffffff", "#ffffff", "#000000")


@pytest.mark.parametrize("raw", ["red", "#12345", "#1234567", "#12345g", "", "url(x)", "#123456;}"])
def test_anything_but_six_figures_is_no_accent(raw):
    with pytest.raises(ValueError, match="not #rrggbb"):
        colour.parse_accent(raw)


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "elevenchars",
        "aaaaaaaaaaaaaaa",
        "abcabcabcabc",
        "abcdefghijklm",
        "zyxwvutsrqpon",
        "qwertyuiopas",
        "1q2w3e4r5t6y",
        "123456789012",
        "4401752839017",
        "Password1234!",
        "P@ssw0rd2024!!",
        "Summer2026!!!!",
        "passwordpassword",
        "adminadmin123!",
        "marta-oxbow-12",
        "x" * 257,
    ],
)
def test_a_password_that_guessing_programs_try_first_is_refused(password):
    assert passwords.fault(password, email="marta@oxbow.example", name="Marta Byrne")


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "Zebra piano 17 river",
        "tK9#vX2$mQ7!",
        "83#2!4-9$1a7&0",
        "вишнёвый сад зимой",
    ],
)
def test_a_good_password_is_taken(password):
    assert passwords.fault(password, email="marta@oxbow.example", name="Marta Byrne") is None


def test_a_name_within_a_long_sentence_is_fine():
    assert (
        passwords.fault("marta walks nine dogs along the quay", email="marta@oxbow.example", name="Marta")
        is None
    )


@pytest.mark.parametrize("target", ["/", "/people", "/people?q=a%20b&next=//x", "/forms/1#top"])
def test_paths_of_this_site_may_be_gone_to(target):
    assert links.safe_next(target) == target


@pytest.mark.parametrize(
    "target",
    [
        "",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "people",
        "/" + "a" * 3000,
        "///evil.example",
        "/%5cevil".replace("%5c", "\\"),
    ],
)
def test_everything_else_goes_to_the_front_page(target):
    assert links.safe_next(target) == "/"


@given(st.text(ANY, max_size=60))
def test_no_target_ever_leaves_the_site(target):
    found = links.safe_next(target)
    assert found.startswith("/")
    assert not found.startswith(("//", "/\\"))
    assert "\\" not in found


def test_a_household_is_one_network():
    assert links.network_of("203.0.113.9") == "203.0.113.9"
    assert links.network_of("2001:db8:1:2:3::4") == links.network_of("2001:db8:1:2:ffff::1")
    assert links.network_of("2001:db8:1:2::4") != links.network_of("2001:db8:1:3::4")
    assert links.network_of("::ffff:203.0.113.9") == "203.0.113.9"
    assert links.network_of("nonsense") == "unknown"


def test_an_address_has_one_spelling():
    assert emails.fold(" Marta@Bücher.Example ") == "marta@xn--bcher-kva.example"


@pytest.mark.parametrize(
    "raw",
    ["", "a", "a@b", "a b@c.de", "a@b@c.de", "<a@b.de>", "a@1.2.3.4", "a..b@c.de", "a@c.de\r\nBcc: x@y.de"],
)
def test_what_is_no_address_is_refused(raw):
    with pytest.raises(ValueError, match="not a"):
        emails.fold(raw)


def test_roles_hold_what_they_say_and_no_more():
    assert roles.permissions_of("owner") >= roles.PERMISSIONS
    assert not any(name.endswith(".write") for name in roles.permissions_of("viewer"))
    assert "settings.write" not in roles.permissions_of("editor")
    assert "people.write" not in roles.permissions_of("editor")
    assert roles.permissions_of(None) == {roles.SET_UP, roles.OWN}
    with pytest.raises(ValueError, match="admin"):
        roles.permissions_of("admin")


def test_every_scope_of_a_key_has_its_words():
    assert set(roles.WORDS) == roles.SCOPES


def test_small_words_of_a_brand():
    assert host_of("https://oxbow.example/shop") == "oxbow.example"
    assert host_of("") == ""
    assert time_zone_of("de") == "Europe/Berlin"
