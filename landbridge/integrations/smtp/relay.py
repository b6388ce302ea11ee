"""Open connections to the mail server. Without the configured protection, no connection is opened.

Errors are raised `from None`: their causes contain addresses, and causes are kept in workflow histories.
"""

import asyncio
import ssl
from dataclasses import dataclass, field

import aiosmtplib

from landbridge.domain.errors import BadInput, ServiceRejected, ServiceUnavailable
from landbridge.domain.text import Text, text
from landbridge.integrations.smtp import message
from landbridge.integrations.smtp.connection import Connection, ConnectionLost
from landbridge.integrations.smtp.replies import Kind, Reply, Stage, classify, kind, raise_if_global

REPLY_SECONDS = 600.0
"""Timeout of one reply. RFC 5321, 4.5.3.2.6: a client that gives up on the final dot earlier creates duplicates."""
OPENING_SECONDS = 60.0
"""Timeout of connecting, TLS, greeting and login together."""
SECURITIES = ("starttls", "tls", "none")
"""How the connection can be protected; see `Server.security`."""

_NO_SUCH_MECHANISM = 504
"""The server offers a mechanism that it does not support; it has not checked a password (RFC 4954, 4)."""


class LoginRefused(ServiceRejected):
    """The server refused the login. `Pool` handles it, and raises a plain `ServiceRejected` instead."""


@dataclass(frozen=True)
class Server:
    """The mail server, and how to connect to it.

    Raises:
        BadInput: the security, the sender or the certificates cannot be used.

    """

    host: str
    """Its host name. Its certificate must be valid for this name."""
    port: int
    sender: str
    """The From address of every mail."""
    security: str
    """`starttls`: start unencrypted, and send nothing before STARTTLS has succeeded; `tls`; or `none`: unencrypted."""
    username: str = ""
    """Empty: no login."""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    """Certificates to trust instead of the system's; empty: the system's."""
    reply_seconds: float = REPLY_SECONDS
    """Timeout of one reply."""
    envelope_sender: str = field(init=False)
    """The sender's address on the envelope, in ASCII."""
    tls: ssl.SSLContext | None = field(init=False, repr=False)
    """Shared by all connections, since creating one costs 20 ms of CPU; None: unencrypted."""

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.security not in SECURITIES:
            raise BadInput(f"LANDBRIDGE_SMTP_SECURITY is one of {', '.join(SECURITIES)}.")
        envelope_sender = message.envelope_address(self.sender)
        if not envelope_sender.isascii():
            raise BadInput("LANDBRIDGE_SMTP_FROM can have letters outside ASCII only after the @.")
        object.__setattr__(self, "envelope_sender", envelope_sender)
        object.__setattr__(self, "tls", None if self.security == "none" else tls_context(self.ca_file))

    async def open(self) -> Connection:
        """Connect, and log in.

        Raises:
            ServiceUnavailable: the server cannot be reached, or asks us to retry later.
            LoginRefused: the server refused the login; it was tried once.
            ServiceRejected: TLS failed, or the server offers no login; nothing else was sent to it.

        """
        smtp = aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            use_tls=self.security == "tls",
            start_tls=self.security == "starttls",
            tls_context=self.tls,
            timeout=self.reply_seconds,
            # Servers check that this name resolves. The sender's domain does; the name of a container does not.
            local_hostname=self.envelope_sender.rpartition("@")[2],
        )
        try:
            async with asyncio.timeout(OPENING_SECONDS):
                await self._connect(smtp)
                await self._log_in(smtp)
        except TimeoutError:
            smtp.close()
            raise ServiceUnavailable(text("The mail server {where} does not answer.", where=self._where)) from None
        except BaseException:
            smtp.close()
            raise
        return Connection(smtp, self.envelope_sender)

    async def verify_sender(self) -> None:
        """Check that mail could be sent: connect, log in, send MAIL FROM, and reset. No mail is sent.

        Raises:
            ServiceUnavailable, ServiceRejected: as for `open`, or the server does not accept the sender.

        """
        connection = await self.open()
        try:
            reply = await connection.verify_sender()
        except ConnectionLost:
            raise ServiceUnavailable(
                text("The mail server {where} closed the connection when an email was announced.", where=self._where)
            ) from None
        finally:
            await connection.close()
        classify(reply)

    @property
    def _where(self) -> Text:
        # The port is no quantity: a number would be shown with a thousands separator.
        return text("at {host}:{port}", host=self.host, port=str(self.port))

    async def _connect(self, smtp: aiosmtplib.SMTP) -> None:
        try:
            await smtp.connect()
            await smtp.ehlo()
        except aiosmtplib.SMTPResponseException as error:
            if kind(error.code) is Kind.PERMANENT:
                raise ServiceRejected(
                    text(
                        "The mail server {where} refuses the connection ({code}): check that it takes mail "
                        "from this network, and LANDBRIDGE_SMTP_PORT.",
                        where=self._where,
                        code=error.code,
                    )
                ) from None
            raise ServiceUnavailable(
                text("The mail server {where} rejected the connection ({code}).", where=self._where, code=error.code)
            ) from None
        except (aiosmtplib.SMTPConnectError, aiosmtplib.SMTPServerDisconnected, OSError) as error:
            if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
                raise ServiceRejected(
                    text(
                        "TLS with the mail server {where} failed: check that its certificate is valid for "
                        "that name and signed by an authority of the system or of LANDBRIDGE_SMTP_CA_FILE, and that "
                        "LANDBRIDGE_SMTP_SECURITY fits the port.",
                        where=self._where,
                    )
                ) from None
            raise ServiceUnavailable(text("The mail server {where} cannot be reached.", where=self._where)) from None
        except aiosmtplib.SMTPException:
            raise ServiceRejected(
                text(
                    "The mail server {where} does not offer STARTTLS, so nothing was sent: check "
                    "LANDBRIDGE_SMTP_PORT and LANDBRIDGE_SMTP_SECURITY.",
                    where=self._where,
                )
            ) from None

    async def _log_in(self, smtp: aiosmtplib.SMTP) -> None:
        if not self.username:
            return
        try:
            reply = await self._authenticate(smtp)
        except (aiosmtplib.SMTPException, OSError):
            raise ServiceUnavailable(
                text("The mail server {where} closed the connection during the login.", where=self._where)
            ) from None
        if reply is None:
            raise ServiceRejected(
                text(
                    "The mail server {where} offers no supported login mechanism (CRAM-MD5, PLAIN, LOGIN): check "
                    "LANDBRIDGE_SMTP_PORT and LANDBRIDGE_SMTP_SECURITY, or leave LANDBRIDGE_SMTP_USERNAME empty.",
                    where=self._where,
                )
            )
        if kind(reply.code) is Kind.ACCEPTED:
            return
        if kind(reply.code) is not Kind.PERMANENT:
            raise_if_global(reply)
            raise ServiceUnavailable(
                text(
                    "The mail server {where} cannot verify the login at the moment ({code}).",
                    where=self._where,
                    code=reply.code,
                )
            )
        raise LoginRefused(
            text(
                "The mail server {where} refuses the login ({code}): check LANDBRIDGE_SMTP_USERNAME and "
                "LANDBRIDGE_SMTP_PASSWORD.",
                where=self._where,
                code=reply.code,
            )
        )

    async def _authenticate(self, smtp: aiosmtplib.SMTP) -> Reply | None:
        """Log in, and return the server's reply; None if the server supports no mechanism that we know.

        The password is sent once: trying a wrong password with every mechanism would lock the user sooner.
        """
        mechanisms = {"plain": smtp.auth_plain, "login": smtp.auth_login, "cram-md5": smtp.auth_crammd5}
        # Without TLS, prefer the mechanism that does not reveal the password.
        for name in mechanisms if self.tls else reversed(mechanisms):
            if name in smtp.server_auth_methods:
                try:
                    reply = await mechanisms[name](self.username, self.password)
                except aiosmtplib.SMTPAuthenticationError as error:
                    if error.code != _NO_SUCH_MECHANISM:
                        return Reply(Stage.LOGIN, error.code, error.message)
                else:
                    return Reply(Stage.LOGIN, reply.code)
        return None


def tls_context(ca_file: str) -> ssl.SSLContext:
    """Return the TLS context of all connections. It trusts the certificates in `ca_file`, or the system's if empty.

    Raises:
        BadInput: the file cannot be used.

    """
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise BadInput(f"LANDBRIDGE_SMTP_CA_FILE cannot be read as certificates: {error.strerror}.") from None
