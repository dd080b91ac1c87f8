"""The URL map as tests walk it: every route, with something in the place of its arguments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flask import Flask

from app.kernel.http.guards import Guard, guard_of

SOME_UUID = "01976f3e-7c0a-7000-8000-000000000001"
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True)
class Route:
    """One method of one address."""

    method: str
    path: str
    endpoint: str
    guard: Guard
    has_arguments: bool


def routes(app: Flask) -> Iterator[Route]:
    """Every method of every route but HEAD and OPTIONS; arguments are filled with what nothing is named."""
    for rule in app.url_map.iter_rules():
        guard = guard_of(app, rule.endpoint)
        assert guard is not None, rule.endpoint
        values = {name: something(converter) for name, converter in rule._converters.items()}
        built = rule.build(values, append_unknown=False)
        assert built is not None, rule.rule
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield Route(method, built[1], rule.endpoint, guard, bool(rule.arguments))


def something(converter: object) -> object:
    """What fits where this converter reads an argument, and names nothing."""
    return {"UUIDConverter": SOME_UUID, "IntegerConverter": 1}.get(type(converter).__name__, "nothing")
