"""Is everything well that is not Temporal: the mail server, Opsgenie, Atlassian, the portal."""

from urllib.parse import urlsplit

from landbridge.cli import services
from landbridge.cli.checkup import SECONDS, Check, Unwell, Well
from landbridge.integrations.http import Request, Transport
from landbridge.integrations.smtp.relay import Server
from landbridge.platform import settings
from landbridge.platform.settings import SmtpSecurity

_NOBODY = "nobody@example.com"
"""An address that is nobody's (RFC 2606), for a question about an address."""
_HERE = {"127.0.0.1", "::1", "localhost"}
_FEW = 5
"""Sites that are named one by one."""
_OK, _METHOD_NOT_ALLOWED = 200, 405
_ANY_STATUS = frozenset(range(200, 600))
_SECURITIES = {SmtpSecurity.STARTTLS: "STARTTLS", SmtpSecurity.TLS: "TLS", SmtpSecurity.NONE: "in clear"}

_PROVISIONING = "Check LANDBRIDGE_ATLASSIAN_PROVISIONING_URL; leave it unset for the real Atlassian."
_PORTAL = "Start it, and check LANDBRIDGE_PORTAL_URL and the way from here to there."


def checks() -> list[Check]:
    """Return them."""
    return [
        Check("Mail", _mail, "Check LANDBRIDGE_SMTP_HOST and LANDBRIDGE_SMTP_PORT, and the way from here to there."),
        Check("Opsgenie", _opsgenie, "See LANDBRIDGE_OPSGENIE_URL and LANDBRIDGE_OPSGENIE_API_KEY."),
        Check("Atlassian", _atlassian, "See LANDBRIDGE_ATLASSIAN_URL, _API_KEY and _ORG_ID."),
        Check("Provisioning", _provisioning, _PROVISIONING),
        Check("Portal", _portal, _PORTAL),
    ]


async def _mail() -> Well:
    smtp = settings.load(settings.SmtpSettings)
    server = Server(
        host=smtp.host,
        port=smtp.port,
        username=smtp.username,
        password=smtp.password.get_secret_value(),
        security=smtp.security,
        sender=smtp.sender,
        ca_file=smtp.ca_file,
        reply_seconds=SECONDS,
    )
    await server.verify_sender()
    login = "logged in" if smtp.username else "no login"
    exposed = smtp.security is SmtpSecurity.NONE and smtp.host not in _HERE
    return Well(
        f"{smtp.host}:{smtp.port}, {_SECURITIES[smtp.security]}, {login}; it takes mail from {smtp.sender}.",
        "LANDBRIDGE_SMTP_SECURITY=none sends in clear: use starttls or tls." if exposed else "",
    )


async def _opsgenie() -> Well:
    async with services.opsgenie() as source:
        name, users = await source.check()
    return Well(f"The key is for the account {name!r} and may list its {users} users.")


async def _atlassian() -> Well:
    async with services.atlassian() as directory:
        async for _ in directory.lookups([_NOBODY]):
            pass
        sites = {seats.site.name for seats in await directory.seats()}
    named = f": {', '.join(sorted(sites))}" if 0 < len(sites) <= _FEW else ""
    return Well(f"The key may search people and list sites; {len(sites)} online{named}.")


async def _provisioning() -> Well:
    atlassian = settings.load(settings.AtlassianSettings)
    if atlassian.provisioning_url is None:
        return Well("Not set: sign-up, a new site and the connection are tasks for an admin.")
    # There is nothing to ask without doing something, but an endpoint that takes no GET says that it is there.
    request = Request("GET", "/provisioning/v1/sites", understood=_ANY_STATUS)
    async with Transport(
        "The emulator", str(atlassian.provisioning_url), settings="LANDBRIDGE_ATLASSIAN_PROVISIONING_URL"
    ) as transport:
        status = (await transport.send(request)).status
    if status != _METHOD_NOT_ALLOWED:
        raise Unwell(f"The URL does not lead to the emulator ({status}).", _PROVISIONING)
    return Well("The emulator is there. It stands in for Atlassian: not for a real migration.")


async def _portal() -> Well:
    pages = settings.load(settings.PortalSettings)
    url = str(pages.portal_url).rstrip("/")
    async with Transport("The portal", url, settings="LANDBRIDGE_PORTAL_URL") as transport:
        alive = await transport.send(Request("GET", "/livez", understood=_ANY_STATUS))
        if alive.status != _OK:
            raise Unwell(f"{url} does not lead to the portal ({alive.status}).", _PORTAL)
        ready = await transport.send(Request("GET", "/readyz", understood=_ANY_STATUS))
    if ready.status != _OK:
        raise Unwell("The portal runs, but does not reach Temporal.", "Check its TEMPORAL_* settings and its log.")
    keys = len(pages.token_keys)
    found = f"{url} is alive and ready; {keys} key{' signs' if keys == 1 else 's sign'} links."
    parts = urlsplit(url)
    exposed = parts.scheme != "https" and parts.hostname not in _HERE
    return Well(found, "https is recommended: links are secrets on their way." if exposed else "")
