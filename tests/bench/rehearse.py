"""What it costs to try a letter with everybody: one that uses a first name, and one that uses each reader's address.

    python -m tests.bench.rehearse --people 1000000

The last line is JSON: seconds and people a second of both, and how many copies were made.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass

from app.campaigns import rehearsal, rehearsing, service
from app.content import service as content
from app.delivery import service as delivery
from app.kernel.db import transaction
from tests.bench import letter
from tests.bench.crowd import People
from tests.bench.house import Sender, house, sender


@dataclass(frozen=True)
class Figure:
    """One letter tried with all of them."""

    letter: str
    people: int
    copies: int
    seconds: float


def measure(where: Sender, name: str, source: str) -> Figure:
    """Ask for it and do the work of the job in this process, until it has ended."""
    with transaction():
        made = service.create(where.id, name, "code")
        content.save_draft(where.id, made.letter_id, "November", "Ten stories", source)
        service.choose(where.id, made.id, name, [where.interest])
        rehearsal.ask(where.id, made.id)
        campaign_id = made.id
    copies = _count_copies()
    began = time.monotonic()
    while True:
        rehearsing.run()
        with transaction():
            row = rehearsal.find(where.id, campaign_id)
            assert row is not None
            if row.ended_at is not None:
                assert not row.fault, row.fault
                return Figure(name, row.tried, len(copies), round(time.monotonic() - began, 1))


def _count_copies() -> list[int]:
    made: list[int] = []
    real = delivery.Rehearsal.copy
    while hasattr(real, "__wrapped__"):
        real = real.__wrapped__

    def copy(self: delivery.Rehearsal, reader: content.Reader, ground: object) -> delivery.Copy:
        made.append(1)
        return real(self, reader, ground)  # type: ignore[arg-type]

    copy.__wrapped__ = real  # type: ignore[attr-defined]
    delivery.Rehearsal.copy = copy  # type: ignore[method-assign, assignment]
    return made


def main() -> None:
    """Measure both and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=100_000)
    people = parser.parse_args().people
    with house() as place:
        where = sender()
        People(place.admin_url, print).fill(where.model, people - 1)
        source = letter.source()
        figures = [
            measure(where, "first name", source),
            measure(where, "address", source.replace('contact.first_name|default("there")', "contact.email")),
        ]
    print(json.dumps([asdict(one) | {"per_second": round(one.people / one.seconds)} for one in figures]))  # noqa: T201  what it is for


if __name__ == "__main__":
    main()
