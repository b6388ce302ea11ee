import socket
from pathlib import Path

import pytest

from landbridge.domain.errors import BadInput
from landbridge.platform.exits import TemporalUnreachable
from landbridge.platform.temporal import connection


async def test_it_connects_to_the_configured_address(temporal_environment: dict[str, str]) -> None:
    """Temporal's own settings are sufficient."""
    client = await connection.connect(environment=temporal_environment)
    assert (client.service_client.config.target_host, client.namespace) == (
        temporal_environment["TEMPORAL_ADDRESS"],
        "default",
    )


async def test_a_missing_namespace_is_bad_input(
    temporal_environment: dict[str, str],
) -> None:
    """The error must not look like a missing migration."""
    with pytest.raises(BadInput, match=r"has no namespace 'elsewhere'\. Set TEMPORAL_NAMESPACE"):
        await connection.connect(environment={**temporal_environment, "TEMPORAL_NAMESPACE": "elsewhere"})


@pytest.mark.parametrize("address", ["127.0.0.1:99999", "a b:1"])
async def test_an_invalid_address_is_bad_input(address: str) -> None:
    """The message names the address and the setting."""
    with pytest.raises(BadInput, match=rf"address cannot be used \({address}\).*TEMPORAL_ADDRESS"):
        await connection.connect(environment={"TEMPORAL_ADDRESS": address})


async def test_an_unreadable_file_is_bad_input(tmp_path: Path) -> None:
    """A broken temporal.toml is reported instead of being ignored."""
    (tmp_path / "temporal.toml").write_text("[profile")
    with pytest.raises(BadInput, match="settings cannot be read"):
        await connection.connect(environment={"TEMPORAL_CONFIG_FILE": str(tmp_path / "temporal.toml")})


async def test_connecting_has_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The timeout applies even if a server accepts the connection but never answers."""
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT", connection.CONNECT_TIMEOUT / 50)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(TemporalUnreachable, match=f"{address}: no answer within"):
            await connection.connect(environment={"TEMPORAL_ADDRESS": address})
