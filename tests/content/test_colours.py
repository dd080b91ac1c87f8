"""Brand colours: any accent gives mails that can be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.content.colours import DEFAULT, Colours, contrast, paint

accents = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@given(accents)
def test_every_accent_gives_readable_pairs(accent: str) -> None:
    colours = Colours.of(accent)
    assert contrast(colours.brand, colours.surface) >= 4.5
    assert contrast(colours.brand, colours.on_brand) >= 4.5
    assert contrast(colours.brand_dark, colours.surface_dark) >= 4.5
    assert contrast(colours.brand_dark, colours.on_brand_dark) >= 4.5


def test_a_readable_accent_is_kept() -> None:
    assert Colours.of("#843A22").brand == "#843a22"
    assert round(contrast("#000000", "#ffffff")) == 21


@pytest.mark.parametrize("colour", ["", "red", "#fff", "#12345g", "#843a22;}", "$brand"])
def test_what_is_no_colour_is_refused(colour: str) -> None:
    with pytest.raises(ValueError, match="colour"):
        Colours.of(colour)
    with pytest.raises(ValueError, match="brand"):
        Colours(brand=colour)


def test_only_known_names_are_painted() -> None:
    assert paint("$brand $brand-dark $5 $unknown US$", DEFAULT) == "#843a22 #e9a583 $5 $unknown US$"
