"""Which mails exist: read from the manifests, so that a new one is one line in its own domain."""

from __future__ import annotations

from app.delivery.rules import SystemMail
from app.kernel import module


def get(name: str) -> SystemMail:
    """The mail of that name.

    Raises:
        ValueError: no manifest has it.
    """
    for installed in module.installed():
        for mail in installed.system_mails:
            if mail.name == name:
                found: SystemMail = mail
                return found
    raise ValueError(f"No manifest has a system mail named {name}.")


def title(name: str) -> str:
    """What people call it; mails whose domain has gone keep their plain name."""
    try:
        return get(name).title or name.replace("_", " ").capitalize()
    except ValueError:
        return name.replace("_", " ").capitalize()
