"""Pictures on their way in: drawn anew, upright, small enough, with nothing in them but what is seen."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageCms

from app.content import gifs, pictures
from app.content.pictures import Cut, prepare
from app.kernel.errors import BadInput
from tests.support import images

RED, BLUE = (220, 20, 20), (20, 20, 220)


def near(image: Image.Image, at: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    found = image.convert("RGB").getpixel(at)
    return all(abs(one - other) < 30 for one, other in zip(found, colour, strict=True))


def test_a_photo_comes_out_upright_and_says_neither_where_nor_by_what_it_was_taken():
    given = images.photo(80, 40, turned=6)
    assert b"Secretphone" in given
    assert b"hidden words" in given
    made = prepare(given)
    assert (made.seen.kind, made.seen.width, made.seen.height) == ("jpeg", 40, 80)
    shown = images.decoded(made.data)
    assert near(shown, (20, 10), RED)
    assert near(shown, (20, 70), BLUE)
    assert not shown.getexif()
    for left in (b"Secretphone", b"hidden words", b"Exif", b"GPS"):
        assert left not in made.data


def test_a_wide_picture_becomes_twice_as_wide_as_a_letter_and_a_narrow_one_stays():
    assert prepare(images.png(2_400, 600)).seen.width == 1_200
    made = prepare(images.png(2_400, 600))
    assert images.decoded(made.data).size == (1_200, 300)
    assert images.decoded(prepare(images.png(300, 200)).data).size == (300, 200)


@pytest.mark.parametrize(
    ("kind", "more", "becomes"),
    [
        ("JPEG", {}, "jpeg"),
        ("PNG", {}, "png"),
        ("GIF", {}, "png"),
        ("WEBP", {}, "jpeg"),
        ("WEBP", {"lossless": True}, "png"),
    ],
)
def test_each_kind_becomes_one_that_every_inbox_shows(kind, more, becomes):
    made = prepare(images.encoded(images.halves(), kind, **more))
    assert made.seen.kind == becomes
    assert made.seen.key == pictures.key_of(made.data)
    shown = images.decoded(made.data)
    assert shown.format == becomes.upper()
    assert near(shown, (10, 20), RED)
    assert near(shown, (70, 20), BLUE)


def test_what_is_transparent_stays_so():
    clear = images.halves(1_300, 100).convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    made = images.decoded(prepare(images.encoded(clear, "PNG")).data)
    assert made.mode == "RGBA"
    assert made.getchannel("A").getextrema()[0] < 10
    grey = Image.new("P", (20, 20), 3)
    assert "transparency" in images.decoded(prepare(images.encoded(grey, "PNG", transparency=3)).data).info
    webp = prepare(images.encoded(clear.resize((100, 50)), "WEBP"))
    assert webp.seen.kind == "png"


def test_sixteen_bits_cmyk_and_two_colours_are_drawn_in_eight_bits():
    deep = images.decoded(prepare(images.encoded(Image.new("I;16", (10, 10), 40_000), "PNG")).data)
    assert (deep.mode, deep.getpixel((0, 0))) == ("L", 156)
    press = images.decoded(prepare(images.encoded(images.halves().convert("CMYK"), "JPEG")).data)
    assert press.mode == "RGB"
    assert near(press, (10, 20), RED)
    assert prepare(images.encoded(Image.new("1", (10, 10), 1), "PNG")).seen.kind == "png"


def test_colours_of_another_space_are_turned_into_those_that_readers_assume():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"....").replace(b"bXYZ", b"rXYZ").replace(b"....", b"bXYZ")
    for kind in ("JPEG", "PNG"):
        made = images.decoded(prepare(images.encoded(images.halves(), kind, icc_profile=swapped)).data)
        assert "icc_profile" not in made.info
        assert near(made, (10, 20), BLUE), "where its profile calls blue what sRGB calls red"
    clear = images.halves().convert("RGBA")
    clear.putpixel((0, 0), (0, 0, 0, 0))
    made = images.decoded(prepare(images.encoded(clear, "PNG", icc_profile=swapped)).data)
    assert (made.mode, made.getpixel((0, 0))[3], near(made, (10, 20), BLUE)) == ("RGBA", 0, True)
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    odd = images.encoded(images.halves(), "JPEG", icc_profile=lab)
    assert near(images.decoded(prepare(odd).data), (10, 20), RED), "a profile that does not fit changes nothing"


def test_a_heavy_picture_is_made_light_enough_to_be_fetched():
    noise = Image.effect_noise((1_200, 1_100), 80)
    coloured = Image.merge("RGB", [noise, noise.rotate(90).resize(noise.size), noise.rotate(180)])
    opaque = prepare(images.encoded(coloured, "PNG"))
    assert opaque.seen.kind == "jpeg"
    assert len(opaque.data) <= pictures.KEPT_OCTETS
    coloured.putalpha(Image.linear_gradient("L").resize(coloured.size))
    clear = prepare(images.encoded(coloured, "PNG"))
    assert clear.seen.kind == "png"
    assert len(clear.data) <= pictures.KEPT_OCTETS
    assert "transparency" in images.decoded(clear.data).info


def test_a_picture_is_not_stretched_to_be_a_tower():
    with pytest.raises(BadInput, match="pixels high"):
        prepare(images.png(100, 6_100))


# --- Pictures that move -----------------------------------------------------------------------------------------


def test_a_gif_that_moves_keeps_its_frames_and_loses_what_stands_beside_them():
    given = images.moving()
    assert b"hidden words" in given
    made = prepare(given + b"<script>alert(1)</script>")
    assert (made.seen.kind, made.seen.width, made.seen.height) == ("gif", 40, 20)
    shown = Image.open(io.BytesIO(made.data))
    assert shown.n_frames == 4
    assert shown.info["loop"] == 0
    assert b"hidden words" not in made.data
    assert b"script" not in made.data
    before = Image.open(io.BytesIO(given))
    for number in range(4):
        shown.seek(number)
        before.seek(number)
        assert shown.convert("RGB").tobytes() == before.convert("RGB").tobytes()
        assert shown.info["duration"] == 80


def test_of_other_kinds_none_moves_and_of_gifs_none_for_ever():
    frames = [Image.new("RGB", (10, 10), (n, 0, 0)) for n in (0, 90, 180)]
    for kind in ("PNG", "WEBP"):
        with pytest.raises(BadInput, match="only GIF"):
            prepare(images.encoded(frames[0], kind, save_all=True, append_images=frames[1:]))
    with pytest.raises(BadInput, match="501 frames"):
        prepare(images.moving(501, 2, 2))


def test_a_gif_that_moves_and_is_too_heavy_is_refused(monkeypatch):
    monkeypatch.setattr(pictures, "KEPT_OCTETS", 100)
    with pytest.raises(BadInput, match="fewer frames"):
        prepare(images.moving())


@pytest.mark.parametrize("cut", [6, 12, 20, -1, -10])
def test_a_gif_that_does_not_end_is_no_gif(cut):
    with pytest.raises(ValueError, match="end"):
        gifs.stripped(images.moving()[:cut])


# --- Cutting ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("focus", "colour"), [((0, 50), RED), ((100, 50), BLUE), ((0, 0), RED), ((100, 100), BLUE)]
)
def test_what_is_cut_off_is_what_the_focus_is_far_from(focus, colour):
    made = prepare(images.png(80, 40), Cut(ratio=(1, 1), focus=focus))
    shown = images.decoded(made.data)
    assert shown.size == (40, 40)
    assert near(shown, (20, 20), colour)
    assert made.origin == "", "the same file gives several of these"


def test_a_cut_is_of_its_shape_and_no_wider_than_asked_for():
    for ratio, size in (((16, 9), (400, 225)), ((4, 3), (400, 300)), ((1, 1), (400, 400))):
        for given in ((1_000, 900), (900, 1_000)):
            shown = images.decoded(prepare(images.png(*given), Cut(400, ratio)).data)
            assert abs(shown.width - size[0]) <= 1
            assert abs(shown.height - size[1]) <= 1


@pytest.mark.parametrize(
    ("cut", "size", "changes"),
    [
        (Cut(600), (600, 400), False),
        (Cut(600), (601, 400), True),
        (Cut(600, (16, 9)), (320, 180), False),
        (Cut(600, (16, 9)), (320, 200), True),
        (Cut(600, (1, 1)), (320, 200), True),
        (Cut(600, (4, 3)), (400, 300), False),
    ],
)
def test_what_would_stay_as_it_is_is_known_beforehand(cut, size, changes):
    assert cut.changes(*size) is changes
    if not changes:
        assert images.decoded(prepare(images.png(*size), cut).data).size == size
