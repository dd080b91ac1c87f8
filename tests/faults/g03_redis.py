"""G3: Redis is killed, emptied, starved of memory, and stopped for the rest of a mailing."""

from __future__ import annotations

import itertools
import time

from app.kernel import redis
from tests.faults.checker import Outcome, check
from tests.faults.script import Rule
from tests.faults.site import Site
from tests.support.workers import until

NAME = "G3"
SHORT = {
    "people": 240,
    "kills": 1,
    "flushes": 3,
    "starved_people": 20,
    "policies": ("noeviction",),
    "compared": 0,
    "rate": 60,
}
LONG = {
    "people": 3_000,
    "kills": 15,
    "flushes": 20,
    "starved_people": 1_000,
    "policies": ("noeviction", "allkeys-lru"),
    "compared": 3_000,
    "rate": 60,
}
STALL_SECONDS = 10.0


def run(
    site: Site,
    people: int,
    kills: int,
    flushes: int,
    starved_people: int,
    policies: tuple[str, ...],
    compared: int,
    rate: float,
) -> Outcome:
    """Rings are lost, no message is; with Redis away or full the workers look for themselves."""
    outcome = _hurt(site, people, kills, flushes, rate)
    for policy in policies:
        outcome.add(_starve(site, starved_people, policy))
    if compared:
        outcome.add(_compare(site, compared))
    return outcome


def _hurt(site: Site, people: int, kills: int, flushes: int, rate: float) -> Outcome:
    place = site.place(people)
    site.start_all()
    site.mail.behave(Rule("DOT", rate=rate))
    number = place.launch()
    before = len(site.seen.copies)
    blows = ["empty"] * flushes + ["kill"] * kills
    site.nemesis.chance.shuffle(blows)
    for index, blow in enumerate(blows, 1):
        wanted = before + people * index // (len(blows) * 2)
        until(lambda wanted=wanted: len(site.seen.copies) >= wanted or site.is_over(number), 60, site.logs)
        if blow == "empty":
            site.nemesis.empty_redis()
        else:
            site.nemesis.kill_redis(site.servers.redis, 1.0)
    site.servers.redis.stop()
    try:
        stopped_at = time.monotonic()
        waiting = not site.is_over(number)
        site.until_ended(number, seconds=120)
    finally:
        site.servers.redis.start()
        redis.configure(site.servers.redis_url)
    outcome = check(site, [number], kills=kills)
    outcome.demand(waiting, "all sent before Redis was stopped")
    times = [copy.at for copy in site.seen.copies[before:]]
    stalls = [late - early for early, late in itertools.pairwise(times) if late < stopped_at]
    outcome.with_figure("longest_stall_seconds", max(stalls, default=0))
    outcome.demand(max(stalls, default=0) <= STALL_SECONDS, f"nothing was sent for {max(stalls):.0f} s")
    return outcome


def _starve(site: Site, people: int, policy: str) -> Outcome:
    """Redis may keep one megabyte, and is full of something else."""
    place = site.place(people)
    client = redis.client()
    client.config_set("maxmemory-policy", policy)
    for index in range(40):
        client.set(f"ballast:{index}", b"x" * 50_000)
    client.config_set("maxmemory", "1mb")
    try:
        number = place.launch()
        site.until_ended(number, seconds=120)
    finally:
        client.config_set("maxmemory", "0")
        client.config_set("maxmemory-policy", "noeviction")
        client.flushall()
    return check(site, [number])


def _compare(site: Site, people: int) -> Outcome:
    """Whole mailings at full speed, with and without Redis."""
    site.mail.behave()
    seconds, outcome = [], Outcome()
    for is_away in (False, True):
        place = site.place(people)
        if is_away:
            site.servers.redis.stop()
        try:
            number = place.launch()
            site.until_ended(number, seconds=120)
        finally:
            if is_away:
                site.servers.redis.start()
        outcome.add(check(site, [number]))
        times = [copy.at for copy in site.seen.copies[-people:]]
        seconds.append(times[-1] - times[0])
    outcome.with_figure("rate_without_redis_by_rate_with", seconds[0] / seconds[1])
    outcome.demand(seconds[0] / seconds[1] >= 0.5, "without Redis it takes more than twice as long")
    return outcome
