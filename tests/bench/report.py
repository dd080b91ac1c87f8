"""The figures in words, and the last line for programs."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench.asking import percentile
from tests.bench.sending import Memory, Sent


@dataclass(frozen=True, slots=True)
class Run:
    """One mailing, and the reference measured right before and after it."""

    sent: Sent
    reference: float

    @property
    def ratio(self) -> float:
        """Of the reference, end to end."""
        return self.sent.per_second / self.reference

    @property
    def worker_cpu_per_1000(self) -> float:
        """Seconds, of all of Nod's processes."""
        return sum(self.sent.worker_cpu_seconds.values()) * 1000 / self.sent.recipients

    @property
    def database_cpu_per_1000(self) -> float:
        """Seconds, of all of PostgreSQL's processes."""
        return self.sent.database_cpu_seconds * 1000 / self.sent.recipients

    def words(self) -> str:
        """The run on two lines."""
        sent = self.sent
        parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in sent.worker_cpu_seconds.items())
        return (
            f"  {sent.per_second:,.0f} messages/s end to end ({sent.end_to_end_seconds:.1f} s),"
            f" {sent.per_second_sending:,.0f} while sending; reference {self.reference:,.0f},"
            f" ratio {self.ratio:.2f}\n"
            f"  CPU seconds per 1,000: Nod {self.worker_cpu_per_1000:.3f} (seconds in all: {parts}),"
            f" PostgreSQL {self.database_cpu_per_1000:.3f}; largest worker {sent.peak_rss_mb:.0f} MB"
            + (f"\n  {len(sent.waits)} system mails meanwhile: {_waits_in_words(sent.waits)}" if sent.waits else "")
        )


def _waits_in_words(waits: Sequence[float]) -> str:
    return ", ".join(f"p{part} {percentile(waits, part):.2f} s" for part in (50, 99))


@dataclass(frozen=True, slots=True)
class Signed:
    """Messages a second with DKIM, without it, and signatures a second that RSA-2048 allows on all cores."""

    per_second: float
    unsigned: float
    signatures: float

    @property
    def ratio(self) -> float:
        """Of the lower of the two limits, as if each had all cores for itself."""
        return self.per_second / min(self.unsigned, self.signatures)

    @property
    def shared_ratio(self) -> float:
        """Of what the same cores can do when they have both works to do."""
        return self.per_second * (1 / self.unsigned + 1 / self.signatures)


def last_line(
    runs: Sequence[Run], *, freeze_seconds: float | None, signed: Signed | None, mail_bytes: int
) -> str:
    """The medians as one line of JSON."""
    waits = [seconds for run in runs for seconds in run.sent.waits]
    figures = {
        "messages_per_second": round(median(run.sent.per_second for run in runs), 1),
        "messages_per_second_while_sending": round(median(run.sent.per_second_sending for run in runs), 1),
        "reference_messages_per_second": round(median(run.reference for run in runs), 1),
        "ratio": round(median(run.ratio for run in runs), 3),
        "worker_cpu_seconds_per_1000": round(median(run.worker_cpu_per_1000 for run in runs), 4),
        "database_cpu_seconds_per_1000": round(median(run.database_cpu_per_1000 for run in runs), 4),
        "peak_rss_mb": round(max(run.sent.peak_rss_mb for run in runs), 1),
        "freeze_seconds": None if freeze_seconds is None else round(freeze_seconds, 2),
        "dkim_messages_per_second": None if signed is None else round(signed.per_second, 1),
        "dkim_ratio": None if signed is None else round(signed.ratio, 3),
        "dkim_ratio_on_shared_cores": None if signed is None else round(signed.shared_ratio, 3),
        "system_mails": len(waits),
        "system_mail_p50_seconds": round(percentile(waits, 50), 3) if waits else None,
        "system_mail_p99_seconds": round(percentile(waits, 99), 3) if waits else None,
        "mail_bytes": mail_bytes,
        "machine": machine(),
    }
    return json.dumps(figures)


def machine() -> dict[str, object]:
    """What these figures hold for."""
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "cpu": found.group(1) if found else platform.machine(),
    }


def memory_words(memory: Sequence[Memory], recipients: int) -> str:
    """A worker's memory over time, and what its second half grew by for each 100,000 messages."""
    step = max(1, len(memory) // 12)
    lines = [f"  {found.seconds:6.0f} s {found.megabytes:6.1f} MB" for found in memory[::step]]
    return "\n".join([*lines, f"  growth: {growth(memory, recipients):+.2f} MB per 100,000 messages"])


def growth(memory: Sequence[Memory], recipients: int) -> float:
    """MB per 100,000 messages, by the straight line through the second half (the first half fills caches)."""
    half = memory[len(memory) // 2 :]
    if len(half) < 2:
        return 0.0
    middle = sum(found.seconds for found in half) / len(half)
    spread = sum((found.seconds - middle) ** 2 for found in half)
    slope = sum((found.seconds - middle) * found.megabytes for found in half) / spread
    return slope * memory[-1].seconds / recipients * 100_000
