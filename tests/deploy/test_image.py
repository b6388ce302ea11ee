import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent


def context(folder: Path) -> Path:
    """Copy the files that `.dockerignore` lets into the image."""
    for line in (PROJECT / ".dockerignore").read_text().splitlines():
        if not line.startswith("!"):
            continue
        source, target = PROJECT / line[1:], folder / line[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return folder


def test_the_command_line_in_the_image_prints_its_version(tmp_path: Path) -> None:
    """The image also has the files that a command reads at run time."""
    starter = context(tmp_path) / "starter.py"
    ran = subprocess.run([sys.executable, starter, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.strip()
