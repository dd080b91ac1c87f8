"""Where the panel of the person's page lies; engagement has no page of its own."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("engagement", __name__, template_folder="templates")
