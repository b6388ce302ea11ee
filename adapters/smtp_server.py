"""How to reach the mail server: connections are opened and protected as configured, or not at all.

Errors are raised `from None`: their causes quote addresses, and causes are kept in workflow histories.
"""

import asyncio
import ssl
from dataclasses import dataclass, field

import aiosmtplib

from adapters import mail_message
from adapters.smtp_answers import Kind, judge, kind
from adapters.smtp_connection import Connection, Lost
from domain.errors import BadInput, NeighbourRefuses, NeighbourUnavailable

OPENING_SECONDS = 60.0
"""For the whole of connecting, TLS, greeting and login."""
SECURITIES = ("starttls", "tls", "none")
"""How the connection can be protected; see `adapters.mail.SmtpMailer`."""


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
            NeighbourUnavailable: it cannot be reached, or asks for patience.
            NeighbourRefuses: TLS or the login do not work; nothing else was said to it.

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
            raise NeighbourUnavailable(f"The mail server {self._where} does not answer.") from None
        except BaseException:
            smtp.close()
            raise
        return Connection(smtp, self.sender)

    async def rehearse(self) -> None:
        """See whether mail could be sent now: connect, log in, name the sender, say goodbye. Nothing is sent.

        Raises:
            NeighbourUnavailable, NeighbourRefuses: as for `open`, or the sender is not accepted.

        """
        connection = await self.open()
        try:
            answer = await connection.rehearse()
        except Lost:
            raise NeighbourUnavailable(f"The mail server {self._where} hung up when it heard of a mail.") from None
        finally:
            await connection.close()
        judge(answer, anyone_accepted=False)

    @property
    def _where(self) -> str:
        return f"at {self.host}:{self.port}"

    async def _connect(self, smtp: aiosmtplib.SMTP) -> None:
        try:
            await smtp.connect()
            await smtp.ehlo()
        except aiosmtplib.SMTPResponseException as error:
            if kind(error.code) is Kind.NEVER:
                raise NeighbourRefuses(
                    f"The mail server {self._where} refuses the connection ({error.code}): check that it takes mail "
                    "from this network, and LANDBRIDGE_SMTP_PORT."
                ) from None
            raise NeighbourUnavailable(f"The mail server {self._where} does not greet us ({error.code}).") from None
        except (aiosmtplib.SMTPConnectError, aiosmtplib.SMTPServerDisconnected, OSError) as error:
            if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
                raise NeighbourRefuses(
                    f"TLS with the mail server {self._where} does not work: check that its certificate is valid for "
                    "that name and signed by an authority of the system or of LANDBRIDGE_SMTP_CA_FILE, and that "
                    "LANDBRIDGE_SMTP_SECURITY fits the port."
                ) from None
            raise NeighbourUnavailable(f"The mail server {self._where} cannot be reached.") from None
        except aiosmtplib.SMTPException:
            raise NeighbourRefuses(
                f"The mail server {self._where} does not offer STARTTLS, so nothing was sent: check "
                "LANDBRIDGE_SMTP_PORT and LANDBRIDGE_SMTP_SECURITY."
            ) from None

    async def _log_in(self, smtp: aiosmtplib.SMTP) -> None:
        if not self.username:
            return
        try:
            await smtp.login(self.username, self.password)
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError):
            raise NeighbourUnavailable(f"The mail server {self._where} hung up during the login.") from None
        except aiosmtplib.SMTPResponseException as error:
            if kind(error.code) is not Kind.NEVER:
                raise NeighbourUnavailable(
                    f"The mail server {self._where} cannot check the login now ({error.code})."
                ) from None
            raise NeighbourRefuses(
                f"The mail server {self._where} refuses the login ({error.code}): check LANDBRIDGE_SMTP_USERNAME and "
                "LANDBRIDGE_SMTP_PASSWORD."
            ) from None
        except aiosmtplib.SMTPException:
            raise NeighbourRefuses(
                f"The mail server {self._where} offers no login that we know (CRAM-MD5, PLAIN, LOGIN): check "
                "LANDBRIDGE_SMTP_PORT and LANDBRIDGE_SMTP_SECURITY, or leave LANDBRIDGE_SMTP_USERNAME empty."
            ) from None


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
    """Return the server that settings describe; see `adapters.mail.SmtpMailer` for what they mean.

    Raises:
        BadInput: the security, the sender or the certificates cannot be used.

    """
    if security not in SECURITIES:
        raise BadInput(f"LANDBRIDGE_SMTP_SECURITY is one of {', '.join(SECURITIES)}.")
    envelope_sender = mail_message.envelope_address(sender)
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
