"""Input that users paste, pipe or mistype."""

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

from landbridge.cli import times
from landbridge.client.migration import Migration
from landbridge.domain import ids
from landbridge.domain.people import Actor
from landbridge.domain.roster import OWNER
from tests.cli.conftest import STARTER, Cli
from tests.fakes import World
from tests.workflows.harness import OWNER_EMAIL, eventually

NOT_UTF8 = "k\udcff"
"""An argument with a byte that is not UTF-8, as Python represents it."""
ROSTER = f"email,role,email_verified\n{OWNER_EMAIL},{OWNER},yes\nann@example.com,user,yes\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", NOT_UTF8],
        [NOT_UTF8],
        ["person", "acme", f"{NOT_UTF8}@example.com"],
        ["people", "acme", "--search", NOT_UTF8],
        ["pause", "acme", "--reason", NOT_UTF8],
        ["verify", "acme", "ann@example.com", "--by", NOT_UTF8],
        ["start", "acme", "--initiator", NOT_UTF8, "--yes"],
        ["set-deadline", "acme", NOT_UTF8],
    ],
)
async def test_arguments_that_are_not_utf8_are_refused_by_position(cli: Cli, arguments: list[str]) -> None:
    """The message gives the position of the argument."""
    ran = await cli(*arguments)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert (
        f"Argument {arguments.index(next(one for one in arguments if NOT_UTF8 in one)) + 1} is not valid UTF-8"
        in ran.err
    )


async def test_an_actor_name_that_is_not_utf8_is_refused(cli: Cli) -> None:
    """The message names the environment variable."""
    ran = await cli("pause", "acme", "--reason", "x", LANDBRIDGE_ACTOR=NOT_UTF8)
    assert (ran.code, ran.err.count("\n"), "LANDBRIDGE_ACTOR" in ran.err) == (2, 1, True)


async def test_a_roster_file_name_need_not_be_utf8(cli: Cli, tmp_path: Path) -> None:
    """File names on Linux are bytes."""
    path = tmp_path / NOT_UTF8
    path.write_text("name\nAnn\n", encoding="utf-8")
    ran = await cli("start", "acme", "--initiator", OWNER_EMAIL, "--yes", "--roster", path)
    assert (ran.code, "'email'" in ran.err) == (2, True)


async def start_with(cli: Cli, account: str, roster: str, content: bytes = b"") -> tuple[int | None, str]:
    """Start a migration with a roster and the given standard input; return the exit code and the output."""
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
async def test_a_roster_can_come_through_a_pipe(
    cli: Cli, client: Client, account: str, world: World, roster: str
) -> None:
    """Standard input may be in any of the recognised encodings."""
    assert world
    code, output = await start_with(cli, account, roster, ROSTER.encode("utf-16"))
    assert code == 0, output
    migration = Migration(client, account)
    assert (await migration.person("ann@example.com")).person.email == "ann@example.com"
    await client.get_workflow_handle(ids.migration(account)).terminate()


async def test_a_piped_roster_is_checked_like_a_file(cli: Cli, tmp_path: Path) -> None:
    """Invalid rows and unknown encodings are reported."""
    code, output = await start_with(cli, "acme", "-", f"{ROSTER}nobody,user,yes\n".encode())
    assert (code, "standard input: row 4: 'nobody' cannot be used" in output) == (2, True), output
    code, output = await start_with(cli, "acme", "-", f"{ROSTER}# für".encode("latin-1"))
    assert (code, "Line 4 is not UTF-8" in output) == (2, True), output
    code, output = await start_with(cli, "acme", "-")
    assert (code, "empty" in output) == (2, True), output
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writing = asyncio.create_task(asyncio.to_thread(fifo.write_text, "name\nAnn\n", encoding="utf-8"))
    code, output = await start_with(cli, "acme", str(fifo))
    await writing
    assert (code, "'email'" in output) == (2, True), output


@pytest.mark.parametrize("signum, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_waiting_for_a_pipe_can_be_interrupted(cli: Cli, tmp_path: Path, signum: int, code: int) -> None:
    """The first signal ends the process."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    async with cli.running("start", "acme", "--initiator", OWNER_EMAIL, "--yes", "--roster", fifo) as process:
        # A FIFO can be opened for writing without blocking once it has a reader.
        await eventually(lambda: _has_reader(fifo))
        process.send_signal(signum)
        _, output = await process.communicate()
    assert (process.returncode, output.decode()) == (code, "")


_writers: list[int] = []


def _has_reader(fifo: Path) -> bool:
    try:
        _writers.append(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close the write ends of the pipes."""
    yield
    while _writers:
        os.close(_writers.pop())


PASTED = ["mailto:anna@example.com", "Anna <anna@example.com>;", " anna@exam\u200bple.com\u00a0", "“anna@example.com”,"]


@pytest.mark.parametrize("pasted", PASTED)
async def test_pasted_addresses_are_cleaned(cli: Cli, moving: Migration, account: str, pasted: str) -> None:
    """List, search and requests find the person by the pasted address."""
    for arguments in (["person", account, pasted], ["people", account, "--search", pasted]):
        ran = await cli(*arguments)
        assert (ran.code, "anna@example.com" in ran.out) == (0, True), ran
    ran = await cli("verify", account, pasted)
    assert ran.code == 0, ran
    ran = await cli("resend", account, pasted, f"{pasted} ")
    assert "Nobody with this address" not in ran.err
    ran = await cli("correct-email", account, pasted, pasted.replace("anna", "annika"))
    assert ran.code == 0, ran
    await eventually(lambda: _is_called(moving, "annika@example.com"))


async def _is_called(migration: Migration, email: str) -> bool:
    return (await migration.person("anna@example.com")).person.email == email


async def test_watch_in_a_pipe_prints_one_line_per_change(cli: Cli, moving: Migration, account: str) -> None:
    """The whole status is printed at the end."""
    async with cli.running("status", account, "--watch") as process:
        assert process.stdout is not None
        assert "running in step 6 verify, 5 people" in (await process.stdout.readline()).decode()
        await moving.pause("The merger waits.", Actor(name="tester"))
        # An extra line may appear between them, when estimated numbers become exact.
        while "Paused: The merger waits." not in (line := (await process.stdout.readline()).decode()):
            assert line
        await moving.cancel("It is off.", Actor(name="tester"))
        rest = (await process.stdout.read()).decode()
        assert await process.wait() == 0
    assert "ancelled: It is off." in rest


async def test_watch_ends_when_its_reader_exits(cli: Cli, moving: Migration, account: str) -> None:
    """The command notices the closed pipe even while it has nothing to write."""
    assert moving
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, STARTER, "status", account, "--watch"), env=cli.environment, stdout=writing, stderr=PIPE
    )
    os.close(writing)
    await asyncio.to_thread(os.read, reading, 1)
    os.close(reading)
    _, output = await process.communicate()
    assert (process.returncode, output.decode()) == (1, "")


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set a time zone with daylight saving time."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize(
    "typed, note",
    [
        ("2027-10-31T02:30", "occurs twice, because clocks go back. Using 2027-10-31 02:30 CEST (00:30 UTC)"),
        ("2027-03-28T02:30", "does not exist, because clocks go forward. Using 2027-03-28 03:30 CEST (01:30 UTC)"),
        ("2027-03-28T03:30", ""),
        ("2027-10-31T02:30+01:00", ""),
        ("2027-10-31", ""),
        ("14d", ""),
    ],
)
def test_ambiguous_local_times_are_explained(typed: str, note: str) -> None:
    """When clocks change, one hour occurs twice and another hour does not exist."""
    shown = times.clock_change_note(typed)
    assert note in shown
    assert bool(shown) is bool(note)


async def test_set_deadline_explains_an_ambiguous_local_time(cli: Cli, moving: Migration, account: str) -> None:
    """The explanation is printed in addition to the usual output."""
    ran = await cli("set-deadline", account, "2037-10-25T02:30", TZ="Europe/Berlin")
    assert (ran.code, "Using 2037-10-25 02:30 CEST (00:30 UTC)" in ran.err) == (0, True)
    progress = await moving.progress()
    assert progress.deadline is not None
    assert progress.deadline.isoformat() == "2037-10-25T00:30:00+00:00"
