"""Readers' pages, each behind a token that can do one thing."""

from app.preferences.pages import (
    asking,
    centre,
    confirming,
    data,
    guardian,
    leaving,
    moving,
    receipt,
    settings,
    why,
)
from app.preferences.pages.shown import blueprint

__all__ = [
    "asking",
    "blueprint",
    "centre",
    "confirming",
    "data",
    "guardian",
    "leaving",
    "moving",
    "receipt",
    "settings",
    "why",
]
