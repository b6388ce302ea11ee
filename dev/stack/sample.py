"""The sample account that the local stack starts with."""

from pathlib import Path

from pydantic import Field

from landbridge.domain.base import Model

SEED = Path(__file__).with_name("sample_account.json")
"""The emulator's seed; `dev.emulator.seed` describes the format."""
REFUSED = ("refused@example.com",)
"""Addresses of the sample roster that the stack's mail server rejects permanently."""


class _Opsgenie(Model):
    name: str
    api_key: str = Field(alias="apiKey")


class _Organization(Model):
    id: str
    api_key: str = Field(alias="apiKey")
    sso_domains: list[str] = Field(default_factory=list, alias="ssoDomains")


class Sample(Model):
    """The parts of the seed that clients of the emulator need."""

    opsgenie: _Opsgenie
    organization: _Organization


def read(seed: Path) -> Sample:
    """Read a seed of the emulator."""
    return Sample.model_validate_json(seed.read_bytes())
