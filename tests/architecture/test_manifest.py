"""The manifests: nothing that holds a person is forgotten, nothing is named twice."""

from __future__ import annotations

from app.kernel import jobs, module
from app.kernel.db import Base


def personal_tables():
    return {
        name
        for name, table in Base.metadata.tables.items()
        if name == "contacts" or "contact_id" in table.columns
    }


def test_every_table_with_a_person_is_somebodys_personal_data(app):
    told = {table for found in module.installed() for data in found.personal_data for table in data.tables}
    assert personal_tables() - told == set()
    assert told <= set(Base.metadata.tables)


def test_jobs_are_named_after_their_domain(app):
    names = {found.name for found in module.installed()}
    assert all(job.name.split(".")[0] in names for job in jobs.all_jobs())


def test_the_menu_begins_with_at_most_five_lines(app):
    items = [item for found in module.installed() for item in found.menu]
    assert 1 <= len(items) <= 5
    assert len({item.order for item in items}) == len(items)


def test_every_row_of_a_workspace_says_so(app):
    """Tables without a workspace: the kernel's, and those whose parent names it."""
    without = {name for name, table in Base.metadata.tables.items() if "workspace_id" not in table.columns}
    assert without <= {
        "workspaces", "users", "limit_counts", "heartbeats", "job_runs", "known_devices", "messages",
        "form_versions", "form_counts", "export_chunks", "export_people", "bulk_act_people", "import_chunks", "import_rows", "import_slices", "signal_inbox", "signal_sources",
        "paces", "slots", "delivery_tallies", "installation", "restores",
    }, without  # fmt: skip
