"""The folder of one embedded stack: its stores, mailbox, logs and keys, for its owner's eyes only."""

import contextlib
import fcntl
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from landbridge.domain.errors import BadInput


class StateFolder:
    """Names everything in the folder; `opened` makes it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.temporal_database = self.folder / "temporal.db"
        self.emulator_database = self.folder / "emulator.db"
        self.mailbox = self.folder / "mailbox"
        self.logs = self.folder / "logs"
        self.environment = self.folder / "environment"
        """While the stack runs: what a shell sources so that commands in it mean this stack."""

    @contextlib.contextmanager
    def opened(self, *, fresh: bool) -> Iterator[None]:
        """Make the folder ready and keep a second stack out of it; `fresh` forgets all that happened in it before.

        Raises:
            BadInput: another stack uses the folder.

        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BadInput(f"An embedded stack already runs in {self.folder}. Stop it first.") from None
            if fresh:
                self._forget()
            shutil.rmtree(self.logs, ignore_errors=True)
            for folder in (self.logs, self.mailbox):
                folder.mkdir(exist_ok=True)
            yield

    @contextlib.contextmanager
    def environment_told(self, shell_commands: Iterable[str]) -> Iterator[None]:
        """Have the file `environment` there, with these lines."""
        self.environment.touch(mode=0o600)
        self.environment.write_text("".join(f"{line}\n" for line in shell_commands), encoding="utf-8")
        try:
            yield
        finally:
            self.environment.unlink(missing_ok=True)

    def token_key(self) -> str:
        """Return the key that signs this stack's links; made once, so that mailed links live on."""
        file = self.folder / "token_key"
        file.touch(mode=0o600)
        if not file.read_text():
            file.write_text(secrets.token_urlsafe(32))
        return file.read_text()

    def _forget(self) -> None:
        for database in (self.temporal_database, self.emulator_database):
            # SQLite keeps a journal beside each.
            for file in self.folder.glob(f"{database.name}*"):
                file.unlink()
        shutil.rmtree(self.mailbox, ignore_errors=True)
