"""On PYTHONPATH this puts a process into a bad machine: its clock is wrong, or one person's mail ends the process.

FAULTS_CLOCK_SECONDS is added to the machine's clock. FAULTS_POISON is a first name that the filter ``upper`` dies of.
"""

import importlib.abc
import importlib.util
import os
import signal
import sys
import time

_SECONDS = float(os.environ.get("FAULTS_CLOCK_SECONDS", "0"))
_POISON = os.environ.get("FAULTS_POISON", "")
_right, _right_ns = time.time, time.time_ns
if _SECONDS:
    time.time = lambda: _right() + _SECONDS
    time.time_ns = lambda: _right_ns() + int(_SECONDS * 1_000_000_000)


class _Poison(importlib.abc.MetaPathFinder):
    """Waits for the module of filters and changes one of them."""

    def find_spec(self, name, _path=None, _target=None):
        if name != "app.content.filters":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            _make_deadly(module)

        spec.loader.exec_module = exec_module
        return spec


def _make_deadly(module):
    import dataclasses

    usual = module.FILTERS["upper"]

    def upper(value, language):
        if value == _POISON:
            os.kill(os.getpid(), signal.SIGSEGV)
        return usual.run(value, language)

    module.FILTERS["upper"] = dataclasses.replace(usual, run=upper)


if _POISON:
    sys.meta_path.insert(0, _Poison())
