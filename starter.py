#!/usr/bin/env python3
"""The command line of Landbridge: ./starter.py --help."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

_VENV = Path(__file__).resolve().parent / ".venv"
_NEEDED = ("cyclopts", "pydantic_settings", "rich", "structlog", "temporalio")


def _use_the_projects_environment() -> None:
    # Someone who types ./starter.py gets the system's Python, which has none of our libraries. The one that has them
    # lies beside this file: go on with it, rather than teach everyone to type its path. Readable for old Pythons too.
    if all(find_spec(name) for name in _NEEDED):
        return
    python = _VENV / "bin" / "python"
    if python.exists() and Path(sys.prefix).resolve() != _VENV.resolve():
        os.execv(python, [str(python), *sys.argv])  # noqa: S606 - our own interpreter, by its full path
    sys.exit("Landbridge's libraries are not installed here. Install them into .venv: python3 tools/bootstrap.py main")


if __name__ == "__main__":
    _use_the_projects_environment()

    from landbridge.cli import overview
    from landbridge.platform import exits

    if overview.asked_for(sys.argv[1:]):
        exits.run(overview.show)

    from landbridge.cli import app

    exits.run(app.main)
