"""Pins all requirements with hashes: `make requirements`. Smaller sets constrain larger sets, so versions agree."""

import subprocess
import sys
from pathlib import Path

import fetch_uv

PROJECT = Path(__file__).resolve().parent.parent
OPTIONS = ["--upgrade", "--universal", "--generate-hashes", "--no-header", "--no-annotate", "--python-version=3.11"]
PINS = {
    "uv": ["--group=uv"],
    "main": ["pyproject.toml"],
    "local": ["pyproject.toml", "--group=local", "--constraints=requirements/main.txt"],
    "dev": ["pyproject.toml", "--group=dev", "--constraints=requirements/local.txt"],
    "benchmarks": ["pyproject.toml", "--group=benchmarks", "--constraints=requirements/local.txt"],
}
"""Arguments of `uv pip compile` for each file in requirements/."""


def main() -> int:
    """Rewrite every file in requirements/; return the exit code."""
    try:
        uv, environment = fetch_uv.find_or_fetch(PROJECT)
        for name, sources in PINS.items():
            sys.stderr.write(f"Pinning requirements/{name}.txt ...\n")
            command = [uv, "pip", "compile", "--quiet", *OPTIONS, *sources, f"--output-file=requirements/{name}.txt"]
            subprocess.run(command, check=True, cwd=PROJECT, env=environment)
    except fetch_uv.NotFetched as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except subprocess.CalledProcessError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
