import socket
from pathlib import Path

import pytest

from landbridge.domain.errors import BadInput
from landbridge.platform.exits import TemporalUnreachable
from landbridge.platform.temporal import connection


async def test_it_connects_where_the_settings_say(temporal_environment: dict[str, str]) -> None:
    """Nothing but Temporal's own settings is needed."""
    client = await connection.connect(environment=temporal_environment)
    assert (client.service_client.config.target_host, client.namespace) == (
        temporal_environment["TEMPORAL_ADDRESS"],
        "default",
    )


async def test_a_namespace_that_is_not_there_is_a_mistake_in_the_settings(
    temporal_environment: dict[str, str],
) -> None:
    """It is not taken for a migration that is not there."""
    with pytest.raises(BadInput, match=r"has no namespace 'elsewhere'\. Set TEMPORAL_NAMESPACE"):
        await connection.connect(environment={**temporal_environment, "TEMPORAL_NAMESPACE": "elsewhere"})


@pytest.mark.parametrize("address", ["127.0.0.1:99999", "a b:1"])
async def test_an_address_that_is_none_is_bad_input(address: str) -> None:
    """The sentence names it and the setting."""
    with pytest.raises(BadInput, match=rf"address cannot be used \({address}\).*TEMPORAL_ADDRESS"):
        await connection.connect(environment={"TEMPORAL_ADDRESS": address})


async def test_a_file_that_cannot_be_read_is_bad_input(tmp_path: Path) -> None:
    """A broken temporal.toml is told, not passed over."""
    (tmp_path / "temporal.toml").write_text("[profile")
    with pytest.raises(BadInput, match="settings cannot be read"):
        await connection.connect(environment={"TEMPORAL_CONFIG_FILE": str(tmp_path / "temporal.toml")})


async def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a bounded time, whatever listens there."""
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT", connection.CONNECT_TIMEOUT / 50)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(TemporalUnreachable, match=f"{address}: no answer within"):
            await connection.connect(environment={"TEMPORAL_ADDRESS": address})
