"""A process that is forked from one that has read our code is one as any other."""

import os
import signal
import subprocess
import sys
from tempfile import TemporaryFile

from tests.support import nursery

CODE = """
import logging, os, signal, sys, threading
print(os.getsid(0) == os.getpid() == os.getpgid(0), os.environ["HERE"], "PYTHONUNBUFFERED" in os.environ, sys.argv, os.getcwd(), flush=True)
print(__name__, os.read(0, 1), __debug__, file=sys.stderr, flush=True)
print([signal.getsignal(number) for number in sorted(signal.valid_signals())], signal.set_wakeup_fd(-1), signal.pthread_sigmask(0, []))
print(threading.enumerate() == [threading.main_thread()], logging.root.handlers, sorted(os.listdir("/proc/self/fd"), key=int), flush=True)
if sys.argv[1] == "9":
    os.kill(os.getpid(), 9)
sys.exit(int(sys.argv[1]))
"""


def outcome(status: str, *flags: str):
    with TemporaryFile() as log:
        command = [sys.executable, *flags, "-c", CODE, status]
        process = nursery.start(command, {"PATH": os.environ["PATH"], "HERE": "there"}, log.fileno())
        ended = process.wait(60)
        assert process.poll() == process.returncode == ended
        return type(process), ended, os.pread(log.fileno(), 10_000, 0)


def test_it_has_its_own_session_environment_words_and_end_like_one_started_from_nothing():
    for flags in ((), ("-OO",)):
        kind, status, said = outcome("3", *flags)
        assert (kind, status) == (subprocess.Popen, 3), "the first of a kind is started from nothing"
        assert outcome("3", *flags) == (nursery.Child, 3, said)
        assert outcome("9", *flags)[:2] == (nursery.Child, -signal.SIGKILL)
        assert outcome("0", *flags)[1] == 0
    assert b"there False ['-c', '3']" in said
    assert b"__main__ b'' False" in said
    assert b"True [] ['0', '1', '2', '3']" in said, "the last is the folder's own"


def test_it_can_be_waited_for_and_ended_from_here():
    with TemporaryFile() as log:
        command = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
        environment = {"PATH": os.environ["PATH"]}
        for wanted in (subprocess.Popen, nursery.Child):
            process = nursery.start(command, environment, log.fileno())
            assert type(process) is wanted
            assert process.poll() is None
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGTERM)
            assert process.wait(20) == -signal.SIGTERM
            process.send_signal(signal.SIGTERM)  # it is gone: nothing happens


CHANCE = """
import random, secrets, tempfile
from app.kernel import ids
print(random.getrandbits(64), secrets.token_hex(), ids.uuid7(), *ids.uuid7_texts(2), next(tempfile._get_candidate_names()), flush=True)
"""


def test_what_is_left_to_chance_is_never_the_same_in_two_that_are_forked():
    command, environment = [sys.executable, "-c", CHANCE], {"PATH": os.environ["PATH"]}
    with TemporaryFile() as log:
        started = [nursery.start(command, environment, log.fileno()) for _ in range(4)]
        assert [process.wait(60) for process in started] == [0] * 4
        assert type(started[-1]) is nursery.Child
        said = os.pread(log.fileno(), 10_000, 0).decode().split()
    assert len(said) == len(set(said)) == 4 * 6


def test_one_whose_number_somebody_had_before_is_not_taken_for_ended(monkeypatch):
    command, environment = [sys.executable, "-c", "import time; time.sleep(600)", "again"], {"PATH": os.environ["PATH"]}
    with TemporaryFile() as log:
        processes = [nursery.start(command, environment, log.fileno())]
        last = processes[0].pid
        monkeypatch.setattr(nursery.nursery(), "_statuses", dict.fromkeys(range(last, last + 5_000), 0))
        try:
            processes.append(nursery.start(command, environment, log.fileno()))
            assert type(processes[1]) is nursery.Child
            assert processes[1].poll() is None
        finally:
            for process in processes:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(20)
