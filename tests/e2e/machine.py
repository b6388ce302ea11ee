"""All of Landbridge's processes on this machine. Tests start and kill them one by one, and run commands as users do."""

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

from dev.demo import mails, records
from dev.demo.mails import Mail, MailboxReader
from dev.demo.records import Services
from dev.stack.processes import Process, Program
from dev.stack.stack import PREFERRED, PROJECT, Stack
from landbridge.client.answers import Report
from landbridge.platform.temporal import connection
from tests import thread_imports
from tests.e2e import accounts
from tests.e2e.accounts import Account
from tests.workflows.harness import end_all


@dataclass(frozen=True)
class CommandResult:
    """The result of a command."""

    code: int
    out: str
    err: str


class Machine:
    """The programs of the local stack, with encryption. Only the test restarts a program that dies."""

    def __init__(self, folder: Path) -> None:
        self._seed = folder / "seed.json"
        self._write_seed(accounts.seed(accounts.account("nobody", 3)))
        names = ("LANDBRIDGE_ENCRYPTION_KEYS", "LANDBRIDGE_CODEC_TOKEN")
        settings = {name: secrets.token_urlsafe(32) for name in names}
        self.thread_imports = folder / "thread-imports"
        """Every process records here the modules that it imports outside its main thread."""
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
        """The folder of the programs' logs."""
        return self.stack.state.logs

    # Processes.

    def programs(self) -> list[Program]:
        """Return the programs, in the order in which they start."""
        return self.stack.programs()

    def freeze(self, name: str) -> None:
        """Freeze a program (SIGSTOP): it keeps its connections and memory, and does nothing."""
        os.kill(self._processes[name].pid, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Resume a frozen program (SIGCONT)."""
        os.kill(self._processes[name].pid, signal.SIGCONT)

    def pid(self, name: str) -> int:
        """Return a program's process id."""
        return self._processes[name].pid

    async def kill(self, name: str) -> None:
        """Kill a program (SIGKILL), and wait until it has ended."""
        os.kill(self._processes[name].pid, signal.SIGKILL)
        await self._processes[name].ended()

    async def stop(self, name: str) -> int:
        """Stop a program (SIGTERM); return its exit code."""
        os.kill(self.pid(name), signal.SIGTERM)
        return await self.ended(name)

    async def ended(self, name: str) -> int:
        """Wait until a program has ended; return its exit code."""
        return await self._processes[name].ended()

    async def start(self, name: str) -> None:
        """Start a program that has ended, and wait until it is ready."""
        await self._processes[name].start()

    # Services and mail.

    async def load(self, listed: Account, *by_file: Account) -> int:
        """Replace all accounts by these; return the number of the newest mail.

        Opsgenie lists the people of the first account; the rosters of the others are files.
        """
        await end_all(self.client)
        document = accounts.seed(listed, *by_file)
        self._write_seed(document)
        await self.call_emulator("DELETE", "/emulator/state")
        for one in (document, *map(accounts.seed_of_file_account, by_file)):
            await self.call_emulator("PUT", "/emulator/seed", json=one)
        return self.newest_mail()

    def _write_seed(self, document: dict[str, Any]) -> None:
        # The emulator reads the seed whenever it starts.
        self._seed.write_text(json.dumps(document), encoding="utf-8")

    async def call_emulator(self, method: str, path: str, **body: Any) -> httpx2.Response:  # noqa: ANN401 - httpx2's own
        """Send a request to the emulator; fail unless it succeeds."""
        async with httpx2.AsyncClient(base_url=self.stack.emulator_url, timeout=60) as emulator:
            return (await emulator.request(method, path, **body)).raise_for_status()

    async def services(self) -> Services:
        """Return what Opsgenie and Atlassian have stored."""
        return await records.services(self.stack.emulator_url)

    async def inject(self, *faults: dict[str, Any]) -> None:
        """Make the services fail in these ways (`dev.emulator.faults`)."""
        for fault in faults:
            await self.call_emulator("POST", "/emulator/faults", json=fault)

    async def pending_faults(self) -> list[str]:
        """Return the injected faults that have not occurred yet."""
        answer = await self.call_emulator("GET", "/emulator/faults")
        return [f"{fault['match']} {fault['status']}" for fault in answer.json()]

    async def clear_faults(self) -> None:
        """Remove the injected faults."""
        await self.call_emulator("DELETE", "/emulator/faults")

    def newest_mail(self) -> int:
        """Return the number of the newest mail; 0 if there is none."""
        return mails.newest(self.stack.mailbox)

    def mails(self, since: int) -> list[Mail]:
        """Return the mails after a number."""
        return MailboxReader(self.stack.mailbox, since).new()

    # Commands.

    async def starter(self, *arguments: str | Path) -> CommandResult:
        """Run starter.py to its end."""
        return await self._run(sys.executable, str(PROJECT / "starter.py"), *map(str, arguments))

    async def temporal(self, *arguments: str, token: str = "") -> CommandResult:
        """Run the `temporal` command to its end, as operators do, with the portal's codec."""
        binary = self._processes["temporal"].program.command[0]
        workflow_id = arguments[arguments.index("-w") + 1]
        endpoint = f"{self.stack.codec_url}/{workflow_id}"
        codec = ["--codec-endpoint", endpoint, "--codec-auth", f"Bearer {token or self.codec_token}"]
        return await self._run(binary, *arguments, *codec, "--address", self.stack.temporal_address)

    @property
    def codec_token(self) -> str:
        """The token that the codec requires."""
        return self.stack.variables["LANDBRIDGE_CODEC_TOKEN"]

    async def report(self, account: Account) -> Report:
        """Return what `starter.py report` prints."""
        ran = await self.starter("report", account.name, "-o", "json")
        assert ran.code == 0, ran
        return Report.model_validate_json(ran.out)

    async def _run(self, *command: str) -> CommandResult:
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
        return CommandResult(process.returncode or 0, out.decode(), err.decode())

    def log_tails(self, lines: int = 15) -> str:
        """Return the last lines of every program's log."""
        return "\n".join(
            f"--- {file.stem}\n" + "\n".join(file.read_text(errors="replace").splitlines()[-lines:])
            for file in sorted(self.logs.glob("*.log"))
        )
