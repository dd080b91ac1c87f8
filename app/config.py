"""Settings: read once from the environment, fail at start naming what is missing."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit


class SettingsError(Exception):
    """The environment does not hold what Nod needs; the text lists each fault and what to do."""


def _setting(name: str, doc: str, default: Any = MISSING, secret: bool = False) -> Any:
    metadata = {"env": name, "doc": doc, "secret": secret}
    if default is MISSING:
        return field(metadata=metadata, repr=not secret)
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True)
class Settings:
    """All that can be set from outside, each field with its variable and meaning.

    Keys are 32 random bytes in URL-safe base64. Durations are seconds.
    """

    database_url: str = _setting(
        "DATABASE_URL", "PostgreSQL, as postgresql://user:password@host:port/name", secret=True
    )
    redis_url: str = _setting("REDIS_URL", "Redis, as redis://:password@host:port/0", secret=True)
    url: str = _setting("NOD_URL", "The address under which people reach Nod, without a slash at the end")
    secret_key: bytes = _setting(
        "NOD_SECRET_KEY", "Signs links and sessions, encrypts stored passwords", secret=True
    )
    hash_key: bytes = _setting(
        "NOD_HASH_KEY", "Keys the hashes of erased and suppressed addresses; must never change", secret=True
    )
    seal_key: bytes = _setting(
        "NOD_SEAL_KEY", "Seed of the Ed25519 key that signs the ledger's day", secret=True
    )
    secret_key_fallbacks: tuple[bytes, ...] = _setting(
        "NOD_SECRET_KEY_FALLBACKS",
        "Retired secret keys, comma-separated: links signed with them keep working",
        (),
        True,
    )
    env: str = _setting(
        "NOD_ENV", "production or development; the mailbox exists only in development", "production"
    )
    smtp_url: str = _setting(
        "NOD_SMTP_URL",
        "Mail server used until a sender names its own, as smtp://host:port",
        "smtp://127.0.0.1:25",
        True,
    )
    data_dir: str = _setting("NOD_DATA_DIR", "Folder for files that outlive a restart", ".nod")
    storage_country: str = _setting(
        "NOD_STORAGE_COUNTRY", "Country in which the servers stand, two letters; stands in every proof", ""
    )
    keep_ip: str = _setting(
        "NOD_KEEP_IP", "How much of a network address is kept as proof of an act: full, short or none", "full"
    )
    mailbox_dir: str = _setting("NOD_MAILBOX_DIR", "Folder of the development mailbox; empty: none", "")
    trusted_hosts: tuple[str, ...] = _setting(
        "NOD_TRUSTED_HOSTS",
        "Further host names that may be asked for, comma-separated; NOD_URL's is always one",
        (),
    )
    trusted_proxies: int = _setting(
        "NOD_TRUSTED_PROXIES",
        "How many reverse proxies stand before Nod; 0: X-Forwarded headers are ignored",
        0,
    )
    scanner_networks: tuple[str, ...] = _setting(
        "NOD_SCANNER_NETWORKS",
        "Networks of mail filters beside those that Nod knows, comma-separated, as 192.0.2.0/24",
        (),
    )
    app_role: str = _setting(
        "NOD_APP_ROLE",
        "Database role the application runs as, without the right to change the ledger",
        "nod_app",
    )
    clock_shift_seconds: int = _setting(
        "NOD_CLOCK_SHIFT_SECONDS", "Shifts the clock; for drills and tests", 0
    )
    mmdb: str = _setting(
        "NOD_MMDB", "Address database (MaxMind's format) that tells countries; empty: none", ""
    )
    metrics_token: str = _setting(
        "NOD_METRICS_TOKEN", "Bearer token for /metrics; empty: only this machine may read it", "", True
    )
    log_level: str = _setting("NOD_LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR", "INFO")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read all settings.

        Raises:
            SettingsError: names every variable that is missing or wrong, in one go.
        """
        source = os.environ if environ is None else environ  # noqa: TID251  the one home of the environment
        values: dict[str, Any] = {}
        faults: list[str] = []
        for f in fields(cls):
            name = f.metadata["env"]
            raw = source.get(name, "").strip()
            if not raw:
                if f.default is MISSING:
                    faults.append(f"{name} is not set: {f.metadata['doc']}.")
                continue
            try:
                values[f.name] = _parse(str(f.type), raw)
            except ValueError as error:
                faults.append(f"{name} {error}.")
        if not faults:
            settings = cls(**values)
            faults.extend(settings._faults())
            if not faults:
                return settings
        raise SettingsError("\n".join(faults))

    def _faults(self) -> list[str]:
        faults = []
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or self.url.endswith("/"):
            faults.append("NOD_URL must look like https://news.example.org, without a slash at the end.")
        elif self.is_production and parts.scheme != "https":
            faults.append("NOD_URL must begin with https:// in production.")
        if self.env not in {"production", "development"}:
            faults.append("NOD_ENV must be production or development.")
        if self.keep_ip not in {"full", "short", "none"}:
            faults.append("NOD_KEEP_IP must be full, short or none.")
        for written in self.scanner_networks:
            try:
                ip_network(written, strict=False)
            except ValueError:
                faults.append(f"NOD_SCANNER_NETWORKS: {written} is no network like 192.0.2.0/24.")
        if self.is_production and self.mailbox_dir:
            faults.append("NOD_MAILBOX_DIR must be empty in production: the mailbox shows every mail.")
        return faults

    @property
    def is_production(self) -> bool:
        """Whether this is a real installation."""
        return self.env == "production"

    @property
    def is_secure(self) -> bool:
        """Whether people reach Nod over TLS."""
        return self.url.startswith("https://")

    @property
    def host(self) -> str:
        """Host and port of NOD_URL, as a browser sends it."""
        return urlsplit(self.url).netloc

    @property
    def sqlalchemy_url(self) -> str:
        """The database address with the driver's name in it."""
        for prefix in ("postgresql://", "postgres://"):
            if self.database_url.startswith(prefix):
                return "postgresql+psycopg://" + self.database_url.removeprefix(prefix)
        return self.database_url


def _parse(kind: str, raw: str) -> Any:
    if kind == "int":
        try:
            return int(raw)
        except ValueError:
            raise ValueError("must be a whole number") from None
    if kind == "bytes":
        return _key(raw)
    if kind.startswith("tuple[bytes"):
        return tuple(_key(part.strip()) for part in raw.split(",") if part.strip())
    if kind.startswith("tuple"):
        return tuple(part.strip() for part in raw.split(",") if part.strip())
    return raw


def _key(raw: str) -> bytes:
    try:
        key = base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4))
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < 32:
        raise ValueError(
            "must be 32 random bytes in base64; make one with "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return key
