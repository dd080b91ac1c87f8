"""Case 20, through the form: nothing that could end a header's line gets in."""

from __future__ import annotations

from itertools import product

import pytest

from app.contacts import service as contacts
from app.forms.rules import Asked, Use
from app.kernel.db import transaction
from tests.support import signup

BREAKS = [
    "\r\nBcc: x@example.org",
    "\nBcc: x@example.org",
    "\rBcc: x@example.org",
    "\u2028Bcc: x@example.org",
    "\u2029Bcc: x@example.org",
    "\u0085Bcc: x@example.org",
    "\x0bBcc: x@example.org",
    "\x00",
    "=?utf-8?q?=0aBcc:?=",
    "=?utf-8?B?CkJjYzo=?=",
]


@pytest.fixture
def stage(session):
    fields = (
        Asked("first_name", Use.OPTIONAL),
        Asked("last_name", Use.OPTIONAL),
        Asked("c_town", Use.OPTIONAL),
    )
    made = signup.stage(fields=fields)
    with transaction():
        contacts.define_field(made.place.id, "Town", "text", key="town")
    return made


def test_case_20_a_break_in_a_field_is_refused_beside_it(client, stage):
    before = signup.everything()
    for number, (field, evil) in enumerate(product(["first_name", "last_name", "c_town"], BREAKS)):
        answer = client.post(
            stage.url,
            data=stage.fields(**{field: f"Mara{evil}x"}),
            headers={"Accept": "application/json"},
            environ_overrides={"REMOTE_ADDR": f"198.51.100.{number}"},
        )
        assert answer.status_code == 422, (field, evil)
        assert set(answer.json["errors"]) == {field}, (field, evil)
    assert signup.everything() == before


def test_case_20_real_names_pass(client, stage):
    for number, name in enumerate(["Zoë", "O’Neill", "Nguyễn Thị Ánh", "محمد", "=)", "李"]):
        answer = client.post(stage.url, data=stage.fields(f"p{number}@example.org", first_name=name))
        assert answer.status_code == 303, name
