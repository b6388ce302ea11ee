"""All of Landbridge's processes on this machine, started and ended one by one, and asked only as users can."""

import asyncio
import json
import os
import secrets
import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2
from temporalio.client import Client

from dev.stack.processes import Process, Program
from dev.stack.stack import PREFERRED, PROJECT, Stack
from landbridge.platform.temporal import connection
from tests import thread_imports, verifier
from tests.e2e import accounts
from tests.e2e.accounts import Account
from tests.verifier import Mail
from tests.workflows.harness import end_all


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    code: int
    out: str
    err: str


class Machine:
    """The local stack's own programs, with encryption; nothing starts again what dies: the test does."""

    def __init__(self, folder: Path) -> None:
        self._seed = folder / "seed.json"
        self._write_seed(accounts.seed(accounts.account("nobody", 3)))
        names = ("LANDBRIDGE_ENCRYPTION_KEYS", "LANDBRIDGE_CODEC_TOKEN")
        settings = {name: secrets.token_urlsafe(32) for name in names}
        self.thread_imports = folder / "thread-imports"
        """What any process imported outside its main thread."""
        self.stack = Stack(
            folder / "stack",
            seed=self._seed,
            refused=[accounts.REFUSED],
            preferred=dict.fromkeys(PREFERRED, 0),
            settings={**settings, **thread_imports.recorded_in(self.thread_imports)},
        )
        self._processes: dict[str, Process] = {}
        self._running = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as running:
            running.enter_context(self.stack.state.opened(fresh=True))
            for program in self.programs():
                process = Process(program, self.logs / f"{program.name}.log")
                running.push_async_callback(process.stop)
                self._processes[program.name] = process
                await process.start()
            self.client: Client = await connection.connect(environment=self.environment)
            self._running = running.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._running.aclose()

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every command."""
        return {**self.stack.environment, "LANDBRIDGE_ACTOR": "tester"}

    @property
    def logs(self) -> Path:
        """The folder of what the programs wrote."""
        return self.stack.state.logs

    # Processes.

    def programs(self) -> list[Program]:
        """Return what runs here, in the order in which it starts."""
        return self.stack.programs()

    def freeze(self, name: str) -> None:
        """Let a program stand still (SIGSTOP): it keeps its connections and its memory, and does nothing."""
        os.kill(self._processes[name].pid, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let it go on as if nothing had been."""
        os.kill(self._processes[name].pid, signal.SIGCONT)

    def pid(self, name: str) -> int:
        """Return a program's process id."""
        return self._processes[name].pid

    async def kill(self, name: str) -> None:
        """End a program at once: `kill -9`."""
        os.kill(self._processes[name].pid, signal.SIGKILL)
        await self._processes[name].ended()

    async def stop(self, name: str) -> int:
        """Ask a program to end (SIGTERM); return its exit code."""
        os.kill(self.pid(name), signal.SIGTERM)
        return await self.ended(name)

    async def ended(self, name: str) -> int:
        """Wait until a program has ended; return its exit code."""
        return await self._processes[name].ended()

    async def start(self, name: str) -> None:
        """Start a program that has ended, and wait until it is ready."""
        await self._processes[name].start()

    # The world.

    async def move_in(self, listed: Account, *by_file: Account) -> int:
        """Begin with these accounts and no others; return the number of the last mail before."""
        await end_all(self.client)
        document = accounts.seed(listed, *by_file)
        self._write_seed(document)
        async with httpx2.AsyncClient(base_url=self.stack.emulator_url) as emulator:
            (await emulator.delete("/emulator/state")).raise_for_status()
            for one in (document, *map(accounts.stub, by_file)):
                (await emulator.put("/emulator/seed", json=one)).raise_for_status()
        return self.mailed()

    def _write_seed(self, document: dict[str, Any]) -> None:
        # Read by the emulator whenever it starts.
        self._seed.write_text(json.dumps(document), encoding="utf-8")

    async def services(self) -> dict[str, Any]:
        """Return what Opsgenie and Atlassian recorded."""
        async with httpx2.AsyncClient(base_url=self.stack.emulator_url) as emulator:
            state: dict[str, Any] = (await emulator.get("/emulator/state")).raise_for_status().json()
            return state

    def mailed(self) -> int:
        """Return the number of the newest mail."""
        return max((int(file.stem) for file in self.stack.mailbox.glob("*.eml")), default=0)

    def mails(self, since: int) -> list[Mail]:
        """Return the mails after a number."""
        return verifier.read_mailbox(self.stack.mailbox, since)

    # Commands.

    async def starter(self, *arguments: str | Path) -> Ran:
        """Run starter.py to its end."""
        return await self._run(sys.executable, str(PROJECT / "starter.py"), *map(str, arguments))

    async def temporal(self, *arguments: str, token: str = "") -> Ran:
        """Run the `temporal` command to its end, as operators do: it reads and writes through the portal's codec."""
        binary = self._processes["temporal"].program.command[0]
        workflow_id = arguments[arguments.index("-w") + 1]
        endpoint = f"{self.stack.codec_url}/{workflow_id}"
        codec = ["--codec-endpoint", endpoint, "--codec-auth", f"Bearer {token or self.codec_token}"]
        return await self._run(binary, *arguments, *codec, "--address", self.stack.temporal_address)

    @property
    def codec_token(self) -> str:
        """What opens the codec."""
        return self.stack.variables["LANDBRIDGE_CODEC_TOKEN"]

    async def report(self, account: Account) -> dict[str, Any]:
        """Return what `starter.py report` says."""
        ran = await self.starter("report", account.name, "-o", "json")
        assert ran.code == 0, ran
        report: dict[str, Any] = json.loads(ran.out)
        return report

    async def _run(self, *command: str) -> Ran:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Ran(process.returncode or 0, out.decode(), err.decode())

    def tails(self, lines: int = 15) -> str:
        """Return the last lines of every program's log."""
        return "\n".join(
            f"--- {file.stem}\n" + "\n".join(file.read_text(errors="replace").splitlines()[-lines:])
            for file in sorted(self.logs.glob("*.log"))
        )
