"""Attack case 10: a picture that would grow when decoded is refused by its first bytes, before anything decodes it."""

from __future__ import annotations

import base64
import struct
import zlib

import pytest
from PIL import Image

from app.content import drawing, pictures, queries
from app.kernel.errors import BadInput
from tests.support import accounts, images, letters, make


def png(width: int, height: int) -> bytes:
    """A real PNG whose pixels are one compressed run: a few KB that would become gigabytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\x00" * min(height * (width // 8 + 2), 5_100_000)))
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


@pytest.fixture
def nothing_decodes(monkeypatch):
    monkeypatch.setattr(pictures, "_warm", None)


FLOODS = [(50_000, 50_000), (16_383, 16_383), (8_001, 5_000)]


@pytest.mark.parametrize(
    ("kind", "sides"),
    [*((kind, sides) for kind in KINDS for sides in FLOODS), ("png", (0, 10)), ("gif", (10, 0))],
)
def test_case_10_a_flood_of_pixels_is_refused_before_it_is_decoded(nothing_decodes, kind, sides):
    with pytest.raises(BadInput) as refused:
        pictures.prepare(KINDS[kind](*sides))
    assert refused.value.status == 422


def test_case_10_first_bytes_that_lie_are_found_out_by_who_decodes():
    """A small picture is announced, a large one follows: the process that reads it looks once more, and is limited."""
    large = images.encoded(images.halves(8_100, 5_000), "WEBP", lossless=True, quality=0, method=0)
    with pytest.raises(BadInput, match=r"million|broken"):
        pictures.prepare(webp(100, 100)[:30] + large[12:])
    asked = {"width": 1_200, "octets": pictures.KEPT_OCTETS, "ratio": None, "focus": [50, 50]}
    told = drawing.work(asked | {"data": base64.b64encode(large).decode(), "kind": "webp"})
    assert "more than 40 million" in told["refused"], "whoever calls it"


def test_case_10_a_picture_that_needs_more_than_its_share_ends_its_process_and_no_other(monkeypatch):
    monkeypatch.setattr(pictures, "WALL_SECONDS", 0.05)
    with pytest.raises(BadInput, match="too long"):
        pictures.prepare(png(8_000, 5_000))
    monkeypatch.undo()
    assert pictures.prepare(images.png()).seen.kind == "png"


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
def test_what_is_broken_too_heavy_or_no_picture_is_refused(nothing_decodes, data):
    with pytest.raises(BadInput):
        pictures.look(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_what_ends_too_early_is_refused(kind):
    data = images.encoded(Image.effect_noise((200, 150), 60).convert("RGB"), kind)
    for end in (len(data) // 3, len(data) // 2, len(data) - 60):
        with pytest.raises(BadInput, match="broken"):
            pictures.prepare(data[:end])


def test_case_10_every_way_in_answers_422_and_keeps_nothing(client, session):
    place = make.place()
    account = accounts.Account(place.owner_id, place.id, place.owner_email, make.PASSWORD)
    accounts.sign_in(client, account)
    made = letters.letter(place.id)
    token = accounts.csrf_of(client.get(f"/letters/{made.id}").text)
    for path in (f"/letters/{made.id}/pictures", "/pictures"):
        for data in (png(50_000, 50_000), images.png()[:50], b"\x89PNG\r\n\x1a\n" + b"x" * pictures.OCTETS):
            answer = client.post(path, **images.multipart({"csrf": token}, data))
            assert answer.status_code == 422, answer.text
        far_too_large = client.post(path, **images.multipart({"csrf": token}, b"x" * 51_000_000))
        assert far_too_large.status_code == 413
    assert queries.list_pictures(place.id).rows == []
