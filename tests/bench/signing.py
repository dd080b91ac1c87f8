"""Mailings with DKIM, and the limit that RSA sets them on this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from uuid import UUID

import click

from app.accounts.rules import acts
from app.delivery import service
from app.kernel.db import transaction

SECONDS = 3


def make_keys(workspace_id: UUID, domain: str) -> None:
    """Make the keys of a workspace's sending domain and switch them on: its mails are signed from now on."""
    with transaction():
        pair = service.make_keys(workspace_id, domain, by=acts.COMMAND)
        service.set_published(workspace_id, pair.id, "owner", by=acts.COMMAND)
        service.switch_on(workspace_id, pair.id, by=acts.COMMAND)


def limit() -> float:
    """How many RSA-2048 signatures a second all cores of this machine make.

    Raises:
        click.ClickException: openssl is missing or says something else.
    """
    program = shutil.which("openssl")
    if program is None:
        raise click.ClickException("--dkim needs the program openssl, for the machine's own limit.")
    done = subprocess.run(
        [program, "speed", "-seconds", str(SECONDS), "rsa2048"], capture_output=True, text=True, check=False
    )
    return per_second(done.stdout) * (os.cpu_count() or 1)


def per_second(said: str) -> float:
    """Signatures a second, out of what ``openssl speed`` prints of RSA with 2048 bits.

    Raises:
        click.ClickException: it prints something else.
    """
    found = re.search(r"^rsa\s+2048 bits\s+\S+\s+\S+\s+([\d.]+)", said, re.MULTILINE)
    if found is None:
        raise click.ClickException(f"openssl does not say how fast it signs: {said[-300:]}")
    return float(found.group(1))
