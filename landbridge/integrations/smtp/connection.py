"""One connection to the mail server: send mails one after the other, and return the server's final reply to each.

Errors are raised `from None`: their causes contain addresses, and causes are kept in workflow histories.
"""

import asyncio
from contextlib import suppress

import aiosmtplib

from landbridge.integrations.smtp.message import EncodedMessage
from landbridge.integrations.smtp.replies import ACCEPTED, CLOSING, Kind, Reply, Stage, kind

QUIT_SECONDS = 5.0
"""Timeout of the reply to QUIT."""


class ConnectionLost(Exception):
    """The connection ended while a mail was being sent."""

    def __init__(self, *, in_doubt: bool, stale: bool) -> None:
        super().__init__("the connection to the mail server ended before its reply")
        self.in_doubt = in_doubt
        """The server may have accepted the mail."""
        self.stale = stale
        """The server closed a reused connection, but not because of this mail. Another connection can send it."""


class Connection:
    """An open connection that sends one mail at a time."""

    def __init__(self, smtp: aiosmtplib.SMTP, sender: str) -> None:
        self._smtp = smtp
        self._sender = sender
        self._served = False

    @property
    def usable(self) -> bool:
        """Whether the connection is open. The server may have closed it without this side noticing."""
        return self._smtp.is_connected

    async def send(self, mail: EncodedMessage) -> Reply | None:
        """Send a mail and return the server's final reply; None if the mail needs SMTPUTF8, which this server lacks.

        Raises:
            ConnectionLost: there was no reply, or an invalid one. The connection is closed.

        """
        if mail.needs_smtputf8 and not self._smtp.supports_extension("smtputf8"):
            return None
        options, encoding = (["SMTPUTF8"], "utf-8") if mail.needs_smtputf8 else ([], "ascii")
        stage = Stage.SENDER
        try:
            await self._smtp.mail(self._sender, options=options, encoding=encoding)
            stage = Stage.RECIPIENT
            await self._smtp.rcpt(mail.recipient, encoding=encoding)
            stage = Stage.CONTENT
            await self._smtp.data(mail.content)
        except aiosmtplib.SMTPResponseException as error:
            return await self._refused(stage, error, smtputf8=mail.needs_smtputf8)
        except (aiosmtplib.SMTPException, OSError):
            self._drop()
            raise self._lost(stage) from None
        except BaseException:
            # Cancelled before the reply: on this connection, it would be taken for the reply to the next mail.
            self._drop()
            raise
        self._served = True
        return Reply(stage, ACCEPTED)

    async def verify_sender(self) -> Reply:
        """Send MAIL FROM and reset; return the server's reply to the sender.

        Raises:
            ConnectionLost: there was no reply, or an invalid one. The connection is closed.

        """
        try:
            await self._smtp.mail(self._sender, encoding="ascii")
            await self._smtp.rset()
        except aiosmtplib.SMTPResponseException as error:
            return await self._refused(Stage.SENDER, error, smtputf8=False)
        except (aiosmtplib.SMTPException, OSError):
            self._drop()
            raise self._lost(Stage.SENDER) from None
        return Reply(Stage.SENDER, ACCEPTED)

    async def close(self) -> None:
        """Send QUIT and close."""
        with suppress(aiosmtplib.SMTPException, OSError):
            await self._smtp.quit(timeout=QUIT_SECONDS)
        self._smtp.close()

    async def _refused(self, stage: Stage, error: aiosmtplib.SMTPResponseException, *, smtputf8: bool) -> Reply:
        """Return the reply to a mail that was not accepted, and reset the session for the next mail."""
        if kind(error.code) not in {Kind.TRANSIENT, Kind.PERMANENT}:
            self._drop()
            raise self._lost(stage) from None
        if error.code == CLOSING:
            self._smtp.close()
            if self._served:
                raise ConnectionLost(in_doubt=False, stale=True) from None
        else:
            try:
                await self._smtp.rset()
            except (aiosmtplib.SMTPException, OSError):
                self._drop()
            except BaseException:
                self._drop()
                raise
        self._served = True
        return Reply(stage, error.code, error.message, smtputf8=smtputf8)

    def _lost(self, stage: Stage) -> ConnectionLost:
        return ConnectionLost(in_doubt=stage is Stage.CONTENT, stale=self._served and stage is Stage.SENDER)

    def _drop(self) -> None:
        """Close immediately: `close` alone would flush the buffer first, which may include the final dot of a mail."""
        transport = self._smtp.transport
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()
        self._smtp.close()
