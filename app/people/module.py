"""What people add to the house."""

from __future__ import annotations

from app.kernel.jobs import Job
from app.kernel.module import MenuItem, Module, Moves, PersonalData
from app.people import bulk, bulk_slices, renewing

MODULE = Module(
    "people",
    blueprints=("app.people.pages:blueprint", "app.people.api:blueprint"),
    cli=("app.people.cli:group",),
    jobs=(
        Job("people.renew", renewing.run, every_seconds=5),
        Job(bulk_slices.JOB, bulk_slices.run, every_seconds=5, is_rung=True),
        Job("people.tidy", bulk_slices.tidy, every_seconds=3600),
    ),
    personal_data=(PersonalData("people", ("bulk_act_people",), bulk.export, bulk_slices.erase),),
    merging=(Moves("bulk_act_people", ("act_id",)),),
    menu=(MenuItem("People", "people.index", "people", "people.read", 20),),
)
