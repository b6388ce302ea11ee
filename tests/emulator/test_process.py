import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx2

from dev.emulator.seed import Seed
from tests.emulator.running import SAMPLE, Control, running


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the emulator with arguments with which it exits immediately."""
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "dev.emulator", *arguments], capture_output=True, text=True, check=False, timeout=120
    )


def test_state_survives_a_restart(tmp_path: Path) -> None:
    """The seed is loaded at the first start only."""
    database, arguments = tmp_path / "emulator.db", ("--seed", str(SAMPLE))
    with running(database, *arguments) as (url, _), Control(url) as control:
        control.http.patch("/emulator/opsgenie/acme/users/yosef.adar@example.com", json={"verified": True})
        first = control.state()
    with running(database, *arguments) as (url, _), Control(url) as control:
        assert control.state() == first
    assert len(first["opsgenieUsers"]) == 25


def test_confirmed_requests_survive_kill_9(tmp_path: Path) -> None:
    """A killed emulator has all confirmed changes and no partial ones."""
    database, arguments = tmp_path / "emulator.db", ("--seed", str(SAMPLE))
    confirmed: list[str] = []

    def keep_signing_up(url: str, started: threading.Event) -> None:
        with httpx2.Client(base_url=url) as http:
            try:
                while True:
                    email = f"person{len(confirmed)}@example.com"
                    http.post("/signup", data={"email": email, "password": "long enough"}).raise_for_status()
                    confirmed.append(email)
                    if len(confirmed) == 20:
                        started.set()
            except httpx2.HTTPError:
                return

    with running(database, *arguments) as (url, process):
        started = threading.Event()
        thread = threading.Thread(target=keep_signing_up, args=(url, started))
        thread.start()
        assert started.wait(30)
        process.send_signal(signal.SIGKILL)
        thread.join(30)
    with running(database, *arguments) as (url, _), Control(url) as control:
        accounts = {account["email"]: account for account in control.state()["accounts"]}
    assert all(accounts[email]["email_verified"] for email in confirmed)
    signed_up = [account for account in accounts.values() if account["origin"] == "sign-up"]
    assert all(account["email_verified"] for account in signed_up)
    assert len(signed_up) - len(confirmed) in {0, 1}


def test_an_invalid_seed_is_reported(tmp_path: Path) -> None:
    """The exit code is 2; there is no traceback."""
    seed = tmp_path / "seed.json"
    seed.write_text("{}")
    ended = run("--database", str(tmp_path / "emulator.db"), "--seed", str(seed))
    assert (ended.returncode, "Cannot use the seed" in ended.stderr, "Traceback" in ended.stderr) == (2, True, False)


def test_a_taken_port_is_reported(tmp_path: Path) -> None:
    """The exit code is 2; there is no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = run("--database", str(tmp_path / "emulator.db"), "--port", str(taken.getsockname()[1]))
    assert (ended.returncode, "Cannot listen on" in ended.stderr, "Traceback" in ended.stderr) == (2, True, False)


def test_the_sample_account_has_every_kind_of_user() -> None:
    """The demo depends on these users."""
    sample = Seed.model_validate_json(SAMPLE.read_bytes())
    users, organization = sample.opsgenie.users, sample.organization
    assert len(users) == 25
    assert [sum(user.role == role for user in users) for role in ("owner", "admin", "stakeholder")] == [2, 2, 3]
    assert sum(user.blocked for user in users) == 2
    assert {user.verified for user in users} == {True, False}
    assert {user.verified for user in users if user.username.endswith("@sso.example.com")} == {True, False}
    assert "refused@example.com" in {user.username for user in users}
    assert {account.email_verified for account in organization.accounts} == {True, False}
    assert [site.site_admins for site in organization.sites] == [[users[0].username], []]
    assert organization.past_site_names
    domains = {user.username.rpartition("@")[2] for user in users}
    assert all(domain.endswith((".example", "example.com")) for domain in domains)
    assert any(not user.username.isascii() for user in users)
