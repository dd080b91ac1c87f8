"""What has changed between two texts: nothing is lost, nothing is made up."""

from hypothesis import given, settings
from hypothesis import strategies as st

from app.content.differences import around, compare
from tests.support.properties import examples

TEXTS = st.text(st.sampled_from("ab \n"), max_size=60)


@settings(max_examples=examples(50), deadline=None)
@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_off_the_differences(before, after):
    lines = compare(before, after)
    for text, left_out in ((before, "new"), (after, "gone")):
        read = [
            "".join(piece.words for piece in line.pieces if piece.change != left_out)
            for line in lines
            if not line.pieces or any(piece.change != left_out for piece in line.pieces)
        ]
        assert [line for line in read if line] == [line for line in text.splitlines() if line]
    assert any(line.is_changed for line in lines) == (before.splitlines() != after.splitlines())


def test_only_what_is_near_a_change_is_shown():
    before = "\n".join(f"line {n}" for n in range(20))
    shown = around(compare(before, before.replace("line 10", "line ten")))
    assert len([line for line in shown if line is not None]) == 5
    assert shown.count(None) == 1
    assert around(compare(before, before)) == []
