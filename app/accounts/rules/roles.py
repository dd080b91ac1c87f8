"""What a role may do."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A user's part in one workspace."""

    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"


SET_UP = "setup"
"""Held by owners, and by a first owner whose workspace is not there yet."""

OWN = "me"
"""Held by everybody who is signed in and by every key: to ask who one is, and to look after one's own account."""

PERMISSIONS = frozenset(
    {
        "people.read",
        "people.write",
        "forms.read",
        "forms.write",
        "campaigns.read",
        "campaigns.write",
        "settings.read",
        "settings.write",
        "audit.read",
    }
)
SCOPES = PERMISSIONS - {"settings.write", "audit.read"}
"""What an API key may be given: a key that leaks must not be able to change who sends or who signs in."""

WORDS = {
    "campaigns.read": "See campaigns",
    "campaigns.write": "Write campaigns",
    "forms.read": "See forms",
    "forms.write": "Change forms",
    "people.read": "See people",
    "people.write": "Add and change people",
    "settings.read": "See settings",
}
"""What each scope means to whoever gives it."""

_OF_ROLE = {
    Role.OWNER: PERMISSIONS | {SET_UP, OWN},
    Role.EDITOR: frozenset(
        {"people.read", "forms.read", "forms.write", "campaigns.read", "campaigns.write", OWN}
    ),
    Role.VIEWER: frozenset({"people.read", "forms.read", "campaigns.read", OWN}),
}


def permissions_of(role: str | None) -> frozenset[str]:
    """The permissions of a role; without one (no workspace yet) only the set-up."""
    return frozenset({SET_UP, OWN}) if role is None else _OF_ROLE[Role(role)]
