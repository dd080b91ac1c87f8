"""The bench counts right, and runs."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import click
import pytest

from tests.bench import processes, reference, report, signing, sinks
from tests.bench.report import Run, Signed
from tests.bench.sending import Memory, Sent, Wrong, judge
from tests.bench.sink import BYE, EHLO, GO_ON, OK, Talk
from tests.support.installation import ROOT

MAIL = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"
TALK = (
    b"EHLO me\r\n"
    + MAIL
    + b"Hi\r\n..\r\nQUIT\r\n.\r\n"
    + MAIL
    + b".\r\n"
    + b"RSET\r\n"
    + MAIL
    + b"x\r\n.\r\nQUIT\r\n"
)
ANSWERS = EHLO + (OK + OK + GO_ON + OK) * 2 + OK + OK + OK + GO_ON + OK + BYE


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 40, 1000])
def test_the_sink_answers_the_same_wherever_the_bytes_are_cut(size):
    talk = Talk()
    answers = b"".join(talk.hear(TALK[place : place + size]) for place in range(0, len(TALK), size))
    assert answers == ANSWERS
    assert (talk.taken, talk.is_over) == (3, True)


def test_what_the_blaster_sends_the_sink_counts(tmp_path):
    with sinks.sink(sinks.OWN, tmp_path, None) as sink:
        assert reference.ceiling(sink, 5000, mails=300) > 0
        assert sink.count() == 300
        assert reference.ceiling(sink, 5000, mails=1) > 0
        assert sink.count() == 301


@pytest.mark.parametrize(
    ("states", "taken"),
    [({"sent": 9, "unknown": 1}, 10), ({"sent": 10}, 11), ({"sent": 10}, 9), ({"sent": 9}, 9), ({}, None)],
)
def test_who_got_none_or_two_is_an_error(states, taken):
    with pytest.raises(Wrong):
        judge(states, taken, 10)


@pytest.mark.parametrize("taken", [10, None])
def test_all_once_is_right(taken):
    judge({"sent": 10}, taken, 10)


def test_the_time_of_children_counts_while_they_live_and_when_they_have_ended():
    burn = "import time\nwhile time.process_time() < 0.4: pass\n"
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {burn!r}])\nprint(flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        until = time.monotonic() + 20
        while processes.cpu_seconds(running.pid) < 0.2 and time.monotonic() < until:
            time.sleep(0.01)
        assert len(processes.tree(running.pid)) == 2, "still at work"
        running.stdout.readline()
        assert processes.tree(running.pid) == [running.pid], "the child has ended"
        assert 0.4 <= processes.cpu_seconds(running.pid) < 5
        assert 3 < processes.memory_mb(running.pid, "VmHWM") < 100
        running.communicate(b"\n")
    assert processes.cpu_seconds(running.pid) == 0


def test_the_programs_are_those_of_the_procfile():
    commands = processes.procfile()
    assert set(processes.NAMES) < set(commands)
    assert commands["bulk"][:4] == ["python", "-OO", "-m", "workers"]
    assert processes.process_count(["python", "-m", "workers", "--processes", "3"]) == 3


def run(recipients: int, seconds: float, reference_rate: float) -> Run:
    waits = [seconds, 10.0] if seconds == 1 else []
    sent = Sent(recipients, seconds, seconds / 2, {"bulk": 2.0, "clock": 1.0}, 0.5, 99.0, waits=waits)
    return Run(sent, reference_rate)


def test_the_last_line_has_medians_and_every_name():
    runs = [run(1000, 1, 4000), run(1000, 2, 1000), run(1000, 4, 2000)]
    signed = Signed(per_second=400.0, unsigned=500.0, signatures=2000.0)
    line = json.loads(report.last_line(runs, freeze_seconds=None, signed=signed, mail_bytes=20_000))
    assert line.pop("machine").keys() == {"cores", "python", "cpu"}
    assert line == {
        "messages_per_second": 500.0,
        "messages_per_second_while_sending": 1000.0,
        "reference_messages_per_second": 2000.0,
        "ratio": 0.25,
        "worker_cpu_seconds_per_1000": 3.0,
        "database_cpu_seconds_per_1000": 0.5,
        "peak_rss_mb": 99.0,
        "freeze_seconds": None,
        "dkim_messages_per_second": 400.0,
        "dkim_ratio": 0.8,
        "dkim_ratio_on_shared_cores": 1.0,
        "system_mails": 2,
        "system_mail_p50_seconds": 1,
        "system_mail_p99_seconds": 10.0,
        "mail_bytes": 20_000,
    }


def test_growth_is_told_of_the_second_half_by_messages():
    steady = [Memory(second, 50 + min(second, 50)) for second in range(101)]
    assert report.growth(steady, 1_000_000) == pytest.approx(0)
    leaky = [Memory(second, 50 + second / 2) for second in range(101)]
    assert report.growth(leaky, 1_000_000) == pytest.approx(5)


def test_openssl_is_understood():
    said = "                  sign    verify    sign/s verify/s\nrsa  2048 bits 0.000650s 0.000019s   1538.7  52093.3\n"
    assert signing.per_second(said) == 1538.7
    with pytest.raises(click.ClickException):
        signing.per_second("unknown algorithm")


@pytest.mark.bench
def test_it_runs_and_ends_with_json():
    words = ["--recipients", "60", "--runs", "1", "--sink", "own", "--freeze-people", "500", "--asking"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.send", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    line = json.loads(done.stdout.splitlines()[-1])
    assert line["messages_per_second"] > 0
    assert line["worker_cpu_seconds_per_1000"] > 0
    assert line["database_cpu_seconds_per_1000"] > 0
    assert line["freeze_seconds"] > 0
    assert line["dkim_ratio"] is None
    assert line["system_mails"] > 0
    assert line["system_mail_p99_seconds"] > 0
