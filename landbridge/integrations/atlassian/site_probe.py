"""What a site says of itself to anyone: whether it is there, and which it is.

Source: https://developer.atlassian.com/cloud/automation/api/base-paths documents `_edge/tenant_info` for finding a
site's cloud id.
"""

from landbridge.domain import sites
from landbridge.domain.errors import BadInput
from landbridge.integrations.http import Body, Request, Transport

NAME = "The site"
SETTINGS = "LANDBRIDGE_ATLASSIAN_SITE_URL"
SITE_URL = "https://{name}.atlassian.net"
_THERE = 200
_MOVED = frozenset({301, 302, 303, 307, 308})
"""Who had the name before redirects to the one they have now."""
_GONE = frozenset({404, 410})


class TenantInfo(Body):
    """The answer to `_edge/tenant_info`."""

    cloud_id: str


class SiteProbe:
    """Asks sites who they are, without credentials and following nobody elsewhere."""

    def __init__(self, url: str = SITE_URL) -> None:
        """`url` is a site's with `{name}` in it.

        Raises:
            BadInput: it has none.

        """
        if "{name}" not in url:
            raise BadInput("The URL of sites needs {name} where a site's name stands.")
        self._url = url

    async def cloud_id(self, name: str) -> str | None:
        """Return the id of the site that has this name: empty if only someone's old name leads elsewhere; none if free.

        A free name may have been used before, which only Atlassian knows.

        Raises:
            ServiceUnavailable: nobody answers there, or nothing that can be read.
            ServiceRejected: whoever answers there does not speak of sites.

        """
        sites.check_name(name)
        request = Request("GET", "/_edge/tenant_info", understood=_GONE | _MOVED | {_THERE})
        async with Transport(NAME, self._url.replace("{name}", name), settings=SETTINGS) as transport:
            answer = await transport.send(request)
        if answer.status in _GONE:
            return None
        return answer.read(TenantInfo).cloud_id if answer.status == _THERE else ""
