"""The local mail server as a separate process."""

import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integrations.smtp.conftest import parse

MAIL = b"To: ann@example.com\r\nMessage-ID: <%d@example.com>\r\nSubject: hello\r\n\r\n.\r\nhello\r\n"


@contextmanager
def running(directory: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run the mail server as a user would; yield the process and its port."""
    command = [sys.executable, "-m", "dev.stack.mailbox", "--port", "0", "--directory", str(directory), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own command
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline().split(",")[0].rpartition(":")[2])
        finally:
            process.kill()


def test_no_acknowledged_mail_is_lost_when_killed(tmp_path: Path) -> None:
    """After `kill -9`, each mail with a 250 is a complete file, and the numbers continue after the restart."""
    acknowledged = []
    for life in range(2):
        with running(tmp_path) as (process, port), smtplib.SMTP("127.0.0.1", port) as client:
            for number in range(5):
                assert client.sendmail("no-reply@example.com", ["ann@example.com"], MAIL % (10 * life + number)) == {}
                acknowledged.append(f"<{10 * life + number}@example.com>")
            process.kill()
            process.wait()
            client.close()
        (tmp_path / "00000099.tmp").write_bytes(b"To: half a m")
    mails = [parse(path.read_bytes()) for path in sorted(tmp_path.glob("*.eml"))]
    assert [mail["Message-ID"] for mail in mails] == acknowledged
    assert {mail.get_content() for mail in mails} == {".\r\nhello\r\n"}
    with running(tmp_path):
        assert not list(tmp_path.glob("*.tmp"))


def test_refuses_whom_it_is_told_to_refuse(tmp_path: Path) -> None:
    """A configured recipient gets 550 in any spelling, and no file is written. Other recipients get the mail."""
    with running(tmp_path, "--reject", "gone@bücher.example.com", "--reject", "left@example.com") as (_, port):
        with smtplib.SMTP("127.0.0.1", port) as client:
            recipients = ["Gone@xn--bcher-kva.example.com", "ann@example.com", "bob@example.com"]
            refused = client.sendmail("no-reply@example.com", recipients, MAIL % 1)
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                client.sendmail("no-reply@example.com", ["left@example.com"], MAIL % 2)
        assert {address: code for address, (code, _) in refused.items()} == {recipients[0]: 550}
        (path,) = tmp_path.glob("*.eml")
        assert parse(path.read_bytes()).get_all("X-Envelope-To") == recipients[1:]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C end the process with exit code 0, with or without open connections."""
    with running(tmp_path) as (process, port), smtplib.SMTP("127.0.0.1", port) as client:
        client.noop()
        process.send_signal(number)
        assert process.wait(10) == 0
        client.close()
