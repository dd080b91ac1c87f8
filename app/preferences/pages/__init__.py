"""Readers' pages, each behind a token that can do one thing."""

from app.preferences.pages import asking, centre, confirming, leaving, receipt, why
from app.preferences.pages.shown import blueprint

__all__ = ["asking", "blueprint", "centre", "confirming", "leaving", "receipt", "why"]
