import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest
from temporalio.envconfig import ClientConfig

from dev.stack.stack import Stack
from landbridge.platform import settings
from landbridge.platform.process_settings import ProcessSettings

SEED = {
    "opsgenie": {"name": "acme", "apiKey": "opsgenie-key", "users": []},
    "organization": {"id": "acme-org", "apiKey": "organization-key", "ssoDomains": ["sso.example.com"]},
}


def _seed(folder: Path) -> Path:
    seed = folder / "seed.json"
    seed.write_text(json.dumps(SEED))
    return seed


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return the environment of a stack that is started from a shell with settings of real accounts."""
    monkeypatch.setenv("LANDBRIDGE_SMTP_USERNAME", "real")
    monkeypatch.setenv("LANDBRIDGE_ATLASSIAN_API_KEY", "real")
    monkeypatch.setenv("TEMPORAL_API_KEY", "real")
    monkeypatch.setenv("TEMPORAL_PROFILE", "production")
    stack = Stack(tmp_path / "state", seed=_seed(tmp_path))
    with stack.state.opened(fresh=True):
        return stack.environment


def test_the_stack_does_not_inherit_settings_of_real_accounts(environment: dict[str, str]) -> None:
    """The demo must never reach a real account."""
    assert "real" not in environment.values()
    config = ClientConfig.load_client_connect_config(override_env_vars=environment)
    assert config == {"target_host": environment["TEMPORAL_ADDRESS"], "namespace": "default"}
    assert environment["PATH"] == os.environ["PATH"]


def test_the_environment_has_all_required_settings(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each settings class loads and points to the emulator."""
    monkeypatch.undo()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert settings.load(settings.SmtpSettings).security is settings.SmtpSecurity.NONE
    assert settings.load(settings.OpsgenieSettings).sso_domains == ["sso.example.com"]
    atlassian = settings.load(settings.AtlassianSettings)
    assert (atlassian.org_id, atlassian.api_key.get_secret_value()) == ("acme-org", "organization-key")
    assert atlassian.provisioning_url == atlassian.url
    assert str(settings.load(settings.PortalSettings).portal_url).startswith("http://127.0.0.1:")
    # Two workers cannot share a port, so the environment for further workers names none.
    assert not settings.load(ProcessSettings).metrics_address


def test_a_shell_that_sources_the_environment_file_uses_this_stack(tmp_path: Path) -> None:
    """Settings that the shell already had are removed."""
    stack = Stack(tmp_path / "a 'state'", seed=_seed(tmp_path))
    with stack.state.opened(fresh=True), stack.state.environment_file(stack.shell_commands()):
        printed = subprocess.run(  # noqa: S603 - a file that the stack wrote
            ["/bin/sh", "-c", f". {shlex.quote(str(stack.state.environment))}; env"],
            env={"PATH": os.environ["PATH"], "TEMPORAL_PROFILE": "real", "LANDBRIDGE_ACTOR": "real"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        sourced = dict(line.split("=", 1) for line in printed.splitlines())
        assert {name: sourced.get(name) for name in stack.variables} == stack.variables
        assert "real" not in sourced.values()
        assert stack.state.environment.stat().st_mode & 0o077 == 0
    assert not stack.state.environment.exists()
