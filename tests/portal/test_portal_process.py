"""The portal as a process: by any ASGI server, and where it cannot do its work; the demo's tests show the rest."""

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


async def ran(folder: Path, *arguments: str, **environment: str) -> tuple[int | None, str]:
    """Run it to its end; return the exit code, and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "landbridge.portal", "--host", "127.0.0.1", "--port", str(ports.preferred_or_free(0))),
        *arguments,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), **environment},
        stdin=DEVNULL,
        stderr=PIPE,
    )
    _, said = await process.communicate()
    return process.returncode, said.decode()


async def test_a_missing_setting_is_one_sentence(tmp_path: Path) -> None:
    """Whoever starts it reads what to set, and the exit code says that nothing was done."""
    code, said = await ran(tmp_path, LANDBRIDGE_PORTAL_URL=PORTAL_URL)
    assert (code, said) == (2, "LANDBRIDGE_TOKEN_KEYS is not set. See docs/reference/settings.md.\n")


async def test_without_temporal_it_does_not_pretend_to_serve(tmp_path: Path) -> None:
    """It ends with the code that says so, for whoever runs it to start it again."""
    nobody = f"127.0.0.1:{ports.preferred_or_free(0)}"
    code, said = await ran(tmp_path, **SETTINGS, TEMPORAL_ADDRESS=nobody)
    assert (code, said.startswith(f"Temporal cannot be reached at {nobody}")) == (4, True), said


@pytest.mark.parametrize("host, port", [("127.0.0.1", 99999), ("a..b", 8080), ("127.0.0.1", -1), ("taken", 0)])
async def test_an_address_that_cannot_be_used_is_one_sentence(
    tmp_path: Path, temporal_environment: dict[str, str], host: str, port: int
) -> None:
    """A port out of range, a host that is none, or one where another program listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        if host == "taken":
            host, port = other.getsockname()
        code, said = await ran(tmp_path, "--host", host, "--port", str(port), **{**SETTINGS, **temporal_environment})
    assert code == 2, said
    assert said.startswith(f"The address of --host and --port cannot be used ({host}:{port})")
