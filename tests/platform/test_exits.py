import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent


def run(main: str, *, piped: str = "", arguments: str = "") -> subprocess.CompletedProcess[str]:
    """Run a process whose `main` has this body. `piped` redirects its output."""
    body = "\n    ".join(main.splitlines())
    code = (
        "import asyncio, atexit, os, signal, sys\n"
        f"from landbridge.domain.errors import *\nfrom landbridge.platform import exits\n{arguments}"
    )
    code += f"\nasync def main():\n    {body}\nexits.run(main)"
    command = ["bash", "-c", f'set -o pipefail; "$0" -c "$1" {piped}', sys.executable, code]
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}
    return subprocess.run(  # noqa: S603 - our own code
        command, env=environment, capture_output=True, text=True, check=False, cwd=PROJECT
    )


@pytest.mark.parametrize(
    "body,code,message",
    [
        ("pass", 0, ""),
        ("return 3", 3, ""),
        ("raise BadInput('No such file.')", 2, "No such file.\n"),
        ("raise Refused('Not an admin.')", 3, "Not an admin.\n"),
        ("raise exits.TemporalUnreachable('Temporal is away.')", 4, "Temporal is away.\n"),
        ("raise NotFound('No such person.')", 5, "No such person.\n"),
        ("raise ServiceRejected('No licence.')", 1, "No licence.\n"),
        ("sys.exit(2)", 2, ""),
        ("sys.exit('Enough.')", 1, "Enough.\n"),
        ("os.kill(os.getpid(), signal.SIGTERM)\nawait asyncio.sleep(9)", 143, ""),
        ("os.kill(os.getpid(), signal.SIGINT)\nawait asyncio.sleep(9)", 130, ""),
    ],
)
def test_every_exit_has_its_documented_code(body: str, code: int, message: str) -> None:
    """Users get a message, but no traceback for their own mistakes."""
    ended = run(body)
    assert (ended.returncode, ended.stderr) == (code, message)


def test_an_unexpected_error_is_logged_with_its_traceback() -> None:
    """The exit code reports a failure."""
    ended = run("raise RuntimeError('a bug')")
    assert ended.returncode == 1
    assert "unexpected_error" in ended.stderr
    assert "RuntimeError: a bug" in ended.stderr


def test_output_is_flushed_before_the_exit() -> None:
    """Code that runs at interpreter shutdown, and could crash, is skipped."""
    ended = run("sys.stdout.write('said')", arguments="atexit.register(os.abort)")
    assert (ended.returncode, ended.stdout) == (0, "said")


def test_a_closed_pipe_is_quiet() -> None:
    """A reader such as `head -1` may close the pipe before all output is written."""
    ended = run("for _ in range(100_000):\n    print('line')", piped="| head -1")
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "line\n", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("body", ["print('report')", "print('report', flush=True)"])
def test_output_that_could_not_be_written_is_a_failure(body: str) -> None:
    """A full disk is neither a success nor a bug, so it is reported in one sentence."""
    ended = run(body, piped="> /dev/full")
    assert ended.returncode == 1
    assert ended.stderr == "The output could not be written: [Errno 28] No space left on device.\n"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_process_runs_with_closed_standard_streams(closed: str) -> None:
    """Some supervisors start processes this way. No opened file may get the descriptors of the standard streams."""
    body = "assert not sys.stdin.isatty()\nprint('report')\nassert os.open(os.devnull, os.O_RDONLY) > 2"
    ended = run(body, piped=closed)
    assert (ended.returncode, ended.stderr) == (0, "")
