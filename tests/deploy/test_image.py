import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent


def context(folder: Path) -> Path:
    """Copy what `.dockerignore` lets into the image."""
    for line in (PROJECT / ".dockerignore").read_text().splitlines():
        if not line.startswith("!"):
            continue
        there, here = PROJECT / line[1:], folder / line[1:]
        here.parent.mkdir(parents=True, exist_ok=True)
        if there.is_dir():
            shutil.copytree(there, here, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(there, here)
    return folder


def test_the_command_line_in_the_image_says_which_it_is(tmp_path: Path) -> None:
    """What a command reads at run time is in the image, and not only its code."""
    starter = context(tmp_path) / "starter.py"
    ran = subprocess.run([sys.executable, starter, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.strip()
