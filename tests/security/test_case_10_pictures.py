"""Attack case 10: a picture that would grow when decoded is refused by its first bytes; nothing is ever decoded."""

from __future__ import annotations

import struct
import zlib

import pytest

from app.content import pictures, queries
from app.kernel.errors import BadInput
from tests.support import accounts, letters, make


def png(width: int, height: int) -> bytes:
    """A real PNG whose pixels are one compressed run: a few KB that would become gigabytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\x00" * 1_000_000))
    return b"\x89PNG\r\n\x1a\n" + head + body + chunk(b"IEND", b"")


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\x00\x00\x00;"


def jpeg(width: int, height: int) -> bytes:
    app0 = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    return (
        b"\xff\xd8"
        + app0
        + b"\xff\xc0\x00\x11\x08"
        + struct.pack(">HH", height, width)
        + b"\x03"
        + b"\x00" * 9
    )


def webp(width: int, height: int) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00" + sides


KINDS = {"png": png, "gif": gif, "jpeg": jpeg, "webp": webp}


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_of_a_mail_is_measured(kind):
    seen = pictures.look(KINDS[kind](1200, 801))
    assert (seen.kind, seen.width, seen.height) == (kind, 1200, 801)


FLOODS = [(50_000, 50_000), (6_001, 10), (10, 6_001), (5_000, 5_000)]


@pytest.mark.parametrize(
    ("kind", "sides"),
    [*((kind, sides) for kind in KINDS for sides in FLOODS), ("png", (0, 10)), ("gif", (10, 0))],
)
def test_case_10_a_flood_of_pixels_is_refused(kind, sides):
    with pytest.raises(BadInput) as refused:
        pictures.look(KINDS[kind](*sides))
    assert refused.value.status == 422


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 40,
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe0\x00\x00" * 50,
        b"\xff\xd8" + b"\xff" * 5_000,
        b"RIFF\x00\x00\x00\x00WAVEfmt ",
        b"GIF89a",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<?xml version='1.0'?><svg/>",
        b"<html><script>alert(1)</script>",
        b"%PDF-1.7",
        b"BM" + b"\x00" * 60,
        b"\x89PNG\r\n\x1a\n" + b"\x00" * pictures.OCTETS,
    ],
)
def test_what_is_broken_too_heavy_or_no_picture_is_refused(data):
    with pytest.raises(BadInput):
        pictures.look(data)


def posted(token: str, data: bytes) -> bytes:
    """A form with a file, written by hand: the test client would leave its temporary file open."""
    csrf = f'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{token}\r\n'
    file = '--b\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    return csrf.encode() + file.encode() + data + b"\r\n--b--\r\n"


def test_case_10_the_upload_answers_422_and_keeps_nothing(client, session):
    place = make.place()
    account = accounts.Account(place.owner_id, place.id, place.owner_email, make.PASSWORD)
    accounts.sign_in(client, account)
    made = letters.letter(place.id)
    token = accounts.csrf_of(client.get(f"/letters/{made.id}").text)
    for data in (png(50_000, 50_000), b"<svg onload=alert(1)>", b"x" * (pictures.OCTETS + 10)):
        answer = client.post(
            f"/letters/{made.id}/pictures",
            data=posted(token, data),
            content_type="multipart/form-data; boundary=b",
        )
        assert answer.status_code == 422, answer.text
    assert queries.list_pictures(place.id) == []
