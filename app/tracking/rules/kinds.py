"""What a manifest says about a kind of signal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SignalKind:
    """Something that people do and that scores count.

    Args:
        name: as stored, e.g. ``click``.
        label: for people, e.g. "Followed a link".
        icon: of our sprite.
        weight: points of one that a person made, just now; above 0.
    """

    name: str
    label: str
    icon: str
    weight: float

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise ValueError(f"{self.name} must weigh something")
