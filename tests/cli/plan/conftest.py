"""The emulator, and starter.py with settings for the emulator only. There is no Temporal server."""

import os

import pytest

from tests.cli.conftest import Cli
from tests.emulator.running import ACCOUNT, OPSGENIE_KEY, ORGANIZATION, ORGANIZATION_KEY, control, service

__all__ = ["control", "service"]
OWNER = "olga@example.com"
PLAN = ("plan", ACCOUNT, "--initiator", OWNER)


@pytest.fixture
def cli(service: str) -> Cli:
    """starter.py with settings for the emulator."""
    return Cli(
        {
            "PATH": os.environ["PATH"],
            "HOME": os.devnull,
            "LANDBRIDGE_OPSGENIE_URL": service,
            "LANDBRIDGE_OPSGENIE_API_KEY": OPSGENIE_KEY,
            "LANDBRIDGE_OPSGENIE_SSO_DOMAINS": "sso.example.com",
            "LANDBRIDGE_ATLASSIAN_URL": service,
            "LANDBRIDGE_ATLASSIAN_API_KEY": ORGANIZATION_KEY,
            "LANDBRIDGE_ATLASSIAN_ORG_ID": ORGANIZATION,
            "LANDBRIDGE_ATLASSIAN_SITE_URL": f"{service}/sites/{{name}}",
        }
    )
