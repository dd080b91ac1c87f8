"""The report to take along: as a file for spreadsheets and on paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from flask import Response
from werkzeug.wrappers import Response as AnyResponse

from app.accounts import queries as accounts
from app.campaigns import printing, reporting, tables
from app.campaigns.pages import badge_of, blueprint, standing_of, to
from app.campaigns.pages.report import has_begun
from app.campaigns.queries import Standing
from app.campaigns.tables import Table
from app.kernel import clock, csvs
from app.kernel.db import transaction
from app.kernel.http import guards
from app.kernel.http.actor import current_actor


@blueprint.get("/campaigns/<uuid:campaign_id>/report.csv")
@guards.member("campaigns.read")
def report_csv(campaign_id: UUID) -> AnyResponse:
    """All tables of the report below each other; every cell is safe in spreadsheets."""
    standing = standing_of(campaign_id)
    if not has_begun(standing):
        return to("show", campaign_id)
    return _saved("".join(csvs.write(_lines(standing, _tables(standing)))), "text/csv; charset=utf-8", standing, "csv")


@blueprint.get("/campaigns/<uuid:campaign_id>/report.pdf")
@guards.member("campaigns.read", in_slices=True)
def report_pdf(campaign_id: UUID) -> AnyResponse:
    """The same on paper."""
    with transaction():
        standing = standing_of(campaign_id)
        if not has_begun(standing):
            return to("show", campaign_id)
        brand, found = accounts.brand(current_actor().workspace_id), _tables(standing)
        made = f"{clock.now():%d %B %Y, %H:%M} UTC"
    lines = [f"{brand.name}: {standing.subject}", badge_of(standing)[0], f"Times are those of {brand.time_zone}."]
    # Setting takes a while, and no connection should wait for it.
    return _saved(printing.pdf_of(standing.name, lines, made, found), "application/pdf", standing, "pdf")


def _tables(standing: Standing) -> list[Table]:
    workspace_id = current_actor().workspace_id
    return tables.of(reporting.gather(workspace_id, standing), accounts.brand(workspace_id).time_zone)


def _lines(standing: Standing, found: Sequence[Table]) -> Iterator[Sequence[str]]:
    yield (standing.name, standing.subject)
    for table in found:
        yield ()
        yield (table.title,)
        yield table.columns
        yield from table.rows


def _saved(file: str | bytes, content_type: str, standing: Standing, ending: str) -> Response:
    made = Response(file, content_type=content_type)
    # Names of files are seen by others: this one tells nothing.
    made.headers["Content-Disposition"] = f'attachment; filename="report-{standing.id.hex[-8:]}.{ending}"'
    return made
