"""The entry point of the command line: `landbridge`, `python -m landbridge.cli` and `./starter.py`."""

from typing import NoReturn

from landbridge.cli import app
from landbridge.platform import exits


def main() -> NoReturn:
    """Run the command that the arguments name, and exit with its code."""
    exits.run(app.main)


if __name__ == "__main__":
    main()
