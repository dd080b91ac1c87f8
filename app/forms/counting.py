"""What happened with a form, by day, version and source."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import insert

from app.forms.models import Form, FormCount
from app.kernel import clock
from app.kernel.db import session

PAGE = "page"


def count(
    form: Form, *, version: int, source: str = PAGE, views: int = 0, submits: int = 0, confirms: int = 0
) -> None:
    """Add to today's figures of a version."""
    added = {"views": views, "submits": submits, "confirms": confirms}
    statement = insert(FormCount).values(
        form_id=form.id,
        workspace_id=form.workspace_id,
        counted_on=clock.now().date(),
        version=version,
        source=source,
        **added,
    )
    sums = {name: getattr(FormCount, name) + value for name, value in added.items()}
    session().execute(
        statement.on_conflict_do_update(
            index_elements=["form_id", "counted_on", "version", "source"], set_=sums
        )
    )
