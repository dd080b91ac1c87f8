"""What segments add to the house."""

from __future__ import annotations

from app.delivery import service as delivery
from app.kernel.jobs import Job
from app.kernel.module import Module, Moves, PersonalData, Stays, TimelineSource
from app.segments import following, indexing, queries, rules, segment_fields

MODULE = Module(
    "segments",
    blueprints=("app.segments.pages:blueprint", "app.segments.api:blueprint"),
    jobs=(
        Job(following.JOB, following.run, every_seconds=20, is_rung=True),
        Job(rules.INDEX_JOB, indexing.run, every_seconds=900, is_rung=True),
        Job("segments.tidy", following.tidy, every_seconds=86400),
    ),
    timeline_sources=(TimelineSource("segments", "Segments", following.timeline),),
    personal_data=(
        PersonalData("segments", ("segment_members", "segment_changes"), following.export, following.erase),
    ),
    merging=(
        Moves("segment_changes", ("no",)),
        Stays(("segment_members",), "The next look sees who is in a segment; who was merged is in none."),
    ),
    segment_fields=(segment_fields.own_fields,),
    on_install=lambda _: delivery.narrow_by(queries.narrow),
)
