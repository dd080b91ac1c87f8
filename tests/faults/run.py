"""The faults at length: ``make faults``, or ``make faults FAULTS="G1 G3"`` for some.

Servers of its own that wait for the disk, an installation of its own for each fault. The last line is JSON: messages,
kills, lost, duplicates, bound, unknown over all, and the same for each fault.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

from app.local.servers import OwnServers, throwaway_servers
from tests.faults import scenarios
from tests.faults.checker import Outcome
from tests.faults.site import make_template, site

MODEL = (
    "G25 is tests/delivery/test_bulk_model.py: a state machine over what people, staff and machines may do."
)


def say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def chosen(words: list[str]) -> list[ModuleType]:
    """The scenarios of these names, all for none.

    Raises:
        SystemExit: somebody asked for one that there is not.
    """
    by_name = {found.NAME.lower(): found for found in scenarios.ALL}
    unknown = [word for word in words if word.lower() not in by_name]
    if unknown:
        raise SystemExit(
            f"There is no {', '.join(unknown)}. Known: {', '.join(f.NAME for f in scenarios.ALL)}."
        )
    return [by_name[word.lower()] for word in words] or list(scenarios.ALL)


def run_one(scenario: ModuleType, servers: OwnServers, template: str, seed: int) -> Outcome | None:
    """One at length; None where this machine cannot."""
    say(f"\n{scenarios.title_of(scenario)}\n   {scenario.LONG}, seed {seed}")
    if hasattr(scenario, "LEFT_OUT"):
        say(f"   left out: {scenario.LEFT_OUT}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="nod-faults-") as folder:
        try:
            with site(servers, template, Path(folder), seed, **getattr(scenario, "SERVER", {})) as made:
                outcome = scenario.run(made, **scenario.LONG)
        except scenarios.CANNOT as reason:
            say(f"   left out: this machine cannot do it ({reason})")
            return None
        except Exception as fault:  # the others shall run all the same
            traceback.print_exc()
            outcome = Outcome(broken=[f"it came to no end: {str(fault)[:300]}"])
    _tell(scenario, outcome, time.monotonic() - began)
    return outcome


def _tell(scenario: ModuleType, outcome: Outcome, seconds: float) -> None:
    numbers = {name: value for name, value in asdict(outcome).items() if isinstance(value, int)}
    say(f"   {', '.join(f'{name} {value}' for name, value in numbers.items())}; {seconds:.0f} s")
    for name, value in outcome.figures.items():
        say(f"   {name.replace('_', ' ')}: {value}")
    for words in outcome.broken:
        lead = "not there yet" if scenario in scenarios.NOT_YET else "BROKEN"
        say(f"   {lead}: {words}")


def main() -> int:
    """Run them; 0 when every promise that is made was kept."""
    wanted = chosen(os.environ.get("FAULTS", "").split())
    seed = int(os.environ.get("FAULTS_SEED", "0")) or int.from_bytes(os.urandom(3))
    say(f"{len(wanted)} faults, seed {seed}; FAULTS_SEED={seed} repeats them.\n{MODEL}")
    outcomes: dict[str, Outcome] = {}
    with (
        tempfile.TemporaryDirectory(prefix="nod-faults-") as folder,
        throwaway_servers(Path(folder), fast=False) as servers,
    ):
        template = make_template(servers)
        for number, scenario in enumerate(wanted):
            outcome = run_one(scenario, servers, template, seed + number)
            if outcome is not None:
                outcomes[scenario.NAME] = outcome
    return _sum_up(wanted, outcomes)


def _sum_up(wanted: list[ModuleType], outcomes: dict[str, Outcome]) -> int:
    total = Outcome()
    for outcome in outcomes.values():
        total.add(outcome)
    not_yet = {found.NAME for found in scenarios.NOT_YET}
    broken = [name for name, outcome in outcomes.items() if outcome.broken and name not in not_yet]
    left_out = [found.NAME for found in wanted if found.NAME not in outcomes]
    say(f"\nbroken: {', '.join(broken) or 'none'}; left out: {', '.join(left_out) or 'none'}")
    numbers = {name: value for name, value in asdict(total).items() if isinstance(value, int)}
    say(json.dumps({**numbers, "faults": {name: asdict(outcome) for name, outcome in outcomes.items()}}))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
