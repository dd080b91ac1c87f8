"""Files as answers. No name and no address stands in a file's name."""

from __future__ import annotations

from uuid import UUID

from flask import Response


def as_json(file: bytes, contact_id: UUID) -> Response:
    """An evidence file to be saved."""
    return _saved(file, "application/json", f"evidence-{contact_id.hex[-8:]}.json")


def as_pdf(file: bytes, contact_id: UUID) -> Response:
    """The same on paper."""
    return _saved(file, "application/pdf", f"evidence-{contact_id.hex[-8:]}.pdf")


def as_program(file: bytes) -> Response:
    """The verifier."""
    return _saved(file, "text/x-python; charset=utf-8", "verifier.py")


def _saved(file: bytes, content_type: str, name: str) -> Response:
    made = Response(file, content_type=content_type)
    made.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return made
