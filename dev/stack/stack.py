"""The embedded stack: every process that a migration needs, on this machine, with one call.

The migration's own processes (worker, portal) are the real ones. What is not ours stands beside them as processes too:
the Temporal server, an emulator of Opsgenie and Atlassian, a mail server that writes what it takes into a folder.
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
from dev.stack.processes import PortTaken, Program
from dev.stack.state import StateFolder
from dev.stack.supervisor import Supervisor
from dev.stack.temporal_server import TemporalServer

PROJECT = Path(__file__).resolve().parents[2]
_OURS = ("LANDBRIDGE_", "TEMPORAL_", "EMULATOR_")
"""Variables that must not leak from the person's shell into the stack: they may mean a real account."""
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
"""Where people find the programs, unless something else is there. The worker's is that of its health."""
_TRIES = 4
"""Times that the stack starts anew because another program took one of its ports meanwhile."""


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
        """`folder` holds everything, and what it holds goes on unless `fresh`.

        `say` is told of processes that die, and may be set anew later. `preferred` says where each program listens if
        it can; `settings` are more of Landbridge's own.
        """
        self.state = StateFolder(folder)
        self.sample = sample.read(seed)
        self._seed = seed.resolve()
        self._fresh = fresh
        self.refused = tuple(refused)
        """Addresses that the mail server refuses for good."""
        self.say = say
        self._running = AsyncExitStack()
        self._preferred = preferred
        self._settings = settings or {}
        self._ports: dict[str, int] = {}
        self._choose_ports()

    def _choose_ports(self) -> None:
        self._ports.clear()
        for name, preferred in self._preferred.items():
            self._ports[name] = ports.preferred_or_free(preferred, but=self._ports.values())
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
        """Where mailed links lead."""
        return f"http://{HOST}:{self._ports['portal']}"

    @property
    def codec_url(self) -> str:
        """Where payloads are decrypted, if the settings say so."""
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
        """Where the worker says how it is."""
        return f"http://{HOST}:{self._ports['worker']}"

    @property
    def mailbox(self) -> Path:
        """The folder where every mail that was taken stands as a file."""
        return self.state.mailbox

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each running program by its name."""
        return self._supervisor.pids

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment in which worker, portal and starter work with this stack, and with nothing else."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        return {**inherited, "PYTHONPATH": str(PROJECT), **self.variables}

    @property
    def variables(self) -> dict[str, str]:
        """The settings of Landbridge and of Temporal's clients that mean this stack."""
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
        """Return the stack's programs: first those that others lean on."""
        return [*self._servers(), *self._landbridge()]

    def _servers(self) -> list[Program]:
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
                *(word for address in self.refused for word in ("--refuse", address)),
            ),
        ]

    def _landbridge(self) -> list[Program]:
        return [self._worker(), self._portal()]

    async def __aenter__(self) -> Self:
        for _ in range(_TRIES - 1):
            try:
                return await self._start()
            except PortTaken:
                # Another stack was faster, most likely; once more, elsewhere.
                self._choose_ports()
        return await self._start()

    async def _start(self) -> Self:
        async with AsyncExitStack() as running:
            try:
                running.enter_context(ports.claimed(self._ports.values()))
            except OSError:
                raise PortTaken("Another stack has claimed a port that was free just now.") from None
            running.enter_context(self.state.opened(fresh=self._fresh))
            self._supervisor = await running.enter_async_context(Supervisor(self.state.logs, self._tell))
            await self._supervisor.start(*self._servers())
            await self._supervisor.start(*self._landbridge())
            running.enter_context(self.state.environment_told(self.shell_commands()))
            self._running = running.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._running.aclose()

    def _tell(self, sentence: str) -> None:
        self.say(sentence)

    async def until_stopped(self) -> None:
        """Wait for Ctrl-C or a request to end (SIGTERM)."""
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        try:
            await stopped.wait()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def shell_commands(self) -> list[str]:
        """Return what makes a shell mean this stack, whatever it meant before."""
        patterns = " ".join(f"-e 's/^\\({prefix}[A-Z_]*\\)=.*/\\1/p'" for prefix in _OURS)
        return [
            f'for name in $(env | sed -n {patterns}); do unset "$name"; done; unset name',
            *(f"export {name}={shlex.quote(value)}" for name, value in self.variables.items()),
        ]

    def _worker(self) -> Program:
        metrics, health = self._ports["metrics"], self._ports["worker"]
        program = self._python(
            "worker",
            str(PROJECT / "worker.py"),
            # Its own, not the stack's: a second worker needs other ports.
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
