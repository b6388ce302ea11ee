"""The entry point of the command line: `landbridge`, `python -m landbridge.cli` and `./starter.py`."""

import sys
from typing import NoReturn

from landbridge.cli import overview
from landbridge.platform import exits


def main() -> NoReturn:
    """Run the command that the arguments name, and exit with its code."""
    if overview.asked_for(sys.argv[1:]):
        exits.run(overview.show)

    # Imported late: `--help` needs neither the argument parser nor asyncio.
    from landbridge.cli import app  # noqa: PLC0415

    exits.run(app.main)


if __name__ == "__main__":
    main()
