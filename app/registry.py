"""The contents page: every domain, lowest first."""

from __future__ import annotations

from importlib import import_module

from app.kernel.module import Module

NAMES = (
    "accounts",
    "contacts",
    "tags",
    "notes",
    "files",
    "consent",
    "tracking",
    "content",
    "delivery",
    "engagement",
    "evidence",
    "groups",
    "preferences",
    "forms",
    "segments",
    "campaigns",
    "transactional",
    "merging",
    "people",
    "imports",
    "home",
    "local",
    "demo",
)


def modules() -> tuple[Module, ...]:
    """The manifests, in the order of the flow."""
    return tuple(import_module(f"app.{name}.module").MODULE for name in NAMES)
