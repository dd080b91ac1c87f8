"""What content adds to the house."""

from __future__ import annotations

from flask import Flask

from app.content import places
from app.kernel.module import Module


def _install(app: Flask) -> None:
    places.configure(app.config["NOD"].url)


MODULE = Module(
    "content",
    blueprints=("app.content.pages:blueprint",),
    cli=("app.content.cli:group",),
    on_install=_install,
)
