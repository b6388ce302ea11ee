"""One connection to the mail server: mails are handed over one after the other, and each gets the server's last word.

Errors are raised `from None`: their causes quote addresses, and causes are kept in workflow histories.
"""

import asyncio
from contextlib import suppress

import aiosmtplib

from landbridge.integrations.smtp.message import EncodedMessage
from landbridge.integrations.smtp.replies import CLOSING, TAKEN, Answer, Kind, Stage, kind

GOODBYE_SECONDS = 5.0
"""For the answer to QUIT."""


class ConnectionLost(Exception):
    """The connection ended while a mail was handed over."""

    def __init__(self, *, in_doubt: bool, stale: bool) -> None:
        super().__init__("the connection to the mail server ended before its answer")
        self.in_doubt = in_doubt
        """The server may have taken the mail."""
        self.stale = stale
        """It was a connection that had served before, and the server had had enough of it: this says nothing more."""


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

    async def hand_over(self, letter: EncodedMessage) -> Answer | None:
        """Hand a mail to the server and return its last word; None for a mail that this server cannot take.

        Raises:
            ConnectionLost: there was no answer, or one that makes no sense. The connection is closed.

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

    async def verify_sender(self) -> Answer:
        """Name the sender of a mail and take it back; return what the server says of that sender.

        Raises:
            ConnectionLost: there was no answer, or one that makes no sense. The connection is closed.

        """
        try:
            await self._smtp.mail(self._sender, encoding="ascii")
            await self._smtp.rset()
        except aiosmtplib.SMTPResponseException as error:
            return await self._refused(Stage.SENDER, error, smtputf8=False)
        except (aiosmtplib.SMTPException, OSError):
            self._drop()
            raise self._lost(Stage.SENDER) from None
        return Answer(Stage.SENDER, TAKEN)

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
        return Answer(stage, error.code, error.message, smtputf8=smtputf8)

    def _lost(self, stage: Stage) -> ConnectionLost:
        return ConnectionLost(in_doubt=stage is Stage.CONTENT, stale=self._served and stage is Stage.SENDER)

    def _drop(self) -> None:
        """Close at once: `close` alone would still send what waits in the buffer, perhaps up to the final dot."""
        transport = self._smtp.transport
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()
        self._smtp.close()
