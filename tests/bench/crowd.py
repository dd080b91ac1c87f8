"""People who said yes, by the million: copies of one who said it in earnest, made by a statement a table."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import psycopg

TABLES = ("contacts", "addresses", "reach", "consent_events", "permissions", "messages")

# Ids that grow as those of a real life do (uuid7): what is made at one time lies in one place.
_NEW = "('019a{kind}-' || lpad(to_hex(i >> 16), 4, '0') || '-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid"
CONTACT, ADDRESS, REACH, EVENT, PERMISSION, TRACKING = (_NEW.format(kind=f"{n:04x}") for n in range(6))
_MANY = "FROM generate_series(%(first)s::int, %(last)s::int) AS i"
_NAMES = "('{Mara,Jürgen,Zoë,Ada,Łukasz,Amara,Benedek,Saoirse,Ida,Renée,Priya,Ivo}'::text[])[1 + i %% 12]"
_DOMAINS = (
    "('{postbox.example,letters.example,mail.example.org,people.example.net,inbox.example.com,"
    "harbour.example,example.org,example.net}'::text[])[1 + i %% 8]"
)
_COPIES = {
    "contacts": f"""INSERT INTO contacts (id, workspace_id, first_name, last_name, name_folded, language, created_at,
    updated_at) SELECT {CONTACT}, c.workspace_id, {_NAMES}, 'Person ' || i, 'person ' || i, 'en', c.created_at,
    c.updated_at {_MANY} JOIN contacts c ON c.id = %(model)s""",
    "addresses": f"""INSERT INTO addresses (id, workspace_id, contact_id, channel, raw, address, key, folded, domain,
    created_at) SELECT {ADDRESS}, a.workspace_id, {CONTACT}, a.channel, made, made, made, made, split_part(made, '@', 2),
    a.created_at {_MANY} JOIN addresses a ON a.contact_id = %(model)s
    CROSS JOIN LATERAL (SELECT 'person.' || i || '@' || {_DOMAINS}) AS m (made)""",
    "reach": f"""INSERT INTO reach (id, workspace_id, contact_id, channel) SELECT {REACH}, r.workspace_id, {CONTACT},
    r.channel {_MANY} JOIN reach r ON r.contact_id = %(model)s""",
    "consent_events": f"""INSERT INTO consent_events (id, workspace_id, contact_id, kind, received_at, commitment, body)
    SELECT {EVENT}, e.workspace_id, {CONTACT}, e.kind, e.received_at, e.commitment, e.body
    {_MANY} JOIN consent_events e ON e.id = (SELECT p.event_id FROM permissions p WHERE p.contact_id = %(model)s LIMIT 1)""",
    "permissions": f"""INSERT INTO permissions (id, workspace_id, contact_id, purpose, channel, interest_id, state, level,
    basis, event_id, updated_at) SELECT CASE WHEN p.purpose = 'tracking' THEN {TRACKING} ELSE {PERMISSION} END,
    p.workspace_id, {CONTACT}, p.purpose, p.channel, p.interest_id, p.state, p.level, p.basis, {EVENT}, p.updated_at
    {_MANY} JOIN permissions p ON p.contact_id = %(model)s""",
}  # fmt: skip


class People:
    """Makes people in one database, each number once."""

    def __init__(self, admin_url: str, say: Callable[[str], None]) -> None:
        """Args:
        admin_url: of a superuser in that database, who may leave foreign keys unasked.
        say: hears what is done.
        """
        self._url = admin_url
        self._say = say
        self._made = 0

    def fill(self, model: UUID, count: int) -> None:
        """So many more who have said what this contact has."""
        first = self._made + 1
        self._made += count
        values = {"model": model, "first": first, "last": self._made}
        with psycopg.connect(self._url) as connection:
            connection.execute("SET LOCAL session_replication_role = replica")
            # Neither freeze nor sending reads or writes these two; with them this takes several times as long.
            connection.execute("DROP INDEX IF EXISTS ix_contacts_search, ix_addresses_search")
            for table, statement in _COPIES.items():
                self._say(f"  {table}: {connection.execute(statement, values).rowcount:,} rows")
        self.settle()

    def settle(self) -> None:
        """Statistics and dirty pages of what was done before are not part of what is measured next."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            for table in TABLES:
                connection.execute(f"VACUUM ANALYZE {table}")
            connection.execute("CHECKPOINT")
