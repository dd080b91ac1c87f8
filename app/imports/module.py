"""What imports add to the house."""

from __future__ import annotations

from app.imports import data, exporting, jobs, service
from app.kernel.jobs import Job
from app.kernel.module import Module, PersonalData, Stays

MODULE = Module(
    "imports",
    blueprints=("app.imports.export_pages:blueprint",),
    jobs=(
        Job(service.JOB, jobs.run, every_seconds=5, is_rung=True),
        Job(service.HELP, jobs.assist, every_seconds=5, is_rung=True),
        Job(exporting.JOB, exporting.run, every_seconds=5, is_rung=True),
        Job("imports.tidy", jobs.tidy, every_seconds=3600),
    ),
    personal_data=(PersonalData("imports", ("import_changes", "import_rows", "export_people"), data.export, data.erase),),
    merging=(
        Stays(
            ("import_changes", "import_rows", "export_people"),
            "What would take a file back is about the entry that it wrote to, and is found by that entry's id.",
        ),
    ),
)
