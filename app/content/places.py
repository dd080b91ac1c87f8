"""Where content is found on the web: addresses that mails carry, made from the installation's own."""

from __future__ import annotations

from uuid import UUID

from app.kernel import tokens

_WEB_VIEW = "web view"
_base = ""


def configure(url: str) -> None:
    """Set the address that links begin with."""
    global _base
    _base = url


def base() -> str:
    """The installation's own address, without a slash at its end."""
    return _base


def web_view(version_id: UUID) -> str:
    """The letter as a page: the same address for everybody who got it, so it tells nothing about its reader."""
    return f"{_base}/v/{tokens.sign(_WEB_VIEW, version_id.bytes)}"


def read_web_view(token: str) -> UUID:
    """The version that the token names.

    Raises:
        NotFound: not one of ours.
    """
    return UUID(bytes=tokens.verify(_WEB_VIEW, token, size=16))


def picture(key: str, kind: str) -> str:
    """A picture; the same address always shows the same bytes."""
    return f"{_base}/pictures/{key}.{kind}"


def archive(workspace_public_id: str, number: int | None = None) -> str:
    """The letters so far, or one of them."""
    end = "" if number is None else f"/{number}"
    return f"{_base}/archive/{workspace_public_id}{end}"
