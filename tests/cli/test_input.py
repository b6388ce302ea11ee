"""What people paste, pipe and mistype at the command line."""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.client import Client

from landbridge.cli import moments
from landbridge.client.migration import Migration
from landbridge.domain import ids
from landbridge.domain.people import Actor
from landbridge.domain.roster import OWNER
from tests.cli.conftest import STARTER, Cli
from tests.fakes import World
from tests.workflows.harness import OWNER_EMAIL, eventually

NO_TEXT = "k\udcff"
"""A byte that is not UTF-8, as Python gets and passes on arguments."""
ROSTER = f"email,role,email_verified\n{OWNER_EMAIL},{OWNER},yes\nann@example.com,user,yes\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", NO_TEXT],
        [NO_TEXT],
        ["person", "acme", f"{NO_TEXT}@example.com"],
        ["people", "acme", "--search", NO_TEXT],
        ["pause", "acme", "--reason", NO_TEXT],
        ["verify", "acme", "ann@example.com", "--by", NO_TEXT],
        ["start", "acme", "--initiator", NO_TEXT, "--yes"],
        ["set-deadline", "acme", NO_TEXT],
    ],
)
async def test_bytes_that_are_no_text_are_refused_by_their_place(cli: Cli, arguments: list[str]) -> None:
    """One sentence says which argument it is."""
    ran = await cli(*arguments)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert f"Argument {arguments.index(next(one for one in arguments if NO_TEXT in one)) + 1} holds bytes" in ran.err


async def test_a_name_of_who_acts_that_is_no_text_is_refused(cli: Cli) -> None:
    """It names the variable."""
    ran = await cli("pause", "acme", "--reason", "x", LANDBRIDGE_ACTOR=NO_TEXT)
    assert (ran.code, ran.err.count("\n"), "LANDBRIDGE_ACTOR" in ran.err) == (2, 1, True)


async def test_a_roster_file_may_have_any_name(cli: Cli, tmp_path: Path) -> None:
    """File systems do not ask for UTF-8."""
    path = tmp_path / NO_TEXT
    path.write_text("name\nAnn\n", encoding="utf-8")
    ran = await cli("start", "acme", "--initiator", OWNER_EMAIL, "--yes", "--roster", path)
    assert (ran.code, "'email'" in ran.err) == (2, True)


async def start_with(cli: Cli, account: str, roster: str, content: bytes = b"") -> tuple[int | None, str]:
    """Start a migration with a roster, with something on standard input; return the code and what was said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, STARTER, "start", account, "--initiator", OWNER_EMAIL, "--yes", "--roster", roster),
        env=cli.environment,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
    )
    out, err = await process.communicate(content)
    return process.returncode, (out + err).decode()


@pytest.mark.parametrize("roster", ["-", "/dev/stdin", "/dev/fd/0"])
async def test_a_roster_comes_through_a_pipe(cli: Cli, client: Client, account: str, world: World, roster: str) -> None:
    """From another program, without a file in between."""
    assert world
    code, said = await start_with(cli, account, roster, ROSTER.encode("utf-16"))
    assert code == 0, said
    migration = Migration(client, account)
    assert (await migration.person("ann@example.com")).person.email == "ann@example.com"
    await client.get_workflow_handle(ids.migration(account)).terminate()


async def test_what_comes_through_a_pipe_is_checked_whole(cli: Cli, tmp_path: Path) -> None:
    """Wrong rows and other encodings are told as those of a file."""
    code, said = await start_with(cli, "acme", "-", f"{ROSTER}nobody,user,yes\n".encode())
    assert (code, "standard input: row 4: 'nobody' cannot be used" in said) == (2, True), said
    code, said = await start_with(cli, "acme", "-", f"{ROSTER}# für".encode("latin-1"))
    assert (code, "Line 4 is not UTF-8" in said) == (2, True), said
    code, said = await start_with(cli, "acme", "-")
    assert (code, "empty" in said) == (2, True), said
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writing = asyncio.create_task(asyncio.to_thread(fifo.write_text, "name\nAnn\n", encoding="utf-8"))
    code, said = await start_with(cli, "acme", str(fifo))
    await writing
    assert (code, "'email'" in said) == (2, True), said


@pytest.mark.parametrize("signum, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_waiting_for_a_pipe_can_be_ended(cli: Cli, tmp_path: Path, signum: int, code: int) -> None:
    """At the first Ctrl-C."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    async with cli.running("start", "acme", "--initiator", OWNER_EMAIL, "--yes", "--roster", fifo) as process:
        # It can be opened without waiting once somebody reads.
        await eventually(lambda: _has_reader(fifo))
        process.send_signal(signum)
        _, said = await process.communicate()
    assert (process.returncode, said.decode()) == (code, "")


_writers: list[int] = []


def _has_reader(fifo: Path) -> bool:
    try:
        _writers.append(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close what kept pipes open."""
    yield
    while _writers:
        os.close(_writers.pop())


PASTED = ["mailto:anna@example.com", "Anna <anna@example.com>;", " anna@exam\u200bple.com\u00a0", "“anna@example.com”,"]


@pytest.mark.parametrize("pasted", PASTED)
async def test_an_address_may_be_pasted_with_what_surrounds_it(
    cli: Cli, moving: Migration, account: str, pasted: str
) -> None:
    """One person is meant, and is found, shown and acted for."""
    for arguments in (["person", account, pasted], ["people", account, "--search", pasted]):
        ran = await cli(*arguments)
        assert (ran.code, "anna@example.com" in ran.out) == (0, True), ran
    ran = await cli("verify", account, pasted)
    assert ran.code == 0, ran
    ran = await cli("resend", account, pasted, f"{pasted} ")
    assert "There is nobody" not in ran.err
    ran = await cli("correct-email", account, pasted, pasted.replace("anna", "annika"))
    assert ran.code == 0, ran
    await eventually(lambda: _is_called(moving, "annika@example.com"))


async def _is_called(migration: Migration, email: str) -> bool:
    return (await migration.person("anna@example.com")).person.email == email


async def test_a_watch_in_a_pipe_tells_each_change(cli: Cli, moving: Migration, account: str) -> None:
    """A line when something changes, at once, and the whole status in the end."""
    async with cli.running("status", account, "--watch") as process:
        assert process.stdout is not None
        assert "running in step 6 verify, 5 people" in (await process.stdout.readline()).decode()
        await moving.pause("The merger waits.", Actor(name="tester"))
        # Numbers that are minutes old may become exact in between.
        while "Paused: The merger waits." not in (line := (await process.stdout.readline()).decode()):
            assert line
        await moving.cancel("It is off.", Actor(name="tester"))
        rest = (await process.stdout.read()).decode()
        assert await process.wait() == 0
    assert "cancelled: It is off." in rest


async def test_a_watch_ends_with_its_reader(cli: Cli, moving: Migration, account: str) -> None:
    """Nobody has to write anything to notice that nobody reads any more."""
    assert moving
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, STARTER, "status", account, "--watch"), env=cli.environment, stdout=writing, stderr=PIPE
    )
    os.close(writing)
    await asyncio.to_thread(os.read, reading, 1)
    os.close(reading)
    _, said = await process.communicate()
    assert (process.returncode, said.decode()) == (1, "")


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Be where clocks change."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize(
    "typed, taken",
    [
        ("2027-10-31T02:30", "comes twice here, since clocks go back: taken for 2027-10-31 02:30 CEST (00:30 UTC)"),
        ("2027-03-28T02:30", "never comes here, since clocks go forward: taken for 2027-03-28 03:30 CEST (01:30 UTC)"),
        ("2027-03-28T03:30", ""),
        ("2027-10-31T02:30+01:00", ""),
        ("2027-10-31", ""),
        ("14d", ""),
    ],
)
def test_a_time_that_comes_twice_or_never_says_what_it_was_taken_for(typed: str, taken: str) -> None:
    """As clocks change, an hour is there twice, and another one is not."""
    remark = moments.remark(typed)
    assert taken in remark
    assert bool(remark) is bool(taken)


async def test_what_a_deadline_was_taken_for_is_said(cli: Cli, moving: Migration, account: str) -> None:
    """Beside what the command says anyway."""
    ran = await cli("set-deadline", account, "2037-10-25T02:30", TZ="Europe/Berlin")
    assert (ran.code, "taken for 2037-10-25 02:30 CEST (00:30 UTC)" in ran.err) == (0, True)
    progress = await moving.progress()
    assert progress.deadline is not None
    assert progress.deadline.isoformat() == "2037-10-25T00:30:00+00:00"
