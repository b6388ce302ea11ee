"""Everything around a contestant, the same for all of them: the emulator, the mail server, the people, the ports."""

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
_OTHERS = ("LANDBRIDGE_", "TEMPORAL_", "DBOS_", "RESTATE_", "BENCH_")
"""Variables that must not leak in from the person's shell."""
_API_KEY, _TOKEN_KEY = "bench-key", "k" * 32
_given = set[int]()
"""Ports that some run has: several may be under way, and a program may not have opened its own yet."""


class World:
    """One run's folder, ports and programs."""

    def __init__(self, folder: Path, *, mail_ms: int = 0) -> None:
        """Begin anew in a folder; the mail server takes `mail_ms` to accept a mail."""
        shutil.rmtree(folder, ignore_errors=True)
        self.folder = folder
        self._mail_ms = mail_ms
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True)
        # The database server of a contestant may run as another user.
        folder.chmod(0o711)
        self.journal = folder / "journal"
        self.variables: dict[str, str] = {}
        """What programs are told besides ports, as `BENCH_…`."""
        self._ports: dict[str, int] = {}

    def port(self, name: str) -> int:
        """Return the port of a program; the first call chooses it."""
        if name not in self._ports:
            self._ports[name] = ports.preferred_or_free(0, exclude=_given)
            _given.add(self._ports[name])
        return self._ports[name]

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment in which programs find each other: our settings, and `BENCH_…` for each port."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}
        emulator = f"http://{HOST}:{self.port('emulator')}"
        return {
            **inherited,
            "PYTHONPATH": str(PROJECT),
            "LANDBRIDGE_SMTP_HOST": HOST,
            "LANDBRIDGE_SMTP_PORT": str(self.port("sink")),
            "LANDBRIDGE_SMTP_SECURITY": "none",
            "LANDBRIDGE_SMTP_FROM": "landbridge@example.com",
            "LANDBRIDGE_SMTP_CONNECTIONS": str(job.AT_ONCE),
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
        """Return a program of ours, ready once it calls `job.say_ready`."""
        sign = self.folder / f"{name}.ready"

        async def is_ready() -> bool:
            return sign.exists()

        environment = {**self.environment, "BENCH_READY": str(sign), **variables}
        return Program(name, [sys.executable, *arguments], environment=environment, ready=is_ready)

    def services(self) -> list[Program]:
        """Return the systems that are nobody's own."""
        seed = self.folder / "seed.json"
        seed.write_text(json.dumps(SEED), encoding="utf-8")
        emulator = ["-m", "dev.emulator", "--host", HOST, "--port", str(self.port("emulator"))]
        emulator += ["--database", str(self.folder / "emulator.db"), "--seed", str(seed)]
        sink = ["-m", "benchmarks.sink", str(self.port("sink")), str(self.journal), str(self._mail_ms)]
        return [self._listening("emulator", emulator), self._listening("sink", sink)]

    def people(self, contestant: str) -> Program:
        """Return the people, who know where to click once the contestant's programs stand."""
        return self.python("people", "-m", "benchmarks.clicker", contestant, str(self.journal))

    def _listening(self, name: str, arguments: list[str]) -> Program:
        port = self.port(name)
        ready = partial(ports.accepts, port)
        return Program(name, [sys.executable, *arguments], environment=self.environment, ports=[port], ready=ready)


SEED: dict[str, dict[str, Any]] = {
    "opsgenie": {"name": job.ACCOUNT, "apiKey": _API_KEY, "users": [{"username": job.INITIATOR, "role": "owner"}]},
    "organization": {
        "id": job.ACCOUNT,
        "name": "MigrationHarness",
        "apiKey": _API_KEY,
        "accounts": [{"email": job.INITIATOR}],
        "sites": [{"name": job.SITE, "siteAdmins": [job.INITIATOR]}],
    },
}
"""What the emulator knows at first."""
