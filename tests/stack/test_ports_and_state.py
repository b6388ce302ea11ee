import socket
import stat
from pathlib import Path

import pytest

from dev.stack import ports
from dev.stack.state import StateFolder
from landbridge.domain.errors import BadInput


def test_a_preferred_port_is_taken_only_if_it_is_free() -> None:
    """People find the stack where they expect it, unless something else is there."""
    with socket.create_server((ports.HOST, 0)) as other:
        taken = other.getsockname()[1]
        assert not ports.is_free(taken)
        assert ports.preferred_or_free(taken) != taken
    assert ports.preferred_or_free(taken) == taken
    assert ports.preferred_or_free(taken, but=[taken]) != taken


def test_no_port_is_chosen_that_the_system_gives_to_connections() -> None:
    """One of these could have it before the program that is to listen there."""
    with socket.create_server((ports.HOST, 0)) as listening, socket.create_connection(listening.getsockname()) as other:
        given = other.getsockname()[1]
    assert all(ports.preferred_or_free(0) < min(given, 32_768) for _ in range(20))


def test_a_state_folder_is_private_and_keeps_its_key(tmp_path: Path) -> None:
    """Nobody else reads the stack's stores, mails and keys, and mailed links live on."""
    state = StateFolder(tmp_path / "state")
    with state.opened(fresh=False):
        key = state.token_key()
    assert stat.S_IMODE(state.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((state.folder / "token_key").stat().st_mode) == 0o600
    with StateFolder(tmp_path / "state").opened(fresh=True):
        assert state.token_key() == key


def test_a_fresh_start_forgets_what_happened(tmp_path: Path) -> None:
    """Stores and mails go; what else lies in the folder stays."""
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


def test_two_stacks_do_not_share_a_folder(tmp_path: Path) -> None:
    """Two servers on one store would spoil it."""
    with (
        StateFolder(tmp_path).opened(fresh=False),
        pytest.raises(BadInput, match="already runs"),
        StateFolder(tmp_path).opened(fresh=True),
    ):
        pass
