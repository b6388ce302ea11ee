"""Opsgenie and Atlassian for commands that ask them themselves, without a worker."""

from landbridge.integrations.atlassian.directory import AtlassianDirectory
from landbridge.integrations.atlassian.site_probe import SiteProbe
from landbridge.integrations.opsgenie import OpsgenieRoster
from landbridge.platform import settings


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


def site_probe() -> SiteProbe | None:
    """Return what asks sites themselves; none where a worker does not ask them either.

    Raises:
        BadInput: a setting is missing or wrong.

    """
    found = settings.load(settings.AtlassianSettings)
    return SiteProbe(found.site_url) if found.site_url and found.provisioning_url is None else None


def invites() -> bool:
    """Return whether Atlassian mails its own invitations.

    Raises:
        BadInput: a setting is missing or wrong.

    """
    return settings.load(settings.AtlassianSettings).sends_invitations
