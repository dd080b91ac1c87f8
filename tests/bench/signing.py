"""Mailings with DKIM, and the limit that RSA sets them on this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from uuid import UUID

import click

SECONDS = 3


def make_keys(workspace_id: UUID, domain: str) -> None:
    """Make the keys of a sender's domain, so that its mails are signed from now on.

    Raises:
        click.ClickException: this Nod makes none.
    """
    raise click.ClickException(f"--dkim: this Nod makes no keys for {domain}, so its mails are not signed.")


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
