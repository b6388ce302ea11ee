"""The emulator as a process of its own, and the fixtures that need one."""

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
    """Return a seed document: these Opsgenie users, and an organization with these fields beside its defaults."""
    return {
        "opsgenie": {"name": ACCOUNT, "apiKey": OPSGENIE_KEY, "users": list(users)},
        "organization": {"id": ORGANIZATION, "name": "Acme", "apiKey": ORGANIZATION_KEY, **organization},
    }


class Control:
    """The emulator's control endpoints, from outside."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx2.Client(base_url=url, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def load(self, users: Sequence[Mapping[str, object]] = (), **organization: object) -> None:
        """Start over with these users and this organization."""
        self.http.put("/emulator/seed", json=seed(users, **organization)).raise_for_status()

    def order(self, match: str, **fault: object) -> None:
        """Order a fault."""
        self.http.post("/emulator/faults", json={"match": match, **fault}).raise_for_status()

    def state(self) -> dict[str, Any]:
        """Return the tables."""
        state: dict[str, Any] = self.http.get("/emulator/state").raise_for_status().json()
        return state

    def account(self, email: str) -> dict[str, Any]:
        """Return the one Atlassian account of this address."""
        (account,) = [one for one in self.state()["accounts"] if one["email"] == email]
        return dict(account)


@contextmanager
def running(database: Path, *arguments: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Run the emulator on a port that is free; yield its URL and its process, which is killed afterwards."""
    command = [sys.executable, "-m", "dev.emulator", "--port", "0", "--database", str(database), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:  # noqa: S603 - our own program
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1], process
        finally:
            process.kill()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run one emulator for the whole session; its URL."""
    with running(tmp_path_factory.mktemp("emulator") / "emulator.db") as (url, _):
        yield url


@pytest.fixture
def control(service: str) -> Iterator[Control]:
    """Start over, without faults and with nobody in the Opsgenie account."""
    with Control(service) as control:
        control.http.delete("/emulator/state").raise_for_status()
        control.load()
        yield control
