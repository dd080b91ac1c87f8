"""The faults in small: each for seconds, most of them one after the other on one installation."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.faults import scenarios
from tests.faults.site import site

WIRED = [pytest.param(found, id=found.NAME) for found in scenarios.ALL if found not in scenarios.NOT_YET]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("scenario", WIRED)
def test_the_promise_is_kept(scenario: ModuleType, request, servers, template, tmp_path, seed):
    try:
        outcome = _run(scenario, request, servers, template, tmp_path, seed)
    except scenarios.CANNOT as reason:
        pytest.skip(f"{scenario.NAME} is left out: {reason}")
    assert outcome.broken == [], (seed, outcome)
    assert outcome.messages > 0


def _run(scenario, request, servers, template, tmp_path, seed):
    wishes = getattr(scenario, "SERVER", None)
    if wishes is None:
        return scenario.run(request.getfixturevalue("hurt_site"), **scenario.SHORT)
    with site(servers, template, tmp_path, seed, **wishes) as own:
        return scenario.run(own, **scenario.SHORT)


def test_every_fault_has_a_name_and_a_size_of_its_own():
    names = [found.NAME for found in scenarios.ALL]
    wanted = {f"G{number}" for number in (*range(1, 16), 17, *range(21, 25))} | {"hosts"}
    assert set(names) == wanted
    assert len(names) == len(wanted)
    assert all(set(found.SHORT) == set(found.LONG) for found in scenarios.ALL)
