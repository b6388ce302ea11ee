#!/usr/bin/env python3
"""The command line of Landbridge: ./starter.py --help."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

_VENV = Path(__file__).resolve().parent / ".venv"
_REQUIRED = ("cyclopts", "pydantic_settings", "rich", "structlog", "temporalio")


def _switch_to_project_environment() -> None:
    # ./starter.py starts with the system's Python, which lacks our libraries: re-run it with the interpreter in .venv.
    # Only syntax that old Python versions can parse is used here.
    if all(find_spec(name) for name in _REQUIRED):
        return
    python = _VENV / "bin" / "python"
    if python.exists() and Path(sys.prefix).resolve() != _VENV.resolve():
        os.execv(python, [str(python), *sys.argv])  # noqa: S606 - our own interpreter, by its full path
    sys.exit("Landbridge's libraries are not installed. Install them into .venv: python3 tools/bootstrap.py main")


if __name__ == "__main__":
    _switch_to_project_environment()

    from landbridge.cli.__main__ import main

    main()
