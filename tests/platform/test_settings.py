"""Pasted or mistyped settings are understood, or rejected with the setting's name."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from landbridge.domain.errors import BadInput
from landbridge.integrations.opsgenie import OpsgenieRoster
from landbridge.platform import settings
from tests.docs.test_settings_page import groups

PROJECT = Path(__file__).parents[2]
KEY = "k" * 40
USUAL = {
    "LANDBRIDGE_SMTP_HOST": "127.0.0.1",
    "LANDBRIDGE_SMTP_FROM": "landbridge@example.com",
    "LANDBRIDGE_OPSGENIE_URL": "http://127.0.0.1:9",
    "LANDBRIDGE_OPSGENIE_API_KEY": "key",
    "LANDBRIDGE_ATLASSIAN_URL": "http://127.0.0.1:9",
    "LANDBRIDGE_ATLASSIAN_API_KEY": "key",
    "LANDBRIDGE_ATLASSIAN_ORG_ID": "organization",
    "LANDBRIDGE_PORTAL_URL": "http://127.0.0.1:9",
    "LANDBRIDGE_TOKEN_KEYS": KEY,
    "TEMPORAL_ADDRESS": "127.0.0.1:9",
    "TEMPORAL_CONFIG_FILE": os.devnull,
    "HOME": os.devnull,
}
NONSENSE = {
    "typographic quotes": "“key”",
    "typographic quotes around much": f"“{KEY}”",
    "no-break spaces": "\u00a0key\u00a0",
    "a line break": "key\n",
    "spaces": " key ",
    "empty": "",
    "long": "k" * 60_000,
    "letters outside ASCII": "schlüssel",
    "no UTF-8": "k\udcff",
    "a control character": "k\x01y",
    "no scheme": "127.0.0.1:9",
    "a port out of range": "http://127.0.0.1:99999",
    "half an address": "http://[::1",
    "a space in a host": "http://exa mple.com",
    "an empty label": "http://a..b.example",
    "a long label": f"http://{'a' * 300}.example",
    "a login with quotes": "http://us“er:p@127.0.0.1:9",
    "SOCKS": "socks5://127.0.0.1:9",
    "FTP": "ftp://127.0.0.1:9",
    "a folder": "/",
    "no file": "/nowhere/certificates.pem",
    "no certificates": __file__,
    "negative": "-1",
    "no number": "nan",
    "infinite": "inf",
    "huge": "9" * 30,
}


@pytest.fixture(autouse=True)
def usual(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start with valid settings, in a folder without `.env`."""
    monkeypatch.chdir(tmp_path)
    for name, value in USUAL.items():
        monkeypatch.setenv(name, value)


@contextmanager
def check_refusal(variable: str, value: str) -> Iterator[None]:
    """Accept an error that names the variable without its value, or no error."""
    try:
        yield
    except BadInput as error:
        message = str(error)
    else:
        return
    assert variable in message
    assert len(value.strip()) < len("key?") or value.strip() not in message


@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
@pytest.mark.parametrize("group", groups(), ids=lambda group: group.__name__)
def test_each_setting_is_understood_or_rejected_by_name(
    monkeypatch: pytest.MonkeyPatch, group: type[settings.Settings], nonsense: str
) -> None:
    """The message names the variable but not its value."""
    for name, field in group.model_fields.items():
        variable = str(field.validation_alias or f"{group.model_config.get('env_prefix', '')}{name.upper()}")
        with monkeypatch.context() as patch:
            patch.setenv(variable, nonsense)
            with check_refusal(variable, nonsense):
                settings.load(group)


@pytest.mark.parametrize("around", ["\n", "\r\n", " ", "\u00a0", "\ufeff", "\u200b", "\t \u2028"])
def test_whitespace_around_a_key_is_removed(monkeypatch: pytest.MonkeyPatch, around: str) -> None:
    """For example, the line break at the end of a secret's file is not part of the secret."""
    monkeypatch.setenv("LANDBRIDGE_OPSGENIE_API_KEY", f"{around}key{around}")
    assert settings.load(settings.OpsgenieSettings).api_key.get_secret_value() == "key"


def test_spaces_in_a_password_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spaces may be part of a password. A line break at its end is not."""
    monkeypatch.setenv("LANDBRIDGE_SMTP_PASSWORD", " pass word \r\n")
    assert settings.load(settings.SmtpSettings).password.get_secret_value() == " pass word "


@pytest.mark.parametrize("host", ["smtp.example.com", "127.0.0.1", "::1", "[::1]", "bücher.example", "mail_1"])
def test_the_mail_server_is_a_name_or_an_address(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """Brackets around an IPv6 address are removed."""
    monkeypatch.setenv("LANDBRIDGE_SMTP_HOST", host)
    assert settings.load(settings.SmtpSettings).host == host.strip("[]")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_the_env_file_may_have_a_byte_order_mark(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """Some editors write a byte order mark."""
    monkeypatch.delenv("LANDBRIDGE_PORTAL_URL")
    Path(".env").write_text("LANDBRIDGE_PORTAL_URL=https://move.example.com\n", encoding=encoding)
    assert str(settings.load(settings.PortalSettings).portal_url) == "https://move.example.com/"


@pytest.mark.parametrize(
    "content, line",
    [
        ("LANDBRIDGE_LOG_LEVEL=INFO\n".encode("utf-16"), 1),
        ("LANDBRIDGE_LOG_LEVEL=INFO\n".encode("utf-16-le"), 1),
        ("A=b\n# für uns\n".encode("latin-1"), 2),
    ],
    ids=["UTF-16", "UTF-16 without a mark", "Latin-1"],
)
@pytest.mark.parametrize("group", groups(), ids=lambda group: group.__name__)
def test_an_env_file_in_another_encoding_is_one_sentence(
    group: type[settings.Settings], content: bytes, line: int
) -> None:
    """The message names the line and the remedy."""
    Path(".env").write_bytes(content)
    with pytest.raises(BadInput, match=rf"\.env is not UTF-8 \(line {line}\): save it as UTF-8"):
        settings.load(group)


def test_an_unreadable_env_file_is_one_sentence() -> None:
    """`.env` may be a folder, for example."""
    Path(".env").mkdir()
    with pytest.raises(BadInput, match=r"\.env cannot be read: Is a directory"):
        settings.load(settings.PortalSettings)


@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "http_proxy", "ALL_PROXY"])
async def test_proxies_and_certificates_are_usable_or_rejected_by_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, nonsense: str
) -> None:
    """The HTTP client can be built, or the message names the environment variable that is wrong."""
    monkeypatch.setenv(variable, nonsense)
    with check_refusal(variable, nonsense):
        async with OpsgenieRoster("https://api.example.com", "key"):
            pass


async def test_an_unused_proxy_is_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """If no request uses a proxy, the proxy variable may have any value."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    async with OpsgenieRoster("https://api.example.com", "key"):
        pass


STARTS = {
    "worker": ["worker.py"],
    "portal": ["-m", "landbridge.portal", "--host", "127.0.0.1"],
    "plan": ["starter.py", "plan", "acme", "--initiator", "olga@example.com"],
    "start": ["starter.py", "start", "acme", "--initiator", "olga@example.com", "--yes"],
}


@pytest.mark.parametrize(
    "variable, value, programs",
    [
        ("LANDBRIDGE_OPSGENIE_API_KEY", "“key”", ["worker", "plan"]),
        ("LANDBRIDGE_ATLASSIAN_API_KEY", "k\udcff", ["worker", "plan"]),
        ("LANDBRIDGE_PORTAL_URL", "socks5://127.0.0.1:9", ["worker", "portal"]),
        ("LANDBRIDGE_LOG_LEVEL", "loud", ["worker", "portal", "plan", "start"]),
        ("LANDBRIDGE_METRICS_ADDRESS", "127.0.0.1:99999", ["worker"]),
        ("LANDBRIDGE_HEALTH_ADDRESS", "here", ["worker"]),
        ("SSL_CERT_FILE", "/nowhere", ["plan"]),
        ("HTTPS_PROXY", "socks5://127.0.0.1:9", ["plan"]),
        ("TEMPORAL_NAMESPACE", "k\udcff", ["worker", "portal", "start"]),
        ("TEMPORAL_TLS_SERVER_CA_CERT_PATH", "/nowhere", ["worker", "portal", "start"]),
        ("TEMPORAL_PROFILE", "nowhere", ["worker", "portal", "start"]),
    ],
)
async def test_a_wrong_setting_ends_the_process_with_one_sentence(
    tmp_path: Path, variable: str, value: str, programs: list[str]
) -> None:
    """The worker, the portal and commands exit with code 2 and print no traceback."""
    environment = {**USUAL, "PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), variable: value}
    for program in programs:
        first, *rest = STARTS[program]
        script = [first] if first == "-m" else [str(PROJECT / first)]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *script, *rest), cwd=tmp_path, env=environment, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
        errors = (await process.communicate())[1].decode()
        assert (process.returncode, variable in errors, errors.count("\n")) == (2, True, 1), (program, errors)


async def test_other_variables_may_contain_any_bytes(tmp_path: Path) -> None:
    """Without this protection, such a variable would crash the process inside the SDK."""
    environment = {**USUAL, "PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "OTHER": "k\udcff"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(PROJECT / "starter.py"), "list"), cwd=tmp_path, env=environment, stdout=PIPE, stderr=PIPE
    )
    errors = (await process.communicate())[1].decode()
    assert (process.returncode, errors.startswith("Temporal cannot be reached")) == (4, True), errors
