"""HTML of the front page, the first run and the settings."""

from app.home.pages import overview, settings, setup

BLUEPRINTS = (overview.blueprint, setup.blueprint, settings.blueprint)

__all__ = ["BLUEPRINTS"]
