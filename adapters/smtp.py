"""Connections to the mail server: opened and protected as configured; one mail after the other is handed over.

Errors are raised `from None`: their causes quote addresses, and causes are kept in workflow histories.
"""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass, field

import aiosmtplib

from adapters.mail_message import Letter
from adapters.smtp_answers import CLOSING, TAKEN, Answer, Kind, Stage, kind
from domain.errors import BadInput, NeighbourRefuses, NeighbourUnavailable

OPENING_SECONDS = 60.0
"""For the whole of connecting, TLS, greeting and login."""
GOODBYE_SECONDS = 5.0
"""For the answer to QUIT."""


class Lost(Exception):
    """The connection ended while a mail was handed over."""

    def __init__(self, *, in_doubt: bool, stale: bool) -> None:
        super().__init__("the connection to the mail server ended before its answer")
        self.in_doubt = in_doubt
        """The server may have taken the mail."""
        self.stale = stale
        """It was a connection that had served before, and the server had had enough of it: this says nothing more."""


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


class Connection:
    """One connection, ready for mails one after the other."""

    def __init__(self, smtp: aiosmtplib.SMTP, sender: str) -> None:
        self._smtp = smtp
        self._sender = sender
        self._served = False

    @property
    def usable(self) -> bool:
        """Whether the connection stands, as far as one can know without asking."""
        return self._smtp.is_connected

    async def hand_over(self, letter: Letter) -> Answer | None:
        """Hand a mail to the server and return its last word; None for a mail that this server cannot take.

        Raises:
            Lost: there was no answer, or one that makes no sense. The connection is closed.

        """
        if letter.needs_smtputf8 and not self._smtp.supports_extension("smtputf8"):
            return None
        options, encoding = (["SMTPUTF8"], "utf-8") if letter.needs_smtputf8 else ([], "ascii")
        stage = Stage.SENDER
        try:
            await self._smtp.mail(self._sender, options=options, encoding=encoding)
            stage = Stage.RECIPIENT
            await self._smtp.rcpt(letter.recipient, encoding=encoding)
            stage = Stage.CONTENT
            await self._smtp.data(letter.content)
        except aiosmtplib.SMTPResponseException as error:
            return await self._refused(stage, error, smtputf8=letter.needs_smtputf8)
        except (aiosmtplib.SMTPException, OSError):
            self._drop()
            raise self._lost(stage) from None
        except BaseException:
            # Cancelled half-way: the answer to this mail would be taken for the answer to the next one.
            self._drop()
            raise
        self._served = True
        return Answer(stage, TAKEN)

    async def close(self) -> None:
        """Say goodbye and close."""
        with suppress(aiosmtplib.SMTPException, OSError):
            await self._smtp.quit(timeout=GOODBYE_SECONDS)
        self._smtp.close()

    async def _refused(self, stage: Stage, error: aiosmtplib.SMTPResponseException, *, smtputf8: bool) -> Answer:
        """Return the answer to a mail that was not taken, and make ready for the next one."""
        if kind(error.code) not in {Kind.NOT_NOW, Kind.NEVER}:
            self._drop()
            raise self._lost(stage) from None
        if error.code == CLOSING:
            self._smtp.close()
            if self._served:
                raise Lost(in_doubt=False, stale=True) from None
        else:
            try:
                await self._smtp.rset()
            except (aiosmtplib.SMTPException, OSError):
                self._drop()
            except BaseException:
                self._drop()
                raise
        self._served = True
        return Answer(stage, error.code, error.message, smtputf8=smtputf8)

    def _lost(self, stage: Stage) -> Lost:
        return Lost(in_doubt=stage is Stage.CONTENT, stale=self._served and stage is Stage.SENDER)

    def _drop(self) -> None:
        """Close at once: `close` alone would still send what waits in the buffer, perhaps up to the final dot."""
        transport = self._smtp.transport
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()
        self._smtp.close()


def tls_context(ca_file: str) -> ssl.SSLContext:
    """Return the TLS settings of all connections: certificates are checked, by the system's authorities or by ours.

    Raises:
        BadInput: the file cannot be used.

    """
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise BadInput(f"LANDBRIDGE_SMTP_CA_FILE cannot be read as certificates: {error.strerror}.") from None
