"""starter.py finds the libraries that lie beside it."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import STARTER


def bare(starter: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a starter.py with a Python that has no libraries."""
    return subprocess.run([sys.executable, "-S", starter, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 - our own code


def test_it_goes_on_with_the_projects_environment(tmp_path: Path) -> None:
    """Whoever types ./starter.py gets there, whatever python3 is on this machine."""
    starter = Path(shutil.copy(STARTER, tmp_path))
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    ran = bare(starter, "list", "-o", "json")
    assert (ran.returncode, ran.stdout) == (0, f"{starter} list -o json\n")


def test_without_one_it_says_how_to_get_it(tmp_path: Path) -> None:
    """One sentence, and not a traceback about a module."""
    ran = bare(Path(shutil.copy(STARTER, tmp_path)), "list")
    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert "python3 tools/bootstrap.py main" in ran.stderr
