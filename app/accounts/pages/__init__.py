"""HTML of accounts: the first owner, signing in and out, one's own account, API keys, a brand's colours."""

from flask import Blueprint

blueprint = Blueprint("accounts", __name__, template_folder="../templates")

from app.accounts.pages import brand, first_owner, keys, own, sign_in  # noqa: E402  they add their routes

__all__ = ["blueprint", "brand", "first_owner", "keys", "own", "sign_in"]
