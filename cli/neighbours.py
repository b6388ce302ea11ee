"""Opsgenie and Atlassian for commands that ask them themselves, without a worker."""

from adapters.atlassian import AtlassianDirectory
from adapters.opsgenie import OpsgenieRoster
from domain.errors import LandbridgeError
from runtime import settings


def opsgenie() -> OpsgenieRoster:
    """Return Opsgenie as it is set.

    Raises:
        BadInput: a setting is missing or wrong.

    """
    found = settings.load(settings.OpsgenieSettings)
    return OpsgenieRoster(str(found.url), found.api_key.get_secret_value(), found.sso_domains)


def atlassian() -> AtlassianDirectory:
    """Return the Atlassian organization as it is set.

    Raises:
        BadInput: a setting is missing or wrong.

    """
    found = settings.load(settings.AtlassianSettings)
    return AtlassianDirectory(str(found.url), found.api_key.get_secret_value(), found.org_id)


def sentence(error: LandbridgeError) -> str:
    """Return what a neighbour's refusal means here: errors speak to a migration that pauses, and none does."""
    return str(error).replace(", then resume", "")
