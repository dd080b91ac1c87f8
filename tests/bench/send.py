"""How fast a newsletter goes out: ``python -m tests.bench.send``, or ``make bench-send``.

It runs an installation of its own with the real worker processes, several times, beside the best that this machine
can do into the same sink in the same minute. The last line is JSON.
"""

from __future__ import annotations

import logging
import os
import time
from datetime import time as clock_time

import click

from app.delivery.rules.hours import By, Span, Timing, Window
from tests.bench import freezing, probe, reference, report, sending, signing
from tests.bench.asking import Asking
from tests.bench.crowd import People
from tests.bench.house import House, Sender, house, sender
from tests.bench.report import Run, Signed
from tests.bench.sinks import OWN, Sink, sink
from tests.support.outbox import FROM, place_with_sender

MILLION = 1_000_000


@click.command()
@click.option("--recipients", type=click.IntRange(2), help="People in each mailing.  [default: 50000]")
@click.option("--runs", type=click.IntRange(1), help="Mailings; the last line has the medians.  [default: 3]")
@click.option("--sink", "named", metavar="HOST:PORT", help=f"Another mail server, or: {OWN}.")
@click.option("--freeze-people", default=MILLION, show_default=True, help="0: that is not measured.")
@click.option("--million", is_flag=True, help="One mailing to 1,000,000, and the workers' memory over time.")
@click.option("--asking", is_flag=True, help="One mailing to 200,000, and a system mail a second meanwhile.")
@click.option("--dkim", is_flag=True, help="A run with DKIM after those without.")
@click.option("--connections", default=reference.CONNECTIONS, show_default=True, help="Of smtp-source.")
def main(
    recipients: int | None,
    runs: int | None,
    named: str | None,
    freeze_people: int,
    connections: int,
    *,
    million: bool,
    asking: bool,
    dkim: bool,
) -> None:
    """Measure sending, and print one line of JSON last."""
    recipients = recipients or (MILLION if million else 200_000 if asking else 50_000)
    runs = runs or (1 if million or asking else 3)
    with house() as made, sink(named, made.folder, made.servers.postgres.place.account) as taker:
        logging.disable(logging.WARNING)  # this process only looks on
        bench = Bench(made, taker, connections)
        bench.prepare(recipients)
        found = [bench.run(f"run {number} of {runs}", is_asking=asking) for number in range(1, runs + 1)]
        if million:
            _say("A worker's memory:")
            _say(report.memory_words(found[-1].sent.memory, recipients))
        signed = bench.dkim(found) if dkim else None
        freeze_seconds = bench.freeze(freeze_people) if freeze_people else None
        _say(
            report.last_line(
                found, freeze_seconds=freeze_seconds, signed=signed, mail_bytes=bench.mail_bytes
            )
        )


class Bench:
    """One installation, one sink, and what is measured with them in turn."""

    def __init__(self, made: House, taker: Sink, connections: int) -> None:
        self._house = made
        self._sink = taker
        self._connections = connections
        self._people = People(made.admin_url, _say)
        self._sender: Sender = sender()
        self._recipients = 1
        self.mail_bytes = 0

    def prepare(self, recipients: int) -> None:
        """One mail is looked at, the people are made, the sink's limits are told."""
        _say(f"A look at one mail, through real workers (load of this machine: {os.getloadavg()[0]:.1f})")
        self.mail_bytes = probe.look(self._house, self._sender, _say)
        _say(f"  {self.mail_bytes:,} bytes: links, pixel, first name, ways to leave, headers are there")
        _say(f"{recipients:,} people who said yes")
        self._people.fill(self._sender.model, recipients - 1)
        self._recipients = recipients
        ceiling = reference.ceiling(self._sink, self.mail_bytes)
        _say(f"Into {self._sink.name} our own blaster sends {ceiling:,.0f}/s: that is about its ceiling")
        _say(f"The reference is {reference.name()}")

    def run(self, title: str, *, is_asking: bool = False) -> Run:
        """One mailing between two measurements of the reference; somebody asks for a mail each second meanwhile, or not.

        Raises:
            click.ClickException: somebody got none, or two.
        """
        _say(f"{title}: {self._recipients:,} people")
        self._people.settle()
        before = self._reference()
        try:
            others = Asking(place_with_sender()) if is_asking else None
            sent = sending.send(self._house, self._sender, self._sink, self._recipients, _say, others)
        except sending.Wrong as wrong:
            raise click.ClickException(str(wrong)) from None
        found = Run(sent, (before + self._reference()) / 2)
        _say(found.words())
        return found

    def dkim(self, unsigned: list[Run]) -> Signed:
        """The rate with DKIM beside what is possible."""
        signing.make_keys(self._sender.id, FROM.partition("@")[2])
        limit = signing.limit()
        _say(f"openssl signs {limit:,.0f}/s with RSA-2048 on all cores")
        found = self.run("with DKIM")
        without = sorted(run.sent.per_second for run in unsigned)[len(unsigned) // 2]
        return Signed(found.sent.per_second, without, limit)

    def freeze(self, people: int) -> float:
        """The seconds that an audience of so many takes."""
        _say(f"An audience of {people:,}")
        other = sender()
        self._people.fill(other.model, people - 1)
        took = freezing.freeze(other, people)
        _say(f"  frozen in {took:.1f} s")
        freezing.spread(other)
        by_clocks = freezing.freeze(other, people, Timing(By.LOCAL, window=Window(span=Span(clock_time(8), clock_time(20)))))
        _say(f"  by people's own clocks, in six time zones, within hours: {by_clocks:.1f} s")
        return took

    def _reference(self) -> float:
        mails = min(reference.MAILS, max(1000, self._recipients))
        return reference.rate(self._sink, self.mail_bytes, connections=self._connections, mails=mails)


_began = time.monotonic()


def _say(words: str) -> None:
    click.echo(words)


if __name__ == "__main__":
    main()
