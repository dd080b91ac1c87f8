"""The pages of transactional mail: the templates, one of them, what came of their mails."""

from flask import Blueprint

blueprint = Blueprint("transactional", __name__, template_folder="../templates")

from app.transactional.pages import editing, listing, report  # noqa: E402, F401  they add their routes
