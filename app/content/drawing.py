"""Drawing a picture anew, as a program of `app.content.limited`, in a process of its own.

It imports nothing but the standard library and Pillow. It is asked ``{"data": base64, "kind", "width", "octets",
"ratio": [16, 9] or null, "focus": [across, down] in percent}`` and answers ``{"data": base64, "kind", "width", "height"}``,
``{"moves": true, "width", "height"}`` for a GIF of several frames, which is not drawn, or ``{"refused": a sentence}``.

What was given is never handed on: only pixels are, turned upright, in sRGB, without what a camera wrote beside them.
"""

from __future__ import annotations

import base64
import io
import warnings
from typing import Any, Final

from PIL import Image, ImageCms, ImageOps

MEMORY_OCTETS: Final = 1024 * 1024 * 1024
CPU_SECONDS: Final = 15
PIXELS: Final = 40_000_000
"""Of one frame: a photo of a good camera, 160 MB when decoded."""
FRAMES: Final = 500
ALL_PIXELS: Final = 500_000_000
"""Of all frames together."""
SIDE: Final = 6_000
QUALITIES: Final = (85, 75, 65)
_FORMATS: Final = {"png": "PNG", "jpeg": "JPEG", "gif": "GIF", "webp": "WEBP"}
_BROKEN: Final = "This picture is broken. Save it anew and try again."
_ORIENTATION: Final = 0x0112


class Refused(Exception):
    """A picture that cannot be used; the text says why and what to do."""


def load() -> None:
    """Bring the readers of the four kinds, and make a warning of a flood of pixels a fault."""
    Image.preinit()
    Image.init()
    Image.MAX_IMAGE_PIXELS = PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)


def work(asked: dict[str, Any]) -> dict[str, Any]:
    """Draw one picture."""
    try:
        return _work(asked)
    except Refused as refused:
        return {"refused": str(refused)}
    except Exception:  # noqa: BLE001  (readers raise anything on odd input)
        return {"refused": _BROKEN}


def _work(asked: dict[str, Any]) -> dict[str, Any]:
    data = base64.b64decode(asked["data"])
    # What the first octets say is read as that and as nothing else.
    image = Image.open(io.BytesIO(data), formats=(_FORMATS[asked["kind"]],))
    if image.width * image.height > PIXELS:
        raise Refused("This picture has more than 40 million pixels.")
    if asked["kind"] != "jpeg" and getattr(image, "is_animated", False):
        return _watch(image)
    prefers_jpeg = asked["kind"] == "jpeg" or (asked["kind"] == "webp" and data[12:16] != b"VP8L")
    drawn = _narrow(_plain(_cut(_upright(image), asked["ratio"], asked["focus"])), asked["width"])
    return _written(drawn, prefers_jpeg, asked["octets"])


def _watch(image: Image.Image) -> dict[str, Any]:
    """See each frame of a GIF once; of the others none moves in a mail."""
    if image.format != "GIF":
        raise Refused("Of the pictures that move, only GIF does so in mails. Save it as GIF.")
    frames = int(getattr(image, "n_frames", 1))
    if frames > FRAMES or frames * image.width * image.height > ALL_PIXELS:
        raise Refused(f"This picture moves for too long: it has {frames:,} frames. Make them fewer or smaller.")
    for number in range(frames):
        image.seek(number)
        image.load()
    return {"moves": True, "width": image.width, "height": image.height}


def _upright(image: Image.Image) -> Image.Image:
    """Decoded, and turned as the camera says that it was held."""
    # A large photo is decoded at a half, a fourth or an eighth where that is still more than enough.
    image.draft(None, (2_400, 2_400))
    image.load()
    try:
        is_turned = image.getexif().get(_ORIENTATION, 1) != 1
    except Exception:  # noqa: BLE001  (what cannot be read says nothing)
        is_turned = False
    if is_turned:
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _cut(image: Image.Image, ratio: list[int] | None, focus: list[int]) -> Image.Image:
    """The largest part of that shape; the rest goes where the focus is not, as in CSS's object-position."""
    if not ratio:
        return image
    across, down = ratio
    width = max(1, min(image.width, round(image.height * across / down)))
    height = max(1, min(image.height, round(image.width * down / across)))
    left, top = (image.width - width) * focus[0] // 100, (image.height - height) * focus[1] // 100
    return image.crop((left, top, left + width, top + height))


def _plain(image: Image.Image) -> Image.Image:
    """Eight bits a channel, in grey, a palette, RGB or RGBA; colours in sRGB, which is what readers without profiles assume."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):
        image = image.point(lambda value: value / 256).convert("L")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode in {"LA", "La", "PA", "RGBa"} or (image.mode in {"L", "RGB"} and "transparency" in image.info):
        image = image.convert("RGBA")
    elif image.mode not in {"L", "P", "RGB", "RGBA", "CMYK"}:
        image = image.convert("RGB")
    if profile and image.mode in {"RGB", "RGBA", "CMYK"}:
        image = _in_srgb(image, profile)
    if image.mode == "CMYK":
        image = image.convert("RGB")
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("RGB")
    return image


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """The same colours without their profile; as it is where that cannot be read."""
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        opaque = image.convert("RGB") if alpha else image
        drawn = ImageCms.profileToProfile(opaque, given, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    if drawn is None:
        return image
    if alpha:
        drawn.putalpha(alpha)
    return drawn


def _narrow(image: Image.Image, width: int) -> Image.Image:
    if image.width > width:
        if image.mode == "P":
            image = image.convert("RGBA" if "transparency" in image.info else "RGB")
        height = max(1, round(image.height * width / image.width))
        image = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    if image.height > SIDE:
        raise Refused(f"This picture is {image.height:,} pixels high. Cut it into several.")
    return image


def _written(image: Image.Image, prefers_jpeg: bool, octets: int) -> dict[str, Any]:
    """As JPEG or PNG, whatever fits; nothing but the pixels and what is transparent goes with them."""
    image.info = {name: value for name, value in image.info.items() if name == "transparency"}
    is_clear = image.mode == "RGBA" or "transparency" in image.info
    data = b"" if prefers_jpeg and not is_clear else _png(image)
    kind = "png"
    if not is_clear and (not data or len(data) > octets):
        data, kind = _jpeg(image, octets), "jpeg"
    elif len(data) > octets:
        data = _png(image.convert("RGBA").quantize(256, Image.Quantize.FASTOCTREE))
    if len(data) > octets:
        raise Refused(f"Even made smaller it has {len(data) / 1e6:.1f} MB. Cut it to what matters and try again.")
    return {
        "data": base64.b64encode(data).decode(),
        "kind": kind,
        "width": image.width,
        "height": image.height,
    }


def _png(image: Image.Image) -> bytes:
    made = io.BytesIO()
    image.save(made, "PNG", optimize=True)
    return made.getvalue()


def _jpeg(image: Image.Image, octets: int) -> bytes:
    plain = image.convert("RGB") if image.mode == "P" else image
    for quality in QUALITIES:
        made = io.BytesIO()
        plain.save(made, "JPEG", quality=quality, optimize=True, progressive=True)
        if made.tell() <= octets:
            break
    return made.getvalue()
