"""Checks of docker-compose.yml and the Dockerfile as files; no container engine is needed."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it has no annotations
from pydantic_settings import BaseSettings

import worker
from landbridge.platform import process_settings, settings

PROJECT = Path(__file__).parent.parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("worker", "portal")
READS: dict[str, tuple[type[BaseSettings], ...]] = {
    "worker": (
        settings.SmtpSettings,
        settings.OpsgenieSettings,
        settings.AtlassianSettings,
        process_settings.ProcessSettings,
        process_settings.WorkerSettings,
    ),
    "portal": (settings.PortalSettings, settings.EncryptionSettings),
}
EMULATOR_ONLY = {"LANDBRIDGE_ATLASSIAN_PROVISIONING_URL"}
REQUIRED = re.compile(r"\$\{(\w+):\?[^}]+\}")
"""A required variable, with the error message that compose shows if it is missing."""


def test_all_services_but_one_time_jobs_restart() -> None:
    """These services come back after a crash or a reboot."""
    once = {name for name, service in SERVICES.items() if service["restart"].startswith("on-failure")}
    assert once == {"temporal-schema", "temporal-namespace"}
    assert {SERVICES[name]["restart"] for name in SERVICES.keys() - once} == {"unless-stopped"}


@pytest.mark.parametrize("name", OURS)
def test_encryption_and_token_keys_are_required(name: str) -> None:
    """Without a key nothing starts, and compose names the missing variable."""
    environment = SERVICES[name]["environment"]
    for variable in ("LANDBRIDGE_ENCRYPTION_KEYS", "LANDBRIDGE_TOKEN_KEYS"):
        required = REQUIRED.fullmatch(environment[variable])
        assert required is not None
        assert required[1] == variable


@pytest.mark.parametrize("name", OURS)
def test_every_setting_is_passed_through(name: str) -> None:
    """Settings for the emulator are the only exception."""
    known = {
        str(field.validation_alias or f"{group.model_config['env_prefix']}{name_}".upper())
        for group in READS[name]
        for name_, field in group.model_fields.items()
    }
    assert known - EMULATOR_ONLY <= SERVICES[name]["environment"].keys()


def test_no_secret_has_a_default() -> None:
    """Keys and passwords are either required, or optional and passed through without a value."""
    secrets = [
        (name, variable, value)
        for name, service in SERVICES.items()
        for variable, value in service.get("environment", {}).items()
        if re.search(r"KEY|PASSWORD|PWD|TOKEN", variable)
    ]
    assert secrets
    for name, variable, value in secrets:
        assert value is None or REQUIRED.fullmatch(value), f"{variable} of {name}"


@pytest.mark.parametrize("name", OURS)
def test_the_grace_period_is_longer_than_a_shutdown(name: str) -> None:
    """Otherwise the engine would kill a worker that is still draining."""
    grace = re.fullmatch(r"(\d+)s", SERVICES[name]["stop_grace_period"])
    assert grace is not None
    assert int(grace[1]) >= worker.STOP_SECONDS + 10


@pytest.mark.parametrize("name", ["postgresql", "temporal", *OURS])
def test_every_server_has_a_health_check(name: str) -> None:
    """The worker and the portal are probed at their configured health address."""
    test = SERVICES[name]["healthcheck"]["test"]
    assert test[0] == "CMD"
    if name in OURS:
        probed = re.search(r"http://127\.0\.0\.1:(\d+)/readyz", test[-1])
        assert probed is not None
        prefix = "LANDBRIDGE_PORTAL" if name == "portal" else "LANDBRIDGE"
        listening = SERVICES[name]["environment"][f"{prefix}_HEALTH_ADDRESS"]
        assert listening.endswith(f":{probed[1]}")


def test_services_wait_for_their_dependencies() -> None:
    """The order is: database, schema, Temporal, namespace with search attributes, worker and portal."""
    dependencies = {
        name: {other: options["condition"] for other, options in service.get("depends_on", {}).items()}
        for name, service in SERVICES.items()
    }
    assert dependencies["temporal-schema"] == {"postgresql": "service_healthy"}
    assert dependencies["temporal"] == {"temporal-schema": "service_completed_successfully"}
    assert dependencies["temporal-namespace"] == {"temporal": "service_healthy"}
    for name in OURS:
        assert dependencies[name] == {"temporal-namespace": "service_completed_successfully"}


def test_ports_are_published_on_the_loopback_interface_only() -> None:
    """Temporal has no authorization here, and a proxy in front of the portal terminates TLS."""
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("name", OURS)
def test_our_containers_run_with_least_privilege(name: str) -> None:
    """They have no capabilities, no root user and a read-only file system, and cannot gain privileges."""
    service = SERVICES[name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    dockerfile = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^USER landbridge$", dockerfile, re.MULTILINE)
    # The exec form is required: a shell would not forward SIGTERM.
    assert re.search(r'^CMD \["python", "worker.py"\]$', dockerfile, re.MULTILINE)
    assert "--require-hashes" in dockerfile


def test_mounted_files_exist() -> None:
    """Compose refers to every file in deploy/temporal and to no other file."""
    mounted = {
        Path(word).name
        for service in SERVICES.values()
        for word in [*service.get("entrypoint", []), *filter(None, service.get("environment", {}).values())]
        if "/deploy/" in str(word)
    }
    assert mounted == {file.name for file in (PROJECT / "deploy" / "temporal").iterdir()}
