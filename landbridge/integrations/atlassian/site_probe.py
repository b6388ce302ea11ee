"""Check without credentials whether a site exists, and read its cloud id.

Source: https://developer.atlassian.com/cloud/automation/api/base-paths documents `_edge/tenant_info` as the way to
find a site's cloud id.
"""

from landbridge.domain import sites
from landbridge.domain.errors import BadInput
from landbridge.domain.text import text
from landbridge.integrations.http import Body, Request, Transport

NAME = text("The site")
SETTINGS = "LANDBRIDGE_ATLASSIAN_SITE_URL"
SITE_URL = "https://{name}.atlassian.net"
_OK = 200
_MOVED = frozenset({301, 302, 303, 307, 308})
"""The site was renamed: its old name redirects to the new one."""
_GONE = frozenset({404, 410})


class TenantInfo(Body):
    """The response to `_edge/tenant_info`."""

    cloud_id: str


class SiteProbe:
    """Reads the cloud ids of sites, without credentials; it follows no redirects."""

    def __init__(self, url: str = SITE_URL) -> None:
        """Take the URL of a site, with the placeholder `{name}`.

        Raises:
            BadInput: the URL has no placeholder.

        """
        if "{name}" not in url:
            raise BadInput("The URL of sites must contain {name} in place of the site's name.")
        self._url = url

    async def cloud_id(self, name: str) -> str | None:
        """Return the cloud id of the site with this name; empty if a renamed site had the name; None if no site has it.

        A name that no site has may have been used before; only Atlassian knows.

        Raises:
            ServiceUnavailable: there is no response, or it cannot be read.
            ServiceRejected: the response is not that of an Atlassian site.

        """
        sites.check_name(name)
        request = Request("GET", "/_edge/tenant_info", understood=_GONE | _MOVED | {_OK})
        async with Transport(NAME, self._url.replace("{name}", name), settings=SETTINGS) as transport:
            response = await transport.send(request)
        if response.status in _GONE:
            return None
        return response.read(TenantInfo).cloud_id if response.status == _OK else ""
