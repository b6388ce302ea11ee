"""Sets up `.venv` from hash-pinned requirements: `python3 tools/bootstrap.py main|local|dev|benchmarks`.

Needs only Python 3.11 and a package index, and writes to the project's folder only. A second run does nothing; an
interrupted installation is repaired. A `.venv` that is a symbolic link is left unchanged. `benchmarks` has a separate
environment, `.venv-bench`.
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

if sys.version_info < (3, 11):  # noqa: UP036 - reports an older Python instead of a syntax error
    sys.exit(
        "Landbridge needs Python 3.11 or newer; this is {}.{}. Choose another one: make PYTHON=python3.11 ...".format(
            *sys.version_info
        )
    )

import fetch_uv

SETS = ("main", "local", "dev")
"""Sets of requirements for `.venv`; each includes the sets before it."""
BENCHMARKS = "benchmarks"
"""Installed into `.venv-bench`, so that other engines' libraries cannot change those of Landbridge."""
PROJECT = Path(__file__).resolve().parent.parent
TOOLS = PROJECT / ".tools"
STAMP = ".landbridge"
"""File in an environment: the installed set and the hash of its requirements; empty during an installation."""


def main() -> int:
    """Install the set that the command line names; return the exit code."""
    wanted = sys.argv[1] if len(sys.argv) == 2 else ""  # noqa: PLR2004 - the command and its one argument
    if wanted not in (*SETS, BENCHMARKS):
        sys.stderr.write(f"Usage: python3 tools/bootstrap.py {{{'|'.join((*SETS, BENCHMARKS))}}}\n")
        return 2
    environment = PROJECT / (".venv-bench" if wanted == BENCHMARKS else ".venv")
    if environment.is_symlink():
        return 0
    try:
        with _locked():
            _ensure(wanted, environment)
    except fetch_uv.NotFetched as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except subprocess.CalledProcessError as error:
        sys.stderr.write(
            f"Setup of {environment.name} failed: see the output of {Path(error.cmd[0]).name} above, then try again.\n"
        )
        return 1
    return 0


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """Make concurrent runs wait for each other."""
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _ensure(wanted: str, venv: Path) -> None:
    python, stamp = venv / "bin" / "python", venv / STAMP
    usable = _is_usable(python)
    installed, _, known_hash = stamp.read_text().partition(" ") if usable and stamp.exists() else ("", "", "")
    if installed in SETS:
        wanted = max(wanted, installed, key=SETS.index)
    requirements = PROJECT / "requirements" / f"{wanted}.txt"
    current_hash = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if (installed, known_hash) == (wanted, current_hash):
        return
    began = time.monotonic()
    sys.stderr.write(f"Setting up {venv.name} from requirements/{wanted}.txt ...\n")
    uv, environment = fetch_uv.find_or_fetch(PROJECT)
    if not usable or (stamp.exists() and not installed):
        _run(uv, "venv", "--clear", "--no-python-downloads", f"--python={sys.executable}", str(venv), env=environment)
    stamp.write_text("")
    # Compile now: where Python cannot write bytecode later, every start would compile again.
    sync = ["pip", "sync", "--require-hashes", "--compile-bytecode", f"--python={python}", str(requirements)]
    _run(uv, *sync, env=environment)
    stamp.write_text(f"{wanted} {current_hash}")
    sys.stderr.write(f"Done in {time.monotonic() - began:.0f} s.\n")


def _is_usable(python: Path) -> bool:
    """Return whether an environment's interpreter starts; the Python that created it may have been removed."""
    in_environment = "import sys; sys.exit(sys.prefix == sys.base_prefix)"
    return (
        shutil.which(python) is not None
        and subprocess.run([python, "-Ic", in_environment], check=False).returncode == 0
    )


def _run(*command: str, env: dict[str, str]) -> None:
    subprocess.run([command[0], "--quiet", *command[1:]], check=True, cwd=PROJECT, env=env)


if __name__ == "__main__":
    sys.exit(main())
