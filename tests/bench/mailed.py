"""A campaign that went to a million people three days ago, and what they did with it: made by a statement a table."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import psycopg
from sqlalchemy import select

from app.accounts import queries as accounts
from app.campaigns import shares
from app.campaigns.models import Campaign
from app.content.models import LetterVersion
from app.delivery import counting
from app.kernel import clock
from app.kernel.db import session, transaction
from app.kernel.ids import uuid7
from app.tracking import service as tracking
from tests.bench.crowd import People
from tests.bench.house import House, Sender
from tests.support import reading

Say = Callable[[str], None]
LINKS = tuple(f"https://ostkai.example/story/{n}" for n in range(1, 13))
DAYS = 3
# Numbers that look random and are the same each time.
_DICE = "((n::bigint * 2654435761 + {salt} * 40503) %% 1000)"
_FREEZE = """INSERT INTO messages (mailing_no, n, workspace_id, contact_id, permission_id, reach_id, dedupe_key,
domain_group, state, created_at, due_at) SELECT %(no)s, row_number() OVER (ORDER BY r.contact_id), r.workspace_id,
r.contact_id, p.id, r.id, r.contact_id, a.domain, 'pending', %(at)s, %(at)s
FROM reach r JOIN permissions p ON p.contact_id = r.contact_id AND p.purpose = 'marketing' AND p.state = 'yes'
JOIN addresses a ON a.contact_id = r.contact_id WHERE r.workspace_id = %(workspace)s"""
# Of a thousand: 6 skipped, 24 refused in three ways, 2 in doubt, all others sent, within two hours.
_END = f"""UPDATE messages SET began_at = created_at + n * interval '7 milliseconds',
done_at = created_at + n * interval '7 milliseconds' + interval '1 second', attempts = 1, {{what}}
WHERE mailing_no = %(no)s AND {_DICE.format(salt=1)} BETWEEN {{first}} AND {{last}}"""
_ENDS = (
    (0, 5, "state = 'suppressed', reply_text = 'stopped everything'"),
    (6, 17, "state = 'failed', reply_code = 550, reply_status = '5.1.1', reply_text = '550 5.1.1 no such user'"),
    (18, 21, "state = 'failed', reply_code = 552, reply_status = '5.2.2', reply_text = '552 5.2.2 mailbox full'"),
    (22, 29, "state = 'failed', reply_code = 554, reply_status = '5.7.1', reply_text = '554 5.7.1 blocked'"),
    (30, 31, "state = 'unknown'"),
    (32, 999, "state = 'sent', reply_code = 250, reply_status = '2.0.0', reply_text = '250 2.0.0 Ok: queued'"),
)
# Of a thousand: 550 opened (300 of them a machine, or nobody knows), 220 clicked, 60 of these once more.
_SIGNAL = """INSERT INTO signals (event_id, workspace_id, contact_id, mailing_no, n, kind, link, at, verdict, reason)
SELECT gen_random_uuid(), m.workspace_id, m.contact_id, m.mailing_no, m.n, '{kind}', {link},
m.done_at + {salt} * interval '1 minute' + (m.n::bigint * 48271 + {salt}) %% 255000 * interval '1 second',
CASE WHEN {dice} %% 10 < 5 THEN 'human' WHEN {dice} %% 10 < 9 THEN 'machine' ELSE 'unknown' END, 'nothing'
FROM messages m CROSS JOIN generate_series(1, {times}) WHERE m.mailing_no = %(no)s AND m.state = 'sent' AND {dice} < {share}"""
_SIGNALS = (("open", 700, 2, 2), ("click", 90, 1, 3), ("click", 35, 1, 4))
_HOURS = """INSERT INTO signal_counts (mailing_no, hour, kind, link, verdict, workspace_id, count)
SELECT mailing_no, date_trunc('hour', at, 'UTC'), kind, link, verdict, workspace_id, count(*) FROM signals
WHERE mailing_no = %(no)s GROUP BY 1, 2, 3, 4, 5, 6"""
_READERS = """INSERT INTO signal_readers (workspace_id, mailing_no, opened, clicked)
SELECT workspace_id, mailing_no, count(DISTINCT n), count(DISTINCT n) FILTER (WHERE kind = 'click') FROM signals
WHERE mailing_no = %(no)s AND n IS NOT NULL AND verdict = 'human' GROUP BY 1, 2"""
_LEFT = """INSERT INTO consent_events (id, workspace_id, contact_id, kind, received_at, commitment, body)
SELECT gen_random_uuid(), e.workspace_id, e.contact_id, 'withdrawn', m.began_at + interval '1 hour', e.commitment, e.body
FROM messages m JOIN permissions p ON p.id = m.permission_id JOIN consent_events e ON e.id = p.event_id
WHERE m.mailing_no = %(no)s AND m.state = 'sent' AND m.n %% 250 = 0"""
_LEAVINGS = """INSERT INTO mailing_leavings (mailing_no, kind, n, workspace_id, at)
SELECT m.mailing_no, 'left', m.n, m.workspace_id, m.began_at + interval '1 hour' FROM messages m
WHERE m.mailing_no = %(no)s AND m.state = 'sent' AND m.n %% 250 = 0"""


@dataclass(frozen=True, slots=True)
class Campaigned:
    """A campaign whose mailing has ended."""

    id: UUID
    mailing_no: int


def campaign(where: Sender, at_days: int = DAYS) -> Campaigned:
    """One with twelve links, begun so many days ago; nobody has it yet."""
    with transaction():
        at = clock.now() - timedelta(days=at_days)
        version = session().execute(select(LetterVersion).where(LetterVersion.id == where.version)).scalar_one()
        number = reading.add_mailing(where.id, at)
        made = Campaign(
            id=uuid7(), workspace_id=where.id, name="November", letter_id=version.letter_id,
            interests=[str(where.interest)], mailing_no=number, created_at=at,
            created_by=accounts.list_members(where.id)[0].user_id,
        )  # fmt: skip
        session().add(made)
        session().flush()
        tracking.register(number, where.id, LINKS)
        return Campaigned(made.id, number)


def fill(built: House, where: Sender, made: Campaigned, people: int, say: Say) -> None:
    """So many people who got it or not, and signals of half as many more."""
    People(built.admin_url, say).fill(where.model, people - 1)
    with transaction():
        at = clock.now() - timedelta(days=DAYS)
    values = {"no": made.mailing_no, "workspace": where.id, "at": at}
    with psycopg.connect(built.admin_url) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("SELECT make_signal_month(now() - n * interval '1 day') FROM generate_series(0, 4) AS n")
        for name, statement in _statements():
            say(f"  {name}: {connection.execute(statement, values).rowcount:,} rows")
        connection.execute(
            "UPDATE mailings SET content_version_id = %(version)s, title = 'November', frozen_at = %(at)s, audience ="
            " (SELECT count(*) FROM messages WHERE mailing_no = %(no)s), ended_at = %(at)s + interval '2 hours'"
            " WHERE no = %(no)s", values | {"version": where.version},
        )  # fmt: skip
    with psycopg.connect(built.admin_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE messages, signals, signal_counts, signal_readers, mailing_counts, mailing_leavings, consent_events, mailings")
        connection.execute("CHECKPOINT")
    began = time.monotonic()
    counting.recount(made.mailing_no)
    say(f"  its ends counted over the messages: {time.monotonic() - began:.2f} s")
    began = time.monotonic()
    shares.run()
    say(f"  its parts: {time.monotonic() - began:.2f} s")


def _statements() -> list[tuple[str, str]]:
    ends = [
        ("messages, " + what.split("'")[1], _END.format(first=first, last=last, what=what)) for first, last, what in _ENDS
    ]
    signals = [
        (
            f"signals, {kind}",
            _SIGNAL.format(
                kind=kind, times=times, share=share, salt=salt, dice=_DICE.format(salt=salt).replace("n::", "m.n::"),
                link="-1" if kind == "open" else "m.n % 12".replace("%", "%%"),
            ),
        )
        for kind, share, times, salt in _SIGNALS
    ]  # fmt: skip
    return [("messages", _FREEZE), *ends, *signals, ("hours", _HOURS), ("readers", _READERS), ("left", _LEFT), ("who left", _LEAVINGS)]
