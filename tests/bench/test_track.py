"""The bench of opens and clicks counts right."""

from __future__ import annotations

import pytest

from tests.bench import hitting, track
from tests.bench.readers import Sent

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
