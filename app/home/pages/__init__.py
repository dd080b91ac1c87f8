"""HTML of the front page, the first run and the settings."""

from app.home.pages import domain, overview, pace, permission, settings, setup

BLUEPRINTS = (overview.blueprint, setup.blueprint, settings.blueprint, pace.blueprint, domain.blueprint)

__all__ = ["BLUEPRINTS", "permission"]
