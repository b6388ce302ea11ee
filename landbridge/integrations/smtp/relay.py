"""How to reach the mail server: connections are opened and protected as configured, or not at all.

Errors are raised `from None`: their causes quote addresses, and causes are kept in workflow histories.
"""

import asyncio
import ssl
from dataclasses import dataclass, field

import aiosmtplib

from landbridge.domain.errors import BadInput, ServiceRejected, ServiceUnavailable
from landbridge.domain.text import text
from landbridge.integrations.smtp import message
from landbridge.integrations.smtp.connection import Connection, ConnectionLost
from landbridge.integrations.smtp.replies import Answer, Kind, Stage, judge, kind, raise_if_everyones

OPENING_SECONDS = 60.0
"""For the whole of connecting, TLS, greeting and login."""
SECURITIES = ("starttls", "tls", "none")
"""How the connection can be protected; see `integrations.smtp.mailer.SmtpMailer`."""

_NO_SUCH_MECHANISM = 504
"""The server offers a mechanism that it does not have; it has not looked at a password (RFC 4954, 4)."""


class LoginRefused(ServiceRejected):
    """The login is refused. Never leaves the pool of connections under this name."""


@dataclass(frozen=True)
class Server:
    """The mail server, and how to speak to it."""

    host: str
    port: int
    username: str
    """Empty: no login."""
    password: str = field(repr=False)
    starttls: bool
    """Begin in clear, and say nothing before STARTTLS has worked."""
    tls: ssl.SSLContext | None
    """Shared by all connections, since making one costs 20 ms of CPU; none: in clear."""
    sender: str
    """The envelope's sender, in ASCII."""
    answer_seconds: float
    """For one answer."""

    async def open(self) -> "Connection":
        """Connect, and log in.

        Raises:
            ServiceUnavailable: it cannot be reached, or asks for patience.
            LoginRefused: the login does not work; it was tried once.
            ServiceRejected: TLS does not work, or there is no login; nothing else was said to it.

        """
        smtp = aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            use_tls=self.tls is not None and not self.starttls,
            start_tls=self.starttls,
            tls_context=self.tls,
            timeout=self.answer_seconds,
            # The sender's domain resolves, as servers check; the name of a container does not.
            local_hostname=self.sender.rpartition("@")[2],
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
        return Connection(smtp, self.sender)

    async def verify_sender(self) -> None:
        """See whether mail could be sent now: connect, log in, name the sender, say goodbye. Nothing is sent.

        Raises:
            ServiceUnavailable, ServiceRejected: as for `open`, or the sender is not accepted.

        """
        connection = await self.open()
        try:
            answer = await connection.verify_sender()
        except ConnectionLost:
            raise ServiceUnavailable(
                text("The mail server {where} hung up when it heard of a mail.", where=self._where)
            ) from None
        finally:
            await connection.close()
        judge(answer)

    @property
    def _where(self) -> str:
        return f"at {self.host}:{self.port}"

    async def _connect(self, smtp: aiosmtplib.SMTP) -> None:
        try:
            await smtp.connect()
            await smtp.ehlo()
        except aiosmtplib.SMTPResponseException as error:
            if kind(error.code) is Kind.NEVER:
                raise ServiceRejected(
                    f"The mail server {self._where} refuses the connection ({error.code}): check that it takes mail "
                    "from this network, and LANDBRIDGE_SMTP_PORT."
                ) from None
            raise ServiceUnavailable(
                text("The mail server {where} does not greet us ({code}).", where=self._where, code=error.code)
            ) from None
        except (aiosmtplib.SMTPConnectError, aiosmtplib.SMTPServerDisconnected, OSError) as error:
            if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
                raise ServiceRejected(
                    f"TLS with the mail server {self._where} does not work: check that its certificate is valid for "
                    "that name and signed by an authority of the system or of LANDBRIDGE_SMTP_CA_FILE, and that "
                    "LANDBRIDGE_SMTP_SECURITY fits the port."
                ) from None
            raise ServiceUnavailable(text("The mail server {where} cannot be reached.", where=self._where)) from None
        except aiosmtplib.SMTPException:
            raise ServiceRejected(
                f"The mail server {self._where} does not offer STARTTLS, so nothing was sent: check "
                "LANDBRIDGE_SMTP_PORT and LANDBRIDGE_SMTP_SECURITY."
            ) from None

    async def _log_in(self, smtp: aiosmtplib.SMTP) -> None:
        if not self.username:
            return
        try:
            answer = await self._logged_in(smtp)
        except (aiosmtplib.SMTPException, OSError):
            raise ServiceUnavailable(
                text("The mail server {where} hung up during the login.", where=self._where)
            ) from None
        if answer is None:
            raise ServiceRejected(
                f"The mail server {self._where} offers no login that we know (CRAM-MD5, PLAIN, LOGIN): check "
                "LANDBRIDGE_SMTP_PORT and LANDBRIDGE_SMTP_SECURITY, or leave LANDBRIDGE_SMTP_USERNAME empty."
            )
        if kind(answer.code) is Kind.TAKEN:
            return
        if kind(answer.code) is not Kind.NEVER:
            raise_if_everyones(answer)
            raise ServiceUnavailable(
                text(
                    "The mail server {where} cannot check the login now ({code}).", where=self._where, code=answer.code
                )
            )
        raise LoginRefused(
            f"The mail server {self._where} refuses the login ({answer.code}): check LANDBRIDGE_SMTP_USERNAME and "
            "LANDBRIDGE_SMTP_PASSWORD."
        )

    async def _logged_in(self, smtp: aiosmtplib.SMTP) -> Answer | None:
        """Log in, and return the server's answer; None: it has no mechanism that we know.

        A password is sent once: with every further mechanism a wrong one would count again, and lock the user sooner.
        """
        mechanisms = {"plain": smtp.auth_plain, "login": smtp.auth_login, "cram-md5": smtp.auth_crammd5}
        # Where nothing is encrypted, the one that does not show the password comes first.
        for name in mechanisms if self.tls else reversed(mechanisms):
            if name in smtp.server_auth_methods:
                try:
                    answer = await mechanisms[name](self.username, self.password)
                except aiosmtplib.SMTPAuthenticationError as error:
                    if error.code != _NO_SUCH_MECHANISM:
                        return Answer(Stage.LOGIN, error.code, error.message)
                else:
                    return Answer(Stage.LOGIN, answer.code)
        return None


def configured(
    *,
    host: str,
    port: int,
    username: str,
    password: str,
    security: str,
    sender: str,
    ca_file: str,
    answer_seconds: float,
) -> Server:
    """Return the server that settings describe; see `integrations.smtp.mailer.SmtpMailer` for what they mean.

    Raises:
        BadInput: the security, the sender or the certificates cannot be used.

    """
    if security not in SECURITIES:
        raise BadInput(f"LANDBRIDGE_SMTP_SECURITY is one of {', '.join(SECURITIES)}.")
    envelope_sender = message.envelope_address(sender)
    if not envelope_sender.isascii():
        raise BadInput("LANDBRIDGE_SMTP_FROM can have letters outside ASCII only after the @.")
    return Server(
        host=host,
        port=port,
        username=username,
        password=password,
        starttls=security == "starttls",
        tls=None if security == "none" else tls_context(ca_file),
        sender=envelope_sender,
        answer_seconds=answer_seconds,
    )


def tls_context(ca_file: str) -> ssl.SSLContext:
    """Return the TLS settings of all connections: certificates are checked, by the system's authorities or by ours.

    Raises:
        BadInput: the file cannot be used.

    """
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise BadInput(f"LANDBRIDGE_SMTP_CA_FILE cannot be read as certificates: {error.strerror}.") from None
