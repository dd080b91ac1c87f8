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


def test_every_table_with_a_person_says_what_becomes_of_it_when_two_entries_are_merged(app):
    named = []
    for found in module.installed():
        for way in found.merging:
            named += [way.table] if isinstance(way, module.Moves) else way.tables
    assert personal_tables() - set(named) == set()
    assert len(named) == len(set(named)), "one table, one way"
    for found in module.installed():
        for way in found.merging:
            if isinstance(way, module.Moves):
                table = Base.metadata.tables[way.table]
                assert {"workspace_id", "contact_id"} <= set(table.columns.keys())
                assert set(way.key) == {column.name for column in table.primary_key} - {"contact_id"}, way.table


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
        "form_versions", "form_counts", "export_chunks", "export_people", "import_chunks", "import_rows", "import_slices", "merged_rows", "signal_inbox", "signal_sources",
        "paces", "slots", "delivery_tallies", "installation", "restores",
        "mailing_recounts",
    }, without  # fmt: skip
