"""Pages of content: the editor with its preview, and what everybody may read."""

from flask import Blueprint

blueprint = Blueprint("content", __name__, template_folder="../templates")

from app.content.pages import editor, languages, library, pictures, preview, public, snippets  # noqa: E402, F401  they add their routes
