"""Which of several texts somebody gets, by the language that they read. Pure."""

from __future__ import annotations

from collections.abc import Collection


def wanted(*asked: str) -> list[str]:
    """Languages in the order in which they are looked for: each, then without its country; each once."""
    found: list[str] = []
    for one in asked:
        whole = one.replace("_", "-").lower()
        found += [name for name in (whole, whole.partition("-")[0]) if name]
    return list(dict.fromkeys(found))


def pick(asked: str, among: Collection[str], otherwise: str) -> str:
    """The one of ``among`` that somebody gets who reads ``asked``: ``de-AT`` also gets ``de``."""
    if asked in among:
        return asked
    return next((one for one in wanted(asked) if one in among), otherwise)
