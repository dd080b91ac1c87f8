"""What a worker remembers of a letter outlives any fault around it."""

from __future__ import annotations

import pytest

from app.delivery import editions
from app.kernel.db import db, transaction
from tests.support import mailing


def test_a_version_read_in_a_transaction_that_fails_can_be_read_afterwards(live):
    made = mailing.setting()
    editions._versions.clear()
    with pytest.raises(ConnectionError), transaction():
        editions.version_of(made.id, made.version_id)
        raise ConnectionError("the database went away")
    db.session.remove()
    with transaction():
        known = editions.version_of(made.id, made.version_id)
    db.session.remove()
    assert known.id == made.version_id
    assert known.html
