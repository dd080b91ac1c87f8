"""The bench of opens and clicks counts right, and runs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.bench import hitting, track
from tests.bench.readers import Sent
from tests.support.installation import ROOT

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: image/gif\r\ncontent-length: 5\r\n\r\nGIF89"


def test_an_answer_is_whole_with_its_last_byte_and_nothing_else_is_one():
    begun = [hitting._is_whole(ANSWER[:place]) for place in range(13, len(ANSWER))]
    assert (any(begun), hitting._is_whole(ANSWER)) == (False, True)
    for other in (b"", ANSWER.replace(b"200", b"404"), ANSWER.replace(b"200", b"503")):
        with pytest.raises(hitting.Refused):
            hitting._is_whole(other)


def test_what_was_asked_is_known_round_and_round():
    letter = Sent(no=1, readers=2)
    assert track._asked(letter, 3) == {(1, "open"): 1, (1, "click"): 1, (2, "open"): 1}
    assert track._asked(letter, 9) == {(1, "open"): 3, (1, "click"): 2, (2, "open"): 2, (2, "click"): 2}


@pytest.mark.slow
def test_it_runs_counts_every_hit_and_ends_with_json():
    words = ["--readers", "500", "--seconds", "0.5", "--rounds", "1", "--connections", "8"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.track", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    line = json.loads(done.stdout.splitlines()[-1])
    assert {name for name, figure in line.items() if name != "machine" and figure > 0} == {
        "track_requests_per_second", "track_p99_ms", "ingest_signals_per_second",
    }  # fmt: skip
