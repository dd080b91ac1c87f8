"""Real pictures for tests, made by Pillow."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

GPS = 0x8825


def encoded(image: Image.Image, kind: str, **more: Any) -> bytes:
    """A picture as a file."""
    made = io.BytesIO()
    image.save(made, kind, **more)
    return made.getvalue()


def decoded(data: bytes) -> Image.Image:
    """The picture in a file."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def halves(width: int = 80, height: int = 40) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", (width, height), (220, 20, 20))
    image.paste((20, 20, 220), (width // 2, 0, width, height))
    return image


def png(width: int = 80, height: int = 40) -> bytes:
    """Red on the left, blue on the right."""
    return encoded(halves(width, height), "PNG")


def photo(width: int = 80, height: int = 40, *, turned: int = 1) -> bytes:
    """A JPEG as telephones make it: it says where it was taken, and how the telephone was held."""
    exif = Image.Exif()
    exif[0x0112] = turned
    exif[0x010F] = "Secretphone"
    exif.get_ifd(GPS).update({1: "N", 2: (54.0, 19.0, 23.5), 3: "E", 4: (10.0, 8.0, 4.2)})
    return encoded(halves(width, height), "JPEG", exif=exif, quality=95, comment=b"hidden words")


def moving(frames: int = 4, width: int = 40, height: int = 20) -> bytes:
    """A GIF that is repeated for ever, with a comment."""
    drawn = [Image.new("RGB", (width, height), (40 * number % 256, 80, 120)) for number in range(frames)]
    return encoded(
        drawn[0], "GIF", save_all=True, append_images=drawn[1:], duration=80, loop=0, comment=b"hidden words"
    )


def multipart(
    fields: dict[str, str], *files: bytes | None, name: str = "harbour.png", kind: str = "image/png"
) -> dict[str, Any]:
    """A form with files, written by hand: the test client would leave its temporary files open."""
    head = f'Content-Disposition: form-data; name="picture"; filename="{name}"\r\nContent-Type: {kind}'
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    parts += [f"--b\r\n{head}\r\n\r\n".encode() + data + b"\r\n" for data in files if data is not None]
    return {"data": b"".join(parts) + b"--b--\r\n", "content_type": "multipart/form-data; boundary=b"}
