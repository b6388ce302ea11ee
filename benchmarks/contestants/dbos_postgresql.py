"""(d) DBOS Transact on PostgreSQL, the database that it recommends."""

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from benchmarks import postgresql
from benchmarks.contestant import WORKER
from benchmarks.contestants.dbos_person import URL, DbosPerson
from benchmarks.world import World
from dev.stack import ports
from dev.stack.ports import HOST
from dev.stack.processes import Program

_SERVER = "POSTGRESQL"


class DbosPostgresql(DbosPerson):
    """Uses PostgreSQL's notifications; polling is the fallback."""

    name = "dbos_postgresql"
    poll_seconds = 1.0

    def missing(self) -> str:
        """Return how to install PostgreSQL if it is missing."""
        return "" if postgresql.binary("postgres") else "PostgreSQL (Debian: apt-get install postgresql)"

    def versions(self) -> str:
        """Return the versions of DBOS and PostgreSQL."""
        output = subprocess.run(
            [postgresql.binary("postgres"), "--version"], capture_output=True, text=True, check=True
        )
        return f"{super().versions()}, {output.stdout.strip()}"

    def store(self, world: World) -> str:
        """Return the database URL."""
        return f"postgresql://{postgresql.USER}@{HOST}:{world.port(_SERVER)}/dbos"

    def programs(self, world: World) -> Sequence[Program]:
        """Return the database server and the worker."""
        port = world.port(_SERVER)
        world.variables[URL] = self.store(world)
        command = world.python("postgresql", "-m", "benchmarks.postgresql", str(world.folder / "pg"), str(port))
        server = replace(command, ports=[port], ready=partial(ports.accepts, port))
        return [server, world.python(WORKER, "-m", "benchmarks.work", self.name)]


CONTESTANT = DbosPostgresql()
