"""The local stack: every process that a migration needs, on this machine.

The worker and the portal are the real ones. The stack adds the Temporal server, an emulator of Opsgenie and Atlassian,
and a mail server that writes each mail to a folder.
"""

import asyncio
import os
import shlex
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from dev.stack import ports, sample
from dev.stack.ports import HOST
from dev.stack.processes import Program
from dev.stack.state import StateFolder
from dev.stack.supervisor import Supervisor
from dev.stack.temporal_server import TemporalServer

PROJECT = Path(__file__).resolve().parents[2]
_PREFIXES = ("LANDBRIDGE_", "TEMPORAL_", "EMULATOR_")
"""Prefixes of variables that the stack must not inherit: they may contain credentials of a real account."""
PREFERRED = {
    "temporal": 7233,
    "web_ui": 8233,
    "emulator": 8081,
    "mailbox": 8025,
    "metrics": 9464,
    "worker": 9465,
    "portal": 8080,
    "portal_health": 8082,
}
"""Ports to use if they are free; `worker` is its health port."""


def _to_stderr(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


class Stack:
    """The running stack: `async with Stack(folder) as stack`."""

    def __init__(
        self,
        folder: Path,
        *,
        fresh: bool = False,
        seed: Path = sample.SEED,
        refused: Sequence[str] = sample.REFUSED,
        say: Callable[[str], None] = _to_stderr,
        preferred: Mapping[str, int] = PREFERRED,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """`folder` keeps all state; `fresh` deletes the state of an earlier run.

        `say` gets a sentence when a process dies, and may be replaced later. `preferred` are the ports to use if they
        are free, 0 for any. `settings` are further settings of Landbridge.
        """
        self.state = StateFolder(folder)
        self.sample = sample.read(seed)
        self._seed = seed.resolve()
        self._fresh = fresh
        self.refused = tuple(refused)
        """Addresses that the mail server rejects permanently."""
        self.say = say
        self._running = AsyncExitStack()
        self._settings = settings or {}
        self._ports: dict[str, int] = {}
        for name, port in preferred.items():
            self._ports[name] = ports.preferred_or_free(port, exclude=self._ports.values())
        self._server = TemporalServer(
            port=self._ports["temporal"], ui_port=self._ports["web_ui"], database=self.state.temporal_database
        )

    @property
    def temporal_address(self) -> str:
        """Host and port of the Temporal server."""
        return self._server.address

    @property
    def web_ui_url(self) -> str:
        """Temporal's Web UI."""
        return self._server.ui_url

    @property
    def emulator_url(self) -> str:
        """The emulator of Opsgenie and Atlassian."""
        return f"http://{HOST}:{self._ports['emulator']}"

    @property
    def portal_url(self) -> str:
        """The portal, which mailed links point to."""
        return f"http://{HOST}:{self._ports['portal']}"

    @property
    def codec_url(self) -> str:
        """The portal's codec endpoint, if the settings enable it."""
        return f"{self.portal_url}/codec"

    @property
    def metrics_url(self) -> str:
        """The worker's metrics."""
        return f"http://{HOST}:{self._ports['metrics']}/metrics"

    @property
    def portal_metrics_url(self) -> str:
        """The portal's metrics."""
        return f"http://{HOST}:{self._ports['portal_health']}/metrics"

    @property
    def worker_url(self) -> str:
        """The worker's health endpoints."""
        return f"http://{HOST}:{self._ports['worker']}"

    @property
    def mailbox(self) -> Path:
        """The folder with one file for each accepted mail."""
        return self.state.mailbox

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each running program by its name."""
        return self._supervisor.pids

    @property
    def environment(self) -> dict[str, str]:
        """The complete environment for a worker, portal or starter that uses this stack and nothing else."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_PREFIXES)}
        return {**inherited, "PYTHONPATH": str(PROJECT), **self.variables}

    @property
    def variables(self) -> dict[str, str]:
        """The settings with which Landbridge and Temporal's clients use this stack."""
        return {
            **self._server.environment,
            "LANDBRIDGE_SMTP_HOST": HOST,
            "LANDBRIDGE_SMTP_PORT": str(self._ports["mailbox"]),
            "LANDBRIDGE_SMTP_SECURITY": "none",
            "LANDBRIDGE_SMTP_FROM": "landbridge@example.com",
            "LANDBRIDGE_OPSGENIE_URL": self.emulator_url,
            "LANDBRIDGE_OPSGENIE_API_KEY": self.sample.opsgenie.api_key,
            "LANDBRIDGE_OPSGENIE_SSO_DOMAINS": ",".join(self.sample.organization.sso_domains),
            "LANDBRIDGE_ATLASSIAN_URL": self.emulator_url,
            "LANDBRIDGE_ATLASSIAN_API_KEY": self.sample.organization.api_key,
            "LANDBRIDGE_ATLASSIAN_ORG_ID": self.sample.organization.id,
            "LANDBRIDGE_ATLASSIAN_PROVISIONING_URL": self.emulator_url,
            "LANDBRIDGE_ATLASSIAN_SIGNUP_URL": f"{self.emulator_url}/signup",
            "LANDBRIDGE_ATLASSIAN_LOGIN_URL": f"{self.emulator_url}/login",
            "LANDBRIDGE_PORTAL_URL": self.portal_url,
            "LANDBRIDGE_TOKEN_KEYS": self.state.token_key(),
            **self._settings,
        }

    def programs(self) -> list[Program]:
        """Return the stack's programs in the order in which they start."""
        return [
            self._server.program(),
            self._python(
                "emulator",
                *("-m", "dev.emulator", "--host", HOST, "--port", str(self._ports["emulator"])),
                *("--database", str(self.state.emulator_database), "--seed", str(self._seed)),
            ),
            self._python(
                "mailbox",
                *("-m", "dev.stack.mailbox", "--host", HOST, "--port", str(self._ports["mailbox"])),
                *("--directory", str(self.state.mailbox)),
                *(word for address in self.refused for word in ("--reject", address)),
            ),
            self._worker(),
            self._portal(),
        ]

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as running:
            running.enter_context(self.state.opened(fresh=self._fresh))
            self._supervisor = await running.enter_async_context(
                Supervisor(self.state.logs, lambda text: self.say(text))  # noqa: PLW0108 - `say` may be replaced
            )
            await self._supervisor.start(*self.programs())
            running.enter_context(self.state.environment_file(self.shell_commands()))
            self._running = running.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._running.aclose()

    async def until_stopped(self) -> None:
        """Wait for Ctrl-C or SIGTERM."""
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signum, stopped.set)
        try:
            await stopped.wait()
        finally:
            for signum in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(signum)

    def shell_commands(self) -> list[str]:
        """Return shell commands that unset all other settings and set those of this stack."""
        patterns = " ".join(f"-e 's/^\\({prefix}[A-Z_]*\\)=.*/\\1/p'" for prefix in _PREFIXES)
        return [
            f'for name in $(env | sed -n {patterns}); do unset "$name"; done; unset name',
            *(f"export {name}={shlex.quote(value)}" for name, value in self.variables.items()),
        ]

    def _worker(self) -> Program:
        metrics, health = self._ports["metrics"], self._ports["worker"]
        program = self._python(
            "worker",
            str(PROJECT / "worker.py"),
            # Not in `variables`: a second worker on this machine needs other ports.
            LANDBRIDGE_METRICS_ADDRESS=f"{HOST}:{metrics}",
            LANDBRIDGE_HEALTH_ADDRESS=f"{HOST}:{health}",
        )
        return replace(program, ports=[metrics, health], ready=partial(ports.is_ready, health))

    def _portal(self) -> Program:
        port, health = self._ports["portal"], self._ports["portal_health"]
        program = self._python(
            "portal",
            *("-m", "landbridge.portal", "--host", HOST, "--port", str(port)),
            LANDBRIDGE_PORTAL_HEALTH_ADDRESS=f"{HOST}:{health}",
        )
        return replace(program, ports=[port, health])

    def _python(self, name: str, *arguments: str, **variables: str) -> Program:
        port = self._ports[name]
        return Program(
            name,
            [sys.executable, *arguments],
            environment={**self.environment, **variables},
            ports=[port],
            ready=partial(ports.accepts, port),
        )
