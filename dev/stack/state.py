"""The folder of one local stack: its databases, mailbox, logs and keys, readable by its owner only."""

import contextlib
import fcntl
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from landbridge.domain.errors import BadInput


class StateFolder:
    """The paths in the folder; `opened` creates and locks it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.temporal_database = self.folder / "temporal.db"
        self.emulator_database = self.folder / "emulator.db"
        self.mailbox = self.folder / "mailbox"
        self.logs = self.folder / "logs"
        self.environment = self.folder / "environment"
        """Exists while the stack runs. In a shell that sources it, commands use this stack."""

    @contextlib.contextmanager
    def opened(self, *, fresh: bool) -> Iterator[None]:
        """Create the folder and lock it against a second stack; `fresh` deletes databases and mails.

        Raises:
            BadInput: another stack uses the folder.

        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BadInput(f"A local stack already runs in {self.folder}. Stop it first.") from None
            if fresh:
                self._clear()
            shutil.rmtree(self.logs, ignore_errors=True)
            for folder in (self.logs, self.mailbox):
                folder.mkdir(exist_ok=True)
            yield

    @contextlib.contextmanager
    def environment_file(self, shell_commands: Iterable[str]) -> Iterator[None]:
        """Write these lines to the file `environment`; delete it at the end."""
        self.environment.touch(mode=0o600)
        self.environment.write_text("".join(f"{line}\n" for line in shell_commands), encoding="utf-8")
        try:
            yield
        finally:
            self.environment.unlink(missing_ok=True)

    def token_key(self) -> str:
        """Return the key that signs this stack's links. It is created once, so that mailed links stay valid."""
        file = self.folder / "token_key"
        file.touch(mode=0o600)
        if not file.read_text():
            file.write_text(secrets.token_urlsafe(32))
        return file.read_text()

    def _clear(self) -> None:
        for database in (self.temporal_database, self.emulator_database):
            # SQLite keeps journal files next to each database.
            for file in self.folder.glob(f"{database.name}*"):
                file.unlink()
        shutil.rmtree(self.mailbox, ignore_errors=True)
