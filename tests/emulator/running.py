"""The emulator as a separate process, and fixtures for it."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx2
import pytest

OPSGENIE_KEY, ORGANIZATION_KEY = "opsgenie-test-key", "organization-test-key"
ACCOUNT, ORGANIZATION = "acme", "acme-org"
SAMPLE = Path(__file__).parents[2] / "dev" / "stack" / "sample_account.json"


def seed(users: Sequence[Mapping[str, object]] = (), **organization: object) -> dict[str, object]:
    """Return a seed with these Opsgenie users and these fields of the organization."""
    return {
        "opsgenie": {"name": ACCOUNT, "apiKey": OPSGENIE_KEY, "users": list(users)},
        "organization": {"id": ORGANIZATION, "name": "Acme", "apiKey": ORGANIZATION_KEY, **organization},
    }


class Control:
    """A client of the emulator's control API."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx2.Client(base_url=url, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def load(self, users: Sequence[Mapping[str, object]] = (), **organization: object) -> None:
        """Load a seed with these users and this organization."""
        self.http.put("/emulator/seed", json=seed(users, **organization)).raise_for_status()

    def order(self, match: str, **fault: object) -> None:
        """Add a fault for requests that match."""
        self.http.post("/emulator/faults", json={"match": match, **fault}).raise_for_status()

    def state(self) -> dict[str, Any]:
        """Return the emulator's tables."""
        state: dict[str, Any] = self.http.get("/emulator/state").raise_for_status().json()
        return state

    def account(self, email: str) -> dict[str, Any]:
        """Return the Atlassian account with this address."""
        (account,) = [found for found in self.state()["accounts"] if found["email"] == email]
        return dict(account)


@contextmanager
def running(database: Path, *arguments: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Run the emulator on a free port; yield its URL and its process, and kill it at the end."""
    command = [sys.executable, "-m", "dev.emulator", "--port", "0", "--database", str(database), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:  # noqa: S603 - our own program
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1], process
        finally:
            process.kill()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run one emulator for the whole session; yield its URL."""
    with running(tmp_path_factory.mktemp("emulator") / "emulator.db") as (url, _):
        yield url


@pytest.fixture
def control(service: str) -> Iterator[Control]:
    """Reset the emulator: no faults, no users."""
    with Control(service) as control:
        control.http.delete("/emulator/state").raise_for_status()
        control.load()
        yield control
