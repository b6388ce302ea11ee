"""The environment of a contestant: emulator, mail server, people and ports. It is the same for all contestants."""

import json
import os
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import job
from dev.stack import ports
from dev.stack.ports import HOST
from dev.stack.processes import Program

PROJECT = Path(__file__).resolve().parent.parent
_PREFIXES = ("LANDBRIDGE_", "TEMPORAL_", "DBOS_", "RESTATE_", "BENCH_")
"""Prefixes of environment variables that the programs must not inherit."""
_API_KEY, _TOKEN_KEY = "bench-key", "k" * 32
_used_ports = set[int]()
"""Ports of all runs in this process: a concurrent run must not choose a port whose program does not listen yet."""


class World:
    """One run's folder, ports and programs."""

    def __init__(self, folder: Path, *, mail_ms: int = 0) -> None:
        """Empty the folder. The mail server accepts each mail after `mail_ms`."""
        shutil.rmtree(folder, ignore_errors=True)
        self.folder = folder
        self._mail_ms = mail_ms
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True)
        # A contestant's database server may run as another user.
        folder.chmod(0o711)
        self.journal = folder / "journal"
        self.variables: dict[str, str] = {}
        """Further `BENCH_…` variables of the programs."""
        self._ports: dict[str, int] = {}

    def port(self, name: str) -> int:
        """Return the port of a program, chosen at the first call."""
        if name not in self._ports:
            self._ports[name] = ports.preferred_or_free(0, exclude=_used_ports)
            _used_ports.add(self._ports[name])
        return self._ports[name]

    @property
    def environment(self) -> dict[str, str]:
        """The complete environment of the programs: Landbridge's settings, and a `BENCH_…` variable for each port."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_PREFIXES)}
        emulator = f"http://{HOST}:{self.port('emulator')}"
        return {
            **inherited,
            "PYTHONPATH": str(PROJECT),
            "LANDBRIDGE_SMTP_HOST": HOST,
            "LANDBRIDGE_SMTP_PORT": str(self.port("sink")),
            "LANDBRIDGE_SMTP_SECURITY": "none",
            "LANDBRIDGE_SMTP_FROM": "landbridge@example.com",
            "LANDBRIDGE_SMTP_CONNECTIONS": str(job.CONCURRENCY),
            "LANDBRIDGE_OPSGENIE_URL": emulator,
            "LANDBRIDGE_OPSGENIE_API_KEY": _API_KEY,
            "LANDBRIDGE_ATLASSIAN_URL": emulator,
            "LANDBRIDGE_ATLASSIAN_API_KEY": _API_KEY,
            "LANDBRIDGE_ATLASSIAN_ORG_ID": job.ACCOUNT,
            "LANDBRIDGE_ATLASSIAN_PROVISIONING_URL": emulator,
            "LANDBRIDGE_ATLASSIAN_SIGNUP_URL": f"{emulator}/signup",
            "LANDBRIDGE_ATLASSIAN_LOGIN_URL": f"{emulator}/login",
            "LANDBRIDGE_PORTAL_URL": "http://portal.example",
            "LANDBRIDGE_TOKEN_KEYS": _TOKEN_KEY,
            "LANDBRIDGE_LOG_LEVEL": "WARNING",
            **{f"BENCH_{name.upper()}": str(port) for name, port in self._ports.items()},
            **{f"BENCH_{name}": value for name, value in self.variables.items()},
        }

    def python(self, name: str, *arguments: str, **variables: str) -> Program:
        """Return a Python program that is ready when it calls `job.signal_ready`."""
        ready_file = self.folder / f"{name}.ready"

        async def is_ready() -> bool:
            return ready_file.exists()

        environment = {**self.environment, "BENCH_READY": str(ready_file), **variables}
        return Program(name, [sys.executable, *arguments], environment=environment, ready=is_ready)

    def services(self) -> list[Program]:
        """Return the programs that all contestants share."""
        seed = self.folder / "seed.json"
        seed.write_text(json.dumps(SEED), encoding="utf-8")
        emulator = ["-m", "dev.emulator", "--host", HOST, "--port", str(self.port("emulator"))]
        emulator += ["--database", str(self.folder / "emulator.db"), "--seed", str(seed)]
        sink = ["-m", "benchmarks.sink", str(self.port("sink")), str(self.journal), str(self._mail_ms)]
        return [self._server("emulator", emulator), self._server("sink", sink)]

    def people(self, contestant: str) -> Program:
        """Return the program that clicks; start it after the contestant's programs."""
        return self.python("people", "-m", "benchmarks.clicker", contestant, str(self.journal))

    def _server(self, name: str, arguments: list[str]) -> Program:
        port = self.port(name)
        ready = partial(ports.accepts, port)
        return Program(name, [sys.executable, *arguments], environment=self.environment, ports=[port], ready=ready)


SEED: dict[str, dict[str, Any]] = {
    "opsgenie": {"name": job.ACCOUNT, "apiKey": _API_KEY, "users": [{"username": job.INITIATOR, "role": "owner"}]},
    "organization": {
        "id": job.ACCOUNT,
        "name": "Bench",
        "apiKey": _API_KEY,
        "accounts": [{"email": job.INITIATOR}],
        "sites": [{"name": job.SITE, "siteAdmins": [job.INITIATOR]}],
    },
}
"""The emulator's seed."""
