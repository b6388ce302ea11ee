"""Checks of the mail server, Opsgenie, Atlassian and the portal."""

from urllib.parse import urlsplit

from landbridge.cli import services
from landbridge.cli.checks import TIMEOUT_SECONDS, Check, CheckFailed, Passed
from landbridge.integrations.http import Request, Transport
from landbridge.integrations.smtp.relay import Server
from landbridge.platform import settings
from landbridge.platform.settings import SmtpSecurity

_TEST_ADDRESS = "nobody@example.com"
"""An address that belongs to nobody (RFC 2606), for a test lookup."""
_LOCAL_HOSTS = {"127.0.0.1", "::1", "localhost"}
_MAX_SITES_NAMED = 5
"""If there are more sites, only their number is printed."""
_OK, _METHOD_NOT_ALLOWED = 200, 405
_ANY_STATUS = frozenset(range(200, 600))
_SECURITY_NAMES = {SmtpSecurity.STARTTLS: "STARTTLS", SmtpSecurity.TLS: "TLS", SmtpSecurity.NONE: "unencrypted"}

_PROVISIONING = "Check LANDBRIDGE_ATLASSIAN_PROVISIONING_URL; leave it unset for the real Atlassian."
_PORTAL = "Start the portal; check LANDBRIDGE_PORTAL_URL and the network."


def checks() -> list[Check]:
    """Return the checks."""
    return [
        Check("Mail", _mail, "Check LANDBRIDGE_SMTP_HOST, LANDBRIDGE_SMTP_PORT and the network."),
        Check("Opsgenie", _opsgenie, "Check LANDBRIDGE_OPSGENIE_URL and LANDBRIDGE_OPSGENIE_API_KEY."),
        Check("Atlassian", _atlassian, "Check LANDBRIDGE_ATLASSIAN_URL, _API_KEY and _ORG_ID."),
        Check("Provisioning", _provisioning, _PROVISIONING),
        Check("Portal", _portal, _PORTAL),
    ]


async def _mail() -> Passed:
    smtp = settings.load(settings.SmtpSettings)
    server = Server(
        host=smtp.host,
        port=smtp.port,
        username=smtp.username,
        password=smtp.password.get_secret_value(),
        security=smtp.security,
        sender=smtp.sender,
        ca_file=smtp.ca_file,
        reply_seconds=TIMEOUT_SECONDS,
    )
    await server.verify_sender()
    login = "logged in" if smtp.username else "no login"
    exposed = smtp.security is SmtpSecurity.NONE and smtp.host not in _LOCAL_HOSTS
    return Passed(
        f"{smtp.host}:{smtp.port}, {_SECURITY_NAMES[smtp.security]}, {login}; accepts mail from {smtp.sender}.",
        "LANDBRIDGE_SMTP_SECURITY=none sends mail unencrypted: use starttls or tls." if exposed else "",
    )


async def _opsgenie() -> Passed:
    async with services.opsgenie() as source:
        name, users = await source.check()
    return Passed(f"The key is for the account {name!r} and may list its {users} users.")


async def _atlassian() -> Passed:
    async with services.atlassian() as directory:
        async for _ in directory.lookups([_TEST_ADDRESS]):
            pass
        sites = {seats.site.name for seats in await directory.seats()}
    names = f": {', '.join(sorted(sites))}" if 0 < len(sites) <= _MAX_SITES_NAMED else ""
    plural = " is" if len(sites) == 1 else "s are"
    return Passed(f"The key may search people and list sites; {len(sites)} site{plural} online{names}.")


async def _provisioning() -> Passed:
    atlassian = settings.load(settings.AtlassianSettings)
    if atlassian.provisioning_url is None:
        return Passed("No emulator is set: sign-up, creating a site and connecting it are manual tasks for an admin.")
    # Every supported request of this API changes something. A GET is not supported, but shows that the API is there.
    request = Request("GET", "/provisioning/v1/sites", understood=_ANY_STATUS)
    async with Transport(
        "The emulator", str(atlassian.provisioning_url), settings="LANDBRIDGE_ATLASSIAN_PROVISIONING_URL"
    ) as transport:
        status = (await transport.send(request)).status
    if status != _METHOD_NOT_ALLOWED:
        raise CheckFailed(f"The URL is not that of the emulator (HTTP {status}).", _PROVISIONING)
    return Passed("The emulator answers. It replaces Atlassian: do not use it for a real migration.")


async def _portal() -> Passed:
    pages = settings.load(settings.PortalSettings)
    url = str(pages.portal_url).rstrip("/")
    async with Transport("The portal", url, settings="LANDBRIDGE_PORTAL_URL") as transport:
        alive = await transport.send(Request("GET", "/livez", understood=_ANY_STATUS))
        if alive.status != _OK:
            raise CheckFailed(f"{url} is not the URL of the portal (HTTP {alive.status}).", _PORTAL)
        ready = await transport.send(Request("GET", "/readyz", understood=_ANY_STATUS))
    if ready.status != _OK:
        raise CheckFailed(
            "The portal is running, but cannot reach Temporal.", "Check its TEMPORAL_* settings and its log."
        )
    keys = len(pages.token_keys)
    found = f"{url} is ready; {keys} signing key{'' if keys == 1 else 's'} for links."
    parts = urlsplit(url)
    exposed = parts.scheme != "https" and parts.hostname not in _LOCAL_HOSTS
    return Passed(found, "Use https: the links contain secrets." if exposed else "")
