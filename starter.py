#!/usr/bin/env python3
"""The command line of Landbridge: ./starter.py --help."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

_VENV = Path(__file__).resolve().parent / ".venv"
_NEEDED = ("cyclopts", "pydantic_settings", "rich", "structlog", "temporalio")


def _use_project_environment() -> None:
    # ./starter.py runs with the system's Python, which lacks the libraries: re-execute it with the project's Python in
    # .venv. Keep this function compatible with old Python versions.
    if all(find_spec(name) for name in _NEEDED):
        return
    python = _VENV / "bin" / "python"
    if python.exists() and Path(sys.prefix).resolve() != _VENV.resolve():
        os.execv(python, [str(python), *sys.argv])  # noqa: S606 - the project's interpreter, by its full path
    sys.exit("Landbridge's libraries are not installed. Install them into .venv: python3 tools/bootstrap.py main")


if __name__ == "__main__":
    _use_project_environment()

    from landbridge.cli import app
    from landbridge.platform import exits

    exits.run(app.main)
