"""Attack case 8: SVG is a program that draws; it is never kept, and nothing is ever served as one."""

from __future__ import annotations

import pytest

from app.content import pictures, queries
from tests.support import accounts, images, make

DRAWN = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><foreignObject><script>alert(1)</script></foreignObject></svg>"


@pytest.mark.parametrize(
    "data",
    [
        DRAWN,
        b"<?xml version='1.0'?>\n" + DRAWN,
        b"<!-- harmless -->" + DRAWN,
        b"<!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' 'x'>" + DRAWN,
        b"\n\n  " + DRAWN,
    ],
)
def test_case_8_svg_is_refused_in_words_and_nothing_is_kept(client, session, data):
    place = make.place()
    accounts.sign_in(client, accounts.Account(place.owner_id, place.id, place.owner_email, make.PASSWORD))
    token = accounts.csrf_of(client.get("/pictures").text)
    answer = client.post("/pictures", **images.multipart({"csrf": token}, data, name="logo.png"))
    assert answer.status_code == 415
    assert "SVG can carry scripts" in answer.text
    assert queries.list_pictures(place.id).rows == []


def test_case_8_no_picture_has_a_kind_that_runs():
    assert set(pictures.MIME.values()) == {"image/png", "image/jpeg", "image/gif", "image/webp"}
