"""The best that this machine can do into a sink: Postfix's load generator, else our own blaster."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.bench.sinks import Sink, postfix
from tests.support.installation import ROOT

MAILS = 20_000
CONNECTIONS = 50
BLASTER_CONNECTIONS = 16
SECONDS = 600.0


def name() -> str:
    """Who is measured."""
    return "smtp-source" if postfix("smtp-source") else "our own blaster (Postfix's tools are not installed)"


def rate(sink: Sink, size: int, *, connections: int = CONNECTIONS, mails: int = MAILS) -> float:
    """Messages a second of that size, sent by Postfix's generator where it is installed.

    Raises:
        subprocess.CalledProcessError: the sink refused.
    """
    program = postfix("smtp-source")
    if program is None:
        return ceiling(sink, size, mails=mails)
    began = time.monotonic()
    subprocess.run(
        [program, "-d", "-s", str(connections), "-l", str(size), "-m", str(mails), f"{sink.host}:{sink.port}"],
        check=True, timeout=SECONDS, capture_output=True,
    )  # fmt: skip
    return mails / (time.monotonic() - began)


def ceiling(sink: Sink, size: int, *, mails: int = MAILS) -> float:
    """Messages a second by our own blaster."""
    words = [sink.host, str(sink.port), str(size), str(mails), str(BLASTER_CONNECTIONS)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.blaster", *words],
        cwd=ROOT, check=True, timeout=SECONDS, capture_output=True, text=True,
    )  # fmt: skip
    return mails / float(done.stdout)
