"""What docker-compose.yml and the Dockerfile promise, read as an engine would read them; none runs here."""

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
NOT_HERE = {"LANDBRIDGE_ATLASSIAN_PROVISIONING_URL"}
REQUIRED = re.compile(r"\$\{(\w+):\?[^}]+\}")
"""A variable without which nothing starts, and what compose says then."""


def test_only_what_runs_once_may_end() -> None:
    """Everything else comes back after a crash or a restart of the machine."""
    once = {name for name, service in SERVICES.items() if service["restart"].startswith("on-failure")}
    assert once == {"temporal-schema", "temporal-namespace"}
    assert {SERVICES[name]["restart"] for name in SERVICES.keys() - once} == {"unless-stopped"}


@pytest.mark.parametrize("name", OURS)
def test_encryption_is_on_by_default(name: str) -> None:
    """Without a key nothing starts, and compose says what is missing; links have a key as well."""
    environment = SERVICES[name]["environment"]
    for variable in ("LANDBRIDGE_ENCRYPTION_KEYS", "LANDBRIDGE_TOKEN_KEYS"):
        required = REQUIRED.fullmatch(environment[variable])
        assert required is not None
        assert required[1] == variable


@pytest.mark.parametrize("name", OURS)
def test_every_setting_can_be_set(name: str) -> None:
    """But for those that only the emulator needs."""
    known = {
        str(field.validation_alias or f"{group.model_config['env_prefix']}{name_}".upper())
        for group in READS[name]
        for name_, field in group.model_fields.items()
    }
    assert known - NOT_HERE <= SERVICES[name]["environment"].keys()


def test_no_secret_has_a_default() -> None:
    """Whatever is a key or a password is handed on or asked for, and never made up."""
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
def test_nobody_is_killed_amid_work(name: str) -> None:
    """There is more time to end in than a worker takes at most."""
    grace = re.fullmatch(r"(\d+)s", SERVICES[name]["stop_grace_period"])
    assert grace is not None
    assert int(grace[1]) >= worker.STOP_SECONDS + 10


@pytest.mark.parametrize("name", ["postgresql", "temporal", *OURS])
def test_health_is_looked_at(name: str) -> None:
    """Ours by what a worker and the portal answer, at the address where they do."""
    test = SERVICES[name]["healthcheck"]["test"]
    assert test[0] == "CMD"
    if name in OURS:
        asked = re.search(r"http://127\.0\.0\.1:(\d+)/readyz", test[-1])
        assert asked is not None
        prefix = "LANDBRIDGE_PORTAL" if name == "portal" else "LANDBRIDGE"
        listening = SERVICES[name]["environment"][f"{prefix}_HEALTH_ADDRESS"]
        assert listening.endswith(f":{asked[1]}")


def test_each_waits_for_what_it_leans_on() -> None:
    """First the database, its schema, Temporal, the namespace with its search attributes, then ours."""
    leans = {
        name: {other: how["condition"] for other, how in service.get("depends_on", {}).items()}
        for name, service in SERVICES.items()
    }
    assert leans["temporal-schema"] == {"postgresql": "service_healthy"}
    assert leans["temporal"] == {"temporal-schema": "service_completed_successfully"}
    assert leans["temporal-namespace"] == {"temporal": "service_healthy"}
    for name in OURS:
        assert leans[name] == {"temporal-namespace": "service_completed_successfully"}


def test_nothing_can_be_reached_from_other_machines() -> None:
    """Temporal lets everyone do everything, and TLS ends in a proxy in front of the portal."""
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("name", OURS)
def test_ours_can_do_no_more_than_they_must(name: str) -> None:
    """No capability, no new privilege, nothing to write to but memory, and no root."""
    service = SERVICES[name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    dockerfile = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^USER landbridge$", dockerfile, re.MULTILINE)
    # In its exec form: a shell in between would not hand SIGTERM on.
    assert re.search(r'^CMD \["python", "worker.py"\]$', dockerfile, re.MULTILINE)
    assert "--require-hashes" in dockerfile


def test_scripts_that_are_mounted_are_there() -> None:
    """The schema's and the namespace's, and the server's own settings."""
    mounted = {
        Path(word).name
        for service in SERVICES.values()
        for word in [*service.get("entrypoint", []), *filter(None, service.get("environment", {}).values())]
        if "/deploy/" in str(word)
    }
    assert mounted == {file.name for file in (PROJECT / "deploy" / "temporal").iterdir()}
