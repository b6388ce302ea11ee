"""Sets up `.venv` from hash-pinned requirements: `python3 tools/bootstrap.py main|embedded|dev|benchmarks`.

Needs Python 3.11 and a package index, nothing else, and writes to the project's folder only. Doing it again is a quick
no-op; what an interruption left behind is built anew. A `.venv` that is a link is somebody else's and stays as it is.
What benchmarks need has an environment of its own, `.venv-bench`.
"""

import contextlib
import fcntl
import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - for whoever starts it with an older Python
    sys.exit(
        "Landbridge needs Python 3.11 or newer, and this is {}.{}. Name a newer one: make PYTHON=python3.11 ...".format(
            *sys.version_info
        )
    )

import fetch_uv

SETS = ("main", "embedded", "dev")
"""What can be asked for of `.venv`; each holds the ones before it."""
APART = "benchmarks"
"""What goes elsewhere: libraries of others, which what Landbridge is made of must not depend on."""
PROJECT = Path(__file__).resolve().parent.parent
TOOLS = PROJECT / ".tools"
STAMP = ".landbridge"
"""In an environment: holds the set and the hash of its requirements; empty while an installation goes on."""


def main() -> int:
    """Bring `.venv` to the set that the command line names and return the exit code."""
    wanted = sys.argv[1] if len(sys.argv) == 2 else ""  # noqa: PLR2004 - the command and its one argument
    if wanted not in (*SETS, APART):
        sys.stderr.write(f"Usage: python3 tools/bootstrap.py {{{'|'.join((*SETS, APART))}}}\n")
        return 2
    environment = PROJECT / (".venv-bench" if wanted == APART else ".venv")
    if environment.is_symlink():
        return 0
    try:
        with _alone():
            _ensure(wanted, environment)
    except fetch_uv.NotFetched as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except subprocess.CalledProcessError as error:
        sys.stderr.write(
            f"Setting up {environment.name} failed; what {Path(error.cmd[0]).name} said stands above. Try again.\n"
        )
        return 1
    return 0


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Keep a second run, started meanwhile, waiting."""
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _ensure(wanted: str, venv: Path) -> None:
    python, stamp = venv / "bin" / "python", venv / STAMP
    works = _works(python)
    installed, _, known_hash = stamp.read_text().partition(" ") if works and stamp.exists() else ("", "", "")
    if installed in SETS:
        wanted = max(wanted, installed, key=SETS.index)
    requirements = PROJECT / "requirements" / f"{wanted}.txt"
    current_hash = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if (installed, known_hash) == (wanted, current_hash):
        return
    began = time.monotonic()
    sys.stderr.write(f"Setting up {venv.name} from requirements/{wanted}.txt ...\n")
    uv, environment = fetch_uv.find_or_fetch(PROJECT)
    if not works or (stamp.exists() and not installed):
        _run(uv, "venv", "--clear", "--no-python-downloads", f"--python={sys.executable}", str(venv), env=environment)
    stamp.write_text("")
    # Compiled once, and not by each program that starts, where the surroundings keep Python from writing it down.
    sync = ["pip", "sync", "--require-hashes", "--compile-bytecode", f"--python={python}", str(requirements)]
    _run(uv, *sync, env=environment)
    stamp.write_text(f"{wanted} {current_hash}")
    sys.stderr.write(f"Done in {time.monotonic() - began:.0f} s.\n")


def _works(python: Path) -> bool:
    """Whether it is of a whole environment, and starts: what the environment was made from may be gone."""
    in_environment = "import sys; sys.exit(sys.prefix == sys.base_prefix)"
    return (
        shutil.which(python) is not None
        and subprocess.run([python, "-Ic", in_environment], check=False).returncode == 0
    )


def _run(*command: str, env: dict[str, str]) -> None:
    subprocess.run([command[0], "--quiet", *command[1:]], check=True, cwd=PROJECT, env=env)


if __name__ == "__main__":
    sys.exit(main())
