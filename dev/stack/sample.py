"""The sample account that the embedded stack starts with."""

from pathlib import Path

from pydantic import Field

from landbridge.domain.base import Model

SEED = Path(__file__).with_name("sample_account.json")
"""What the emulator loads; its format is described there."""
REFUSED = ("refused@example.com",)
"""Addresses on the sample roster that the stack's mail server refuses for good, as real ones do."""


class _Opsgenie(Model):
    name: str
    api_key: str = Field(alias="apiKey")


class _Organization(Model):
    id: str
    api_key: str = Field(alias="apiKey")
    sso_domains: list[str] = Field(default_factory=list, alias="ssoDomains")


class Sample(Model):
    """What a client of the emulator needs to know of its seed."""

    opsgenie: _Opsgenie
    organization: _Organization


def read(seed: Path) -> Sample:
    """Read a seed of the emulator."""
    return Sample.model_validate_json(seed.read_bytes())
