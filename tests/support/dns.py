"""A zone that tests write themselves, in the place of the DNS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.delivery import lookup
from app.delivery.queries import KeyPair


class Zone(dict[str, list[str]]):
    """Names with their TXT records; a name in ``silent`` is one that no server answers for."""

    def __init__(self) -> None:
        super().__init__()
        self.silent: set[str] = set()
        self.asked: list[str] = []

    def __call__(self, name: str) -> list[str]:
        self.asked.append(name)
        if name in self.silent:
            raise lookup.Silent("timed out")
        return self.get(name, [])

    def publish(self, pair: KeyPair) -> None:
        """Let both records of a pair stand."""
        for record in pair.records:
            self[record.name] = [record.value]


@contextmanager
def zone() -> Iterator[Zone]:
    """Whoever asks the DNS in this process asks this zone."""
    made = Zone()
    lookup.use(made)
    try:
        yield made
    finally:
        lookup.use(None)
