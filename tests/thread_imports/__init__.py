"""Record what processes import outside their main thread."""

import os
from pathlib import Path

LOG = "THREAD_IMPORTS_LOG"
"""The variable that names the file with one line for each such import; see `sitecustomize`."""


def recorded_in(log: Path) -> dict[str, str]:
    """Return the variables with which a process, and every process that inherits them, records its imports in `log`."""
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
    return {"PYTHONPATH": os.pathsep.join(folders), LOG: str(log)}
