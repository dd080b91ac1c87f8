"""The web application, for any WSGI server."""

from app import create_app
from app.config import Settings
from app.local.attach import attach

settings = Settings.from_env()
app = create_app(settings)
attach(app, settings)
