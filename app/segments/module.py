"""What segments add to the house."""

from __future__ import annotations

from app.delivery import service as delivery
from app.kernel.module import Module
from app.segments import queries, segment_fields

MODULE = Module(
    "segments",
    blueprints=("app.segments.pages:blueprint", "app.segments.api:blueprint"),
    segment_fields=(segment_fields.own_fields,),
    on_install=lambda _: delivery.narrow_by(queries.narrow),
)
