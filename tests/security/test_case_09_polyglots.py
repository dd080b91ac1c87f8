"""Attack case 9: a file that is a picture and a page at once comes out as a picture and nothing else."""

from __future__ import annotations

import base64

import pytest

from app.content import drawing, pictures, queries, service
from app.kernel.db import transaction
from tests.support import accounts, images, make

PAGE = b"<html><script>alert(1)</script></html>"


def in_the_middle(data: bytes) -> bytes:
    """A comment of a GIF, before its first frame, that is a page."""
    at = data.index(b"\x21\xf9")
    return data[:at] + b"\x21\xfe" + bytes([len(PAGE)]) + PAGE + b"\x00" + data[at:]


HOSTILE = {
    "a page behind a PNG": images.png() + PAGE,
    "a page behind a JPEG": images.photo() + PAGE,
    "a page behind a GIF": images.moving() + PAGE,
    "a page inside a GIF": in_the_middle(images.moving()),
    "a page as a JPEG's comment": images.encoded(images.halves(), "JPEG", comment=PAGE),
    "a PDF behind a PNG": images.png() + b"%PDF-1.7 /JS (app.alert(1))",
    "an archive behind a JPEG": images.photo() + b"PK\x03\x04evil.exe",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_case_9_only_the_picture_is_kept(name):
    data = HOSTILE[name]
    made = pictures.prepare(data).data
    for left in (b"script", b"%PDF", b"evil.exe", b"app.alert"):
        assert left not in made
    assert images.decoded(made).size in {(80, 40), (40, 20)}


@pytest.mark.parametrize(
    ("data", "status"), [(PAGE, 415), (b"GIF89a/*" + PAGE, 422), (b"%PDF-1.7\n" + images.png(), 415)]
)
def test_case_9_what_only_calls_itself_a_picture_is_refused(client, session, data, status):
    place = make.place()
    accounts.sign_in(client, accounts.Account(place.owner_id, place.id, place.owner_email, make.PASSWORD))
    token = accounts.csrf_of(client.get("/pictures").text)
    answer = client.post("/pictures", **images.multipart({"csrf": token}, data, name="a.gif", kind="image/gif"))
    assert answer.status_code == status
    assert queries.list_pictures(place.id).rows == []


def test_case_9_what_was_seen_as_one_kind_is_read_as_no_other():
    asked = {"width": 1_200, "octets": pictures.KEPT_OCTETS, "ratio": None, "focus": [50, 50], "kind": "png"}
    assert "refused" in drawing.work(asked | {"data": base64.b64encode(images.photo()).decode()})
    assert "data" in drawing.work(asked | {"data": base64.b64encode(images.png()).decode()})


def test_case_9_a_picture_is_served_as_what_it_is_whatever_it_was_called(client, session):
    place = make.place()
    with transaction():
        picture = service.add_picture(place.id, "page.html", images.moving())
    answer = client.get(f"/pictures/{picture.key}.gif")
    assert answer.content_type == "image/gif"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    for ending in ("html", "png", "svg", "GIF"):
        assert client.get(f"/pictures/{picture.key}.{ending}").status_code == 404
