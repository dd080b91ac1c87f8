"""HTML of the front page, the first run and the settings."""

from app.home.pages import overview, pace, settings, setup

BLUEPRINTS = (overview.blueprint, setup.blueprint, settings.blueprint, pace.blueprint)

__all__ = ["BLUEPRINTS"]
