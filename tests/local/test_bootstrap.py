"""Set-up before there is a virtual environment; the network runs of it stand in test_setup.py."""

import configparser
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.local import bootstrap
from app.local.bootstrap import SetupError, Stamps
from tests.local.conftest import ROOT

LOCKS = ("requirements.lock", "requirements-test.lock")
MACHINES = [
    {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.9"} for minor in (11, 12, 13, 14)
]


def _lock(name: str) -> list[tuple[Requirement, str]]:
    """Each requirement of a lock with the text of its entry."""
    entries = re.split(r"\n(?=[a-z0-9])", (ROOT / name).read_text())
    return [
        (Requirement(entry.split("\\")[0].strip()), entry) for entry in entries if not entry.startswith("#")
    ]


@pytest.mark.parametrize("name", [*LOCKS, "app/frontend/package-lock.json"])
def test_locks_name_no_place_to_download_from(name):
    text = (ROOT / name).read_text()
    if name.endswith(".json"):
        packages = json.loads(text)["packages"]
        assert len(packages) > 1
        assert not [path for path, entry in packages.items() if "resolved" in entry]
        assert all("integrity" in entry for path, entry in packages.items() if path)
    else:
        assert "://" not in text
        assert "--index-url" not in text
        assert "--find-links" not in text


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_is_pinned_and_hashed(name):
    for requirement, entry in _lock(name):
        assert str(requirement.specifier).startswith("=="), requirement
        assert "--hash=sha256:" in entry, requirement


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine["python_version"])
def test_the_locks_hold_what_setup_cfg_asks_for_on_every_python(machine):
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    wanted = {
        "requirements.lock": setup["options"]["install_requires"],
        "requirements-test.lock": setup["options"]["install_requires"]
        + setup["options.extras_require"]["test"],
    }
    environment = {**default_environment(), **machine}
    for name, text in wanted.items():
        locked = {
            canonicalize_name(requirement.name): next(iter(requirement.specifier)).version
            for requirement, _ in _lock(name)
            if requirement.marker is None or requirement.marker.evaluate(environment)
        }
        for line in text.split("\n"):
            if line.strip():
                requirement = Requirement(line.strip())
                version = locked[canonicalize_name(requirement.name)]
                assert requirement.specifier.contains(version, prereleases=True), (
                    f"{name}: {requirement}; run make lock"
                )


def test_the_tests_lock_holds_all_of_the_other_one():
    main, tests = ({str(requirement) for requirement, _ in _lock(name)} for name in LOCKS)
    assert main <= tests


def test_stage_0_uses_the_standard_library_only():
    """It runs before anything is installed: without the site packages, with an isolated python3."""
    for name in ("bootstrap", "tether"):
        path = ROOT / "app" / "local" / f"{name}.py"
        script = f"import runpy; runpy.run_path({str(path)!r}, run_name='imported')"
        subprocess.run([sys.executable, "-I", "-S", "-c", script], check=True)


@pytest.fixture
def steps(tmp_path, monkeypatch):
    """A checkout in which each step is noted instead of run."""
    for name in ("ROOT", "FRONTEND", "BUILT", "VENV", "LOCK", "TEST_LOCK"):
        monkeypatch.setattr(bootstrap, name, tmp_path / getattr(bootstrap, name).relative_to(ROOT))
    (tmp_path / "app" / "frontend" / "src").mkdir(parents=True)
    for name in (*LOCKS, "app/frontend/package-lock.json", "app/frontend/.npmrc", "app/frontend/build.mjs"):
        (tmp_path / name).write_text(name)
    (tmp_path / "app" / "frontend" / "src" / "app.js").write_text("1")
    done: list[str] = []

    def note(command, failure, folder=tmp_path):
        done.append(" ".join([Path(command[0]).name, *command[1:]]))
        if command[1:3] == ["-m", "venv"]:
            (tmp_path / ".venv" / "bin").mkdir(parents=True)
            (tmp_path / ".venv" / "bin" / "pip").write_text(f"#!{tmp_path}/.venv/bin/python")
        if "ci" in command:
            (tmp_path / "app" / "frontend" / "node_modules").mkdir(exist_ok=True)

    monkeypatch.setattr(bootstrap, "run", note)
    monkeypatch.setattr(bootstrap, "run_quietly", lambda command: True)

    def again(*arguments: str) -> list[str]:
        done.clear()
        assert bootstrap.main(list(arguments)) == 0
        return [" ".join(word for word in line.split() if not word.startswith("--loglevel")) for line in done]

    return tmp_path, again


def test_a_second_start_does_nothing(steps):
    _, again = steps
    assert [line.split()[0] for line in again()][1:] == ["python", "npm", "node"]
    assert again() == []


def test_only_tests_install_what_only_tests_need(steps):
    _, again = steps
    first = "\n".join(again())
    assert "requirements.lock" in first
    assert "npm ci --omit=dev" in first
    second = "\n".join(again("--test"))
    assert "requirements-test.lock" in second
    assert "npm ci\n" in f"{second}\n"
    assert again() == []
    assert again("--test") == []


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("requirements.lock", "python"),
        ("app/frontend/package-lock.json", "npm"),
        ("app/frontend/src/app.js", "node"),
        ("app/frontend/build.mjs", "node"),
    ],
)
def test_what_has_changed_is_done_again(steps, name, program):
    folder, again = steps
    again()
    (folder / name).write_text("changed")
    assert again()[0].split()[0] == program


def test_a_moved_checkout_makes_its_virtual_environment_anew(steps):
    folder, again = steps
    again()
    (folder / ".venv" / "bin" / "pip").write_text("#!/elsewhere/.venv/bin/python")
    Stamps(folder / ".venv").put("run", "made elsewhere")
    assert "-m venv" in again()[0]


def test_a_failed_step_ends_set_up_with_a_sentence(steps, monkeypatch, capsys):
    _, _again = steps

    def fail(command, failure, folder=None):
        raise SetupError(failure)

    monkeypatch.setattr(bootstrap, "run", fail)
    assert bootstrap.main([]) == 1
    assert "Set-up stopped: " in capsys.readouterr().err


def _fake_python(folder: Path, name: str, version: str, *, has_ensurepip: bool = True) -> None:
    works = "exit 0" if has_ensurepip else "exit 1"
    path = folder / name
    path.write_text(f'#!/bin/sh\ncase "$2" in *ensurepip*) {works};; *print*) echo {version};; esac\n')
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine whose only programs are those that the test makes."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    return tmp_path


def test_a_well_tried_python_is_preferred_and_a_broken_shim_passed_over(machine):
    broken = machine / "python3.12"
    broken.write_text("#!/bin/sh\necho 'pyenv: python3.12: command not found' >&2; exit 127\n")
    broken.chmod(0o755)
    _fake_python(machine, "python3", "3.15.0")
    _fake_python(machine, "python3.11", "3.11.4")
    assert bootstrap.choose_python() == (str(machine / "python3.11"), "3.11.4")


def test_a_python_without_venv_is_named_with_the_package_to_install(machine):
    _fake_python(machine, "python3", "3.13.5", has_ensurepip=False)
    with pytest.raises(SetupError, match=r"apt install python3\.13-venv"):
        bootstrap.choose_python()


def test_an_old_python_is_named(machine):
    _fake_python(machine, "python3", "3.9.18")
    with pytest.raises(SetupError, match=r"3\.11 or newer; found only 3\.9\.18"):
        bootstrap.choose_python()


def test_a_home_that_cannot_be_written_is_replaced_for_the_installers(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "nonexistent"))
    assert bootstrap.environment()["HOME"] == str(bootstrap.VENV)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert bootstrap.environment()["HOME"] == str(tmp_path)


def test_make_without_a_python_says_what_is_missing(tmp_path):
    make = subprocess.run(["make", "setup", "PYTHON="], cwd=ROOT, capture_output=True, text=True, check=False)
    assert make.returncode != 0
    assert "Nod needs Python 3.11 or newer" in make.stdout


def test_continuous_integration_calls_the_test_command_and_nothing_else():
    lines = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if not line.startswith("#")]
    assert lines == ["set -eu", 'cd "$(dirname "$0")/.."', "exec make test"]
