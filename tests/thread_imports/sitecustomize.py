"""Python runs this in every process that has this folder on its PYTHONPATH: it records imports outside the main thread.

Two threads that import packages which import each other can each see the other's half-loaded modules. A process that
imports in one thread only cannot.
"""

import os
import sys
import threading

if log := os.environ.get("THREAD_IMPORTS_LOG"):
    _MAIN = threading.main_thread().ident
    _FILE = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def _record(event: str, arguments: tuple[object, ...]) -> None:
        if event == "import" and threading.get_ident() != _MAIN:
            os.write(_FILE, f"{arguments[0]} in {threading.current_thread().name} of {sys.orig_argv[1:4]}\n".encode())

    sys.addaudithook(_record)
