"""The classes of refusals in SQL: the same as ``rules.refusal_of`` says of one message."""

from __future__ import annotations

from app.delivery.rules import NO_SUCH_PERSON, Refusal

_HARD = ", ".join(f"'{status}'" for status in sorted(NO_SUCH_PERSON))


def class_sql(m: str) -> str:
    """An expression of the class of a row of ``messages`` called ``m``; NULL where it is none."""
    return (
        f"CASE WHEN {m}.state = 'expired' THEN 'soft' WHEN {m}.state = 'poison' THEN 'ours'"
        f" WHEN {m}.state NOT IN ('failed', 'bounced') THEN NULL"
        f" WHEN {m}.reply_code IS NULL AND coalesce({m}.reply_status, '') = ''"
        f" THEN CASE {m}.state WHEN 'failed' THEN 'ours' ELSE 'other' END"
        f" WHEN {m}.reply_status IN ({_HARD}) THEN 'hard' WHEN {m}.reply_status IN ('5.2.2', '4.2.2') THEN 'full'"
        f" WHEN {m}.reply_status LIKE '4.%' THEN 'soft' WHEN {m}.reply_status LIKE '5.7.%' THEN 'blocked'"
        f" WHEN {m}.reply_status LIKE '5.6.%' OR {m}.reply_status = '5.3.4' THEN 'content' ELSE 'other' END"
    )


def refused_sql(m: str, refusal: Refusal) -> str:
    """A condition: those of one class."""
    return f"{_REFUSED.format(m=m)} AND {class_sql(m)} = '{refusal.value}'"


# The index of what may go once more holds these states; a bounce that came later is looked for beside it.
_REFUSED = "({m}.state IN ('unknown', 'failed', 'expired', 'poison', 'cancelled') OR {m}.state = 'bounced')"
