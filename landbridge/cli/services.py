"""Opsgenie and Atlassian, for commands that call them directly instead of through a worker."""

from landbridge.integrations.atlassian.directory import AtlassianDirectory
from landbridge.integrations.atlassian.site_probe import SiteProbe
from landbridge.integrations.opsgenie import OpsgenieRoster
from landbridge.platform import settings


def opsgenie() -> OpsgenieRoster:
    """Return the Opsgenie client for the current settings.

    Raises:
        BadInput: a setting is missing or wrong.

    """
    config = settings.load(settings.OpsgenieSettings)
    return OpsgenieRoster(str(config.url), config.api_key.get_secret_value(), config.sso_domains)


def atlassian() -> AtlassianDirectory:
    """Return the Atlassian client for the current settings.

    Raises:
        BadInput: a setting is missing or wrong.

    """
    config = settings.load(settings.AtlassianSettings)
    return AtlassianDirectory(str(config.url), config.api_key.get_secret_value(), config.org_id)


def site_probe() -> SiteProbe | None:
    """Return the site probe; None if the worker would not probe sites with the current settings.

    Raises:
        BadInput: a setting is missing or wrong.

    """
    config = settings.load(settings.AtlassianSettings)
    return SiteProbe(config.site_url) if config.site_url and config.provisioning_url is None else None


def invites() -> bool:
    """Return whether Atlassian sends its own invitation emails.

    Raises:
        BadInput: a setting is missing or wrong.

    """
    return settings.load(settings.AtlassianSettings).sends_invitations
