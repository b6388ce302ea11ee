"""starter.py finds the libraries in the project's .venv."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import STARTER


def bare(starter: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a starter.py with a Python that has no installed libraries."""
    return subprocess.run([sys.executable, "-S", starter, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 - our own code


def test_starter_uses_the_projects_environment(tmp_path: Path) -> None:
    """The .venv is used whichever python3 runs the script."""
    starter = Path(shutil.copy(STARTER, tmp_path))
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    ran = bare(starter, "list", "-o", "json")
    assert (ran.returncode, ran.stdout) == (0, f"{starter} list -o json\n")


def test_without_libraries_starter_says_how_to_install_them(tmp_path: Path) -> None:
    """The message is one line without a traceback."""
    ran = bare(Path(shutil.copy(STARTER, tmp_path)), "list")
    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert "python3 tools/bootstrap.py main" in ran.stderr
