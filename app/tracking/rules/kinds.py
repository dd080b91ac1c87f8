"""Kinds of signals: what a manifest says about one, and what programs may call their own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

OWN: Final = "own."
"""Before the name of a workspace's own kind, so that it is never one of a manifest's."""
MAX_OWN: Final = 200
"""Own kinds of a workspace: names that are made by a program's mistake end here."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class SignalKind:
    """Something that people do.

    Args:
        name: as stored, e.g. ``click``.
        label: for people, e.g. "Followed a link".
        icon: of our sprite.
        weight: points of one that a person made, just now; 0: scores leave it out until a workspace says otherwise.
        is_told: whether programs tell it by the API.
        needs_tracking: whether it is kept only of people who let us see what they do.
    """

    name: str
    label: str
    icon: str
    weight: float = 0.0
    is_told: bool = False
    needs_tracking: bool = False

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise ValueError(f"{self.name} must not weigh less than nothing")


def own_name(written: str) -> str:
    """How an own kind that a program calls so is stored.

    Raises:
        ValueError: no name for a kind.
    """
    if not _NAME.fullmatch(written):
        raise ValueError(
            "Name the kind in small letters, digits and underscores, beginning with a letter: webinar_attended."
        )
    return OWN + written


def label_of(written: str) -> str:
    """What people see of an own kind until somebody calls it otherwise."""
    return written.replace("_", " ").capitalize()
