"""By what people can be chosen that belongs to their company or household."""

from __future__ import annotations

from app.kernel import i18n
from app.kernel.segment_fields import Rows, SegmentField, Type

_GROUP = "Company and household"
_COMPANY = (
    "group_members m JOIN groups g ON g.id = m.group_id WHERE m.workspace_id = :workspace_id AND m.kind = 'company'"
)
_HOUSEHOLD = (
    "group_members m JOIN (SELECT group_id, count(*) AS people FROM group_members WHERE workspace_id = :workspace_id"
    " AND kind = 'household' GROUP BY group_id) AS h ON h.group_id = m.group_id"
    " WHERE m.workspace_id = :workspace_id AND m.kind = 'household'"
)

FIELDS = (
    SegmentField(
        "groups.company", "Company", _GROUP, Type.TEXT, Rows(_COMPANY, "m.contact_id", "g.name"),
        phrase="name of their company",
    ),
    SegmentField(
        "groups.company_country", "Country of the company", _GROUP, Type.CHOICE,
        Rows(_COMPANY, "m.contact_id", "g.country"), phrase="country of their company", choices=i18n.countries(),
    ),
    SegmentField(
        "groups.role", "Role at the company", _GROUP, Type.TEXT, Rows(_COMPANY, "m.contact_id", "m.role"),
        phrase="role at their company",
    ),
    SegmentField(
        "groups.household", "People in the household", _GROUP, Type.NUMBER,
        Rows(_HOUSEHOLD, "m.contact_id", "h.people"), phrase="number of people in their household",
    ),
)  # fmt: skip
