"""Segments for programs: made, counted, changed, and refused in words that name the place."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import update

from app.segments.models import SegmentVersion
from tests.segments.test_service import tree
from tests.support import make, programs

PATH = "/api/v1/segments"


@pytest.fixture
def program(where, client):
    def call(method, path, *, scopes=("people.read", "people.write"), **body):
        return programs.call(client, where.id, method, path, body or None, scopes)

    return call


def test_a_program_makes_a_segment_counts_it_and_changes_it(where, program):
    make.person(where.id, "mara@example.org", "Mara")
    made = program("POST", PATH, name="Maras", tree=tree())
    assert (made.status_code, made.json["version"]) == (201, 1)
    one = f"{PATH}/{made.json['id']}"
    assert program("GET", one).json["count"] == 1
    changed = program("PUT", one, name="Nils", tree=tree("Nils"), version=1)
    assert (changed.json["version"], changed.json["says"]) == (
        2,
        "People of whom this is true: first name is “Nils”.",
    )
    assert program("PUT", one, name="Nils", tree=tree("Ada"), version=1).status_code == 409
    assert [found["name"] for found in program("GET", PATH).json["segments"]] == ["Nils"]
    assert program("POST", f"{PATH}/count", tree=tree("mara")).json["count"] == 1


def test_what_does_not_fit_names_its_place(where, program):
    refused = program(
        "POST",
        PATH,
        name="Maras",
        tree={"match": "all", "rules": [*tree()["rules"], {"field": "x", "op": "is"}]},
    )
    assert refused.status_code == 422
    assert list(refused.json["errors"]) == ["0.1"]
    assert program("POST", PATH, name="Maras", tree=tree(), sql="1").status_code == 422
    assert program("POST", PATH, name="Maras").status_code == 422
    assert program("POST", PATH, name="Maras", tree=tree(), scopes=["people.read"]).status_code == 403


def test_one_that_names_what_is_gone_keeps_no_other_from_programs(where, program, session):
    program("POST", PATH, name="Maras", tree=tree())
    broken = program("POST", PATH, name="Broken", tree=tree()).json["id"]
    gone = {"match": "all", "rules": [{"field": "contacts.field.gone", "op": "is", "value": "x"}]}
    session.execute(update(SegmentVersion).values(tree=gone).where(SegmentVersion.segment_id == UUID(broken)))
    session.commit()
    says = {found["name"]: found["says"] for found in program("GET", PATH).json["segments"]}
    assert says["Broken"].startswith("It names something that is not here any more")
    assert says["Maras"].startswith("People of whom")
    assert program("GET", f"{PATH}/{broken}").status_code == 422
