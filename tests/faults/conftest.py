"""One installation for most short scenarios of a run: what one leaves running serves the next."""

from __future__ import annotations

import os

import pytest

from tests.faults.site import site


@pytest.fixture(scope="session")
def seed() -> int:
    """Of all that is random in the faults; FAULTS_SEED repeats a run."""
    return int(os.environ.get("FAULTS_SEED", "0")) or int.from_bytes(os.urandom(3))


@pytest.fixture(scope="module")
def hurt_site(servers, template, tmp_path_factory, seed):
    with site(servers, template, tmp_path_factory.mktemp("faults"), seed) as made:
        yield made
