"""Settings: documented, complete, and clear about what is missing."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from app.config import Settings, SettingsError
from tests.conftest import KEYS, environment_of, settings_for

README = Path(__file__).parent.parent.parent / "README.md"
GOOD = environment_of(settings_for("postgresql://nod:x@127.0.0.1:5432/nod", "redis://127.0.0.1:6379/0"))


def test_every_setting_stands_in_the_readme():
    text = README.read_text()
    missing = [f.metadata["env"] for f in fields(Settings) if f"`{f.metadata['env']}`" not in text]
    assert not missing, f"README does not name {missing}"


def test_a_whole_environment_is_read():
    settings = Settings.from_env(GOOD)
    assert settings.secret_key == KEYS["secret_key"]
    assert settings.sqlalchemy_url.startswith("postgresql+psycopg://")


def test_all_that_is_missing_is_named_at_once():
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({})
    for name in ("DATABASE_URL", "REDIS_URL", "NOD_URL", "NOD_SECRET_KEY", "NOD_HASH_KEY", "NOD_SEAL_KEY"):
        assert name in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("NOD_SECRET_KEY", "short", "32 random bytes"),
        ("NOD_URL", "news.example.org", "https://"),
        ("NOD_URL", "http://127.0.0.1/", "without a slash"),
        ("NOD_ENV", "staging", "production or development"),
        ("NOD_KEEP_IP", "half", "full, short or none"),
        ("NOD_TRUSTED_PROXIES", "one", "whole number"),
    ],
)
def test_a_wrong_value_says_what_to_write(name, value, said):
    with pytest.raises(SettingsError, match=said):
        Settings.from_env({**GOOD, name: value})


def test_production_asks_for_tls_and_has_no_mailbox():
    with pytest.raises(SettingsError, match="https"):
        Settings.from_env({**GOOD, "NOD_ENV": "production"})
    whole = {**GOOD, "NOD_ENV": "production", "NOD_URL": "https://news.example.org"}
    assert Settings.from_env(whole).is_production
    with pytest.raises(SettingsError, match="NOD_MAILBOX_DIR"):
        Settings.from_env({**whole, "NOD_MAILBOX_DIR": "/somewhere"})


def test_no_secret_is_printed():
    shown = repr(Settings.from_env(GOOD))
    assert "ssss" not in shown
    assert "nod:x" not in shown
