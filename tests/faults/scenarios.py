"""Which faults there are, and which of them the tests pass on each run."""

from __future__ import annotations

from types import ModuleType

from tests.faults import (
    g00_several_hosts,
    g01_kill_senders,
    g02_kill_web,
    g03_redis,
    g04_postgres,
    g05_mail_server,
    g06_cut_lines,
    g07_not_now,
    g08_slow_domains,
    g09_vetoes,
    g10_pause,
    g11_clocks,
    g12_full_disks,
    g13_memory,
    g14_small_beside_large,
    g15_imports,
    g17_hostile_rows,
    g21_restore,
    g22_rolling_restart,
    g23_send_twice,
    g24_poison,
)
from tests.faults.disks import CannotMount
from tests.faults.g21_restore import NoProgram
from tests.faults.hosts import CannotSeparate

ALL: tuple[ModuleType, ...] = (
    g01_kill_senders, g02_kill_web, g03_redis, g04_postgres, g05_mail_server, g06_cut_lines, g07_not_now,
    g08_slow_domains, g09_vetoes, g10_pause, g11_clocks, g12_full_disks, g13_memory, g14_small_beside_large,
    g15_imports, g17_hostile_rows, g21_restore, g22_rolling_restart, g23_send_twice, g24_poison, g00_several_hosts,
)  # fmt: skip
NOT_YET: tuple[ModuleType, ...] = ()
"""They run and report in `make faults`; what they ask for is not there yet. A line less here makes a test of one."""
CANNOT = (CannotMount, CannotSeparate, NoProgram)
"""Why this machine cannot do one: it is left out, aloud."""


def title_of(scenario: ModuleType) -> str:
    """What happens, in one line."""
    return str(scenario.__doc__).splitlines()[0]
