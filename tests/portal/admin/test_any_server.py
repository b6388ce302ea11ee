"""The portal on another ASGI server: `uvicorn landbridge.portal.app:app`."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL
from pathlib import Path

import httpx2
from temporalio.client import Client

from dev.stack import ports
from tests.portal.conftest import KEY
from tests.workflows.harness import eventually

PROJECT = Path(__file__).parents[3]


async def answers(browser: httpx2.AsyncClient) -> bool:
    """Return whether the port accepts connections."""
    try:
        return (await browser.get("/livez")).status_code == 200
    except httpx2.ConnectError:
        return False


async def test_uvicorn_serves_the_portal(temporal: Client, tmp_path: Path) -> None:
    """Configured by environment variables, the portal passes its health checks, serves pages and counts requests."""
    port, health = ports.preferred_or_free(0), ports.preferred_or_free(0)
    url = f"http://127.0.0.1:{port}"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "uvicorn", "landbridge.portal.app:app", "--port", str(port), "--app-dir", str(PROJECT)),
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "LANDBRIDGE_PORTAL_URL": url,
            "LANDBRIDGE_PORTAL_HEALTH_ADDRESS": f"127.0.0.1:{health}",
            "LANDBRIDGE_TOKEN_KEYS": KEY,
            "TEMPORAL_ADDRESS": temporal.service_client.config.target_host,
            "TEMPORAL_CONFIG_FILE": os.devnull,
        },
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    try:
        async with httpx2.AsyncClient(base_url=url, timeout=60) as browser:
            await eventually(lambda: answers(browser))
            assert (await browser.get("/readyz")).text == "ready\n"
            assert "Your email address in Opsgenie" in (await browser.get("/sign-in")).text
            assert 'route="/sign-in"' in (await browser.get(f"http://127.0.0.1:{health}/metrics")).text
    finally:
        process.terminate()
        await process.wait()
