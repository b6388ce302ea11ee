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
    """Run the emulator with arguments that end it at once."""
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "dev.emulator", *arguments], capture_output=True, text=True, check=False, timeout=120
    )


def test_the_seed_is_loaded_once_and_everything_survives_a_restart(tmp_path: Path) -> None:
    """Whatever happened since the first start is there after the next one."""
    database, arguments = tmp_path / "emulator.db", ("--seed", str(SAMPLE))
    with running(database, *arguments) as (url, _), Control(url) as control:
        control.http.patch("/emulator/opsgenie/acme/users/yosef.adar@example.com", json={"verified": True})
        first = control.state()
    with running(database, *arguments) as (url, _), Control(url) as control:
        assert control.state() == first
    assert len(first["opsgenieUsers"]) == 25


def test_what_was_answered_survives_kill_9(tmp_path: Path) -> None:
    """An emulator that is killed in the middle of work has everything that it confirmed, and no half of anything."""
    database, arguments = tmp_path / "emulator.db", ("--seed", str(SAMPLE))
    confirmed: list[str] = []

    def sign_up_for_ever(url: str, some: threading.Event) -> None:
        with httpx2.Client(base_url=url) as http:
            try:
                while True:
                    email = f"person{len(confirmed)}@example.com"
                    http.post("/signup", data={"email": email, "password": "long enough"}).raise_for_status()
                    confirmed.append(email)
                    if len(confirmed) == 20:
                        some.set()
            except httpx2.HTTPError:
                return

    with running(database, *arguments) as (url, process):
        some = threading.Event()
        thread = threading.Thread(target=sign_up_for_ever, args=(url, some))
        thread.start()
        assert some.wait(30)
        process.send_signal(signal.SIGKILL)
        thread.join(30)
    with running(database, *arguments) as (url, _), Control(url) as control:
        accounts = {account["email"]: account for account in control.state()["accounts"]}
    assert all(accounts[email]["email_verified"] for email in confirmed)
    ours = [account for account in accounts.values() if account["origin"] == "sign-up"]
    assert all(account["email_verified"] for account in ours)
    assert len(ours) - len(confirmed) in {0, 1}


def test_a_seed_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    """No traceback, and the exit code of bad input."""
    seed = tmp_path / "seed.json"
    seed.write_text("{}")
    ended = run("--database", str(tmp_path / "emulator.db"), "--seed", str(seed))
    assert (ended.returncode, "cannot be used" in ended.stderr, "Traceback" in ended.stderr) == (2, True, False)


def test_a_port_in_use_is_a_sentence(tmp_path: Path) -> None:
    """No traceback, and the exit code of bad input."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = run("--database", str(tmp_path / "emulator.db"), "--port", str(taken.getsockname()[1]))
    assert (ended.returncode, "cannot be used" in ended.stderr, "Traceback" in ended.stderr) == (2, True, False)


def test_the_sample_account_has_people_of_all_kinds() -> None:
    """The demo meets every kind of person: the list is the demo's promise."""
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
