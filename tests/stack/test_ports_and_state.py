import socket
import stat
from pathlib import Path

import pytest

from dev.stack import ports
from dev.stack.state import StateFolder
from landbridge.domain.errors import BadInput


def test_the_preferred_port_is_chosen_only_if_it_is_free() -> None:
    """If the port is taken or is in `exclude`, another port is chosen."""
    with socket.create_server((ports.HOST, 0)) as other:
        port = other.getsockname()[1]
        assert not ports.is_free(port)
        assert ports.preferred_or_free(port) != port
    assert ports.preferred_or_free(port) == port
    assert ports.preferred_or_free(port, exclude=[port]) != port


def test_chosen_ports_are_not_ephemeral() -> None:
    """An outgoing connection could take an ephemeral port before the server listens on it."""
    with socket.create_server((ports.HOST, 0)) as server, socket.create_connection(server.getsockname()) as connection:
        ephemeral = connection.getsockname()[1]
    assert all(ports.preferred_or_free(0) < min(ephemeral, 32_768) for _ in range(20))


def test_the_state_folder_is_private_and_keeps_its_key(tmp_path: Path) -> None:
    """Only the owner can read the folder. Mailed links stay valid after a fresh start."""
    state = StateFolder(tmp_path / "state")
    with state.opened(fresh=False):
        key = state.token_key()
    assert stat.S_IMODE(state.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((state.folder / "token_key").stat().st_mode) == 0o600
    with StateFolder(tmp_path / "state").opened(fresh=True):
        assert state.token_key() == key


def test_a_fresh_start_deletes_databases_and_mails(tmp_path: Path) -> None:
    """Other files in the folder are kept."""
    state = StateFolder(tmp_path)
    with state.opened(fresh=False):
        for file in (state.temporal_database, state.emulator_database, state.mailbox / "1.eml", tmp_path / "notes"):
            file.write_text("old")
        (tmp_path / "temporal.db-wal").write_text("old")
    with state.opened(fresh=False):
        assert (state.mailbox / "1.eml").exists()
    with state.opened(fresh=True):
        assert sorted(file.name for file in tmp_path.iterdir()) == ["lock", "logs", "mailbox", "notes"]
        assert not list(state.mailbox.iterdir())


def test_two_stacks_cannot_share_a_folder(tmp_path: Path) -> None:
    """Two servers on the same database would damage it."""
    with (
        StateFolder(tmp_path).opened(fresh=False),
        pytest.raises(BadInput, match="already runs"),
        StateFolder(tmp_path).opened(fresh=True),
    ):
        pass
