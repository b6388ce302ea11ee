"""Health checks by HTTP."""

import socket

import httpx2
import pytest

from dev.stack import ports
from landbridge.domain.errors import BadInput
from landbridge.platform import web


async def test_health_checks_report_the_reason() -> None:
    """A process is alive while it runs. It is ready unless there is a reason why it is not."""
    port = ports.preferred_or_free(0)
    reasons = ["starting", "", "draining"]

    async def ready() -> str:
        return reasons.pop(0)

    async with (
        web.health(f"127.0.0.1:{port}", ready),
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as asking,
    ):
        answers = [await asking.get("/readyz") for _ in range(3)]
        assert [(answer.status_code, answer.text) for answer in answers] == [
            (503, "starting\n"),
            (200, "ready\n"),
            (503, "draining\n"),
        ]
        assert (await asking.get("/livez")).text == "alive\n"
    assert ports.is_free(port)


async def test_without_an_address_no_server_runs() -> None:
    """The process runs as usual without a health check."""

    async def never() -> str:
        raise AssertionError

    async with web.health("", never):
        pass


@pytest.mark.parametrize("host", ["127.0.0.1", "nowhere.invalid"])
async def test_an_unusable_address_is_bad_input(host: str) -> None:
    """The message names the address and the setting."""

    async def ready() -> str:
        return ""

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(BadInput, match="LANDBRIDGE_HEALTH_ADDRESS"):
        async with web.health(f"{host}:{taken.getsockname()[1]}", ready):
            pass
