"""HTML of the front page, the first run and the settings."""

from app.home.pages import domain, overview, pace, permission, settings, setup

__all__ = ["domain", "overview", "pace", "permission", "settings", "setup"]
