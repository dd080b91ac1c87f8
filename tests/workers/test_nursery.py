"""A process that is forked from one that has read our code is one as any other."""

import os
import signal
import subprocess
import sys
from tempfile import TemporaryFile

from tests.support import nursery

CODE = """
import os, sys
print(os.getsid(0) == os.getpid() == os.getpgid(0), os.environ["HERE"], "PYTHONUNBUFFERED" in os.environ, sys.argv, os.getcwd(), flush=True)
print(__name__, os.read(0, 1), __debug__, file=sys.stderr, flush=True)
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
