"""The portal as a process: exit codes and error messages."""

import asyncio
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import pytest

from dev.stack import ports
from tests.platform.conftest import temporal_environment
from tests.portal.conftest import KEY, PORTAL_URL

__all__ = ["temporal_environment"]
PROJECT = Path(__file__).parents[2]
SETTINGS = {"LANDBRIDGE_PORTAL_URL": PORTAL_URL, "LANDBRIDGE_TOKEN_KEYS": KEY, "TEMPORAL_CONFIG_FILE": os.devnull}


async def run_portal(folder: Path, *arguments: str, **environment: str) -> tuple[int | None, str]:
    """Run the portal until it exits; return the exit code and the output."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "landbridge.portal", "--host", "127.0.0.1", "--port", str(ports.preferred_or_free(0))),
        *arguments,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), **environment},
        stdin=DEVNULL,
        stderr=PIPE,
    )
    _, output = await process.communicate()
    return process.returncode, output.decode()


async def test_a_missing_setting_is_reported_in_one_sentence(tmp_path: Path) -> None:
    """The exit code is the one for bad input."""
    code, output = await run_portal(tmp_path, LANDBRIDGE_PORTAL_URL=PORTAL_URL)
    assert (code, output) == (2, "LANDBRIDGE_TOKEN_KEYS is not set. See docs/reference/settings.md.\n")


async def test_the_portal_exits_if_temporal_is_unreachable(tmp_path: Path) -> None:
    """The exit code makes a supervisor restart the portal."""
    nobody = f"127.0.0.1:{ports.preferred_or_free(0)}"
    code, output = await run_portal(tmp_path, **SETTINGS, TEMPORAL_ADDRESS=nobody)
    assert (code, output.startswith(f"Temporal cannot be reached at {nobody}")) == (4, True), output


@pytest.mark.parametrize("host, port", [("127.0.0.1", 99999), ("a..b", 8080), ("127.0.0.1", -1), ("taken", 0)])
async def test_an_unusable_address_is_reported_in_one_sentence(
    tmp_path: Path, temporal_environment: dict[str, str], host: str, port: int
) -> None:
    """An invalid port, an unknown host and a port in use each get one sentence."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        if host == "taken":
            host, port = other.getsockname()
        code, output = await run_portal(
            tmp_path, "--host", host, "--port", str(port), **{**SETTINGS, **temporal_environment}
        )
    assert code == 2, output
    assert output.startswith(f"The address of --host and --port cannot be used ({host}:{port})")
