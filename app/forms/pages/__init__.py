"""HTML of forms: ``public`` for readers, ``editor`` for staff."""

from flask import Blueprint

blueprint = Blueprint("forms", __name__, template_folder="../templates")

from app.forms.pages import public, editor, results  # noqa: E402, I001  they add their routes to the blueprint

__all__ = ["blueprint", "editor", "public", "results"]
