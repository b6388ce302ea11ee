"""Settings with what people paste and mistype: understood, or refused in a sentence that names the variable."""

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
    """Begin with settings that can be used, in a folder without `.env`."""
    monkeypatch.chdir(tmp_path)
    for name, value in USUAL.items():
        monkeypatch.setenv(name, value)


@contextmanager
def check_refusal(variable: str, value: str) -> Iterator[None]:
    """Allow for a refusal that names a variable without its value."""
    try:
        yield
    except BadInput as error:
        told = str(error)
    else:
        return
    assert variable in told
    assert len(value.strip()) < len("key?") or value.strip() not in told


@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
@pytest.mark.parametrize("group", groups(), ids=lambda group: group.__name__)
def test_each_setting_is_understood_or_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, group: type[settings.Settings], nonsense: str
) -> None:
    """Whatever a variable holds: a value that can be used, or a sentence that names it and not its value."""
    for name, field in group.model_fields.items():
        variable = str(field.validation_alias or f"{group.model_config.get('env_prefix', '')}{name.upper()}")
        with monkeypatch.context() as patch:
            patch.setenv(variable, nonsense)
            with check_refusal(variable, nonsense):
                settings.load(group)


@pytest.mark.parametrize("around", ["\n", "\r\n", " ", "\u00a0", "\ufeff", "\u200b", "\t \u2028"])
def test_what_a_copy_leaves_around_a_key_is_taken_away(monkeypatch: pytest.MonkeyPatch, around: str) -> None:
    """A line break at the end of a secret's file is not part of the secret."""
    monkeypatch.setenv("LANDBRIDGE_OPSGENIE_API_KEY", f"{around}key{around}")
    assert settings.load(settings.OpsgenieSettings).api_key.get_secret_value() == "key"


def test_spaces_of_a_password_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """They may belong to it; a line break does not."""
    monkeypatch.setenv("LANDBRIDGE_SMTP_PASSWORD", " pass word \r\n")
    assert settings.load(settings.SmtpSettings).password.get_secret_value() == " pass word "


@pytest.mark.parametrize("host", ["smtp.example.com", "127.0.0.1", "::1", "[::1]", "bücher.example", "mail_1"])
def test_a_mail_server_has_a_name_or_an_address(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """Brackets around an IPv6 address belong to URLs."""
    monkeypatch.setenv("LANDBRIDGE_SMTP_HOST", host)
    assert settings.load(settings.SmtpSettings).host == host.strip("[]")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_file_of_settings_may_begin_with_a_mark(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """Some editors write one."""
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
def test_a_file_of_settings_in_another_encoding_is_one_sentence(
    group: type[settings.Settings], content: bytes, line: int
) -> None:
    """It says which line to look at and what to do."""
    Path(".env").write_bytes(content)
    with pytest.raises(BadInput, match=rf"\.env is not UTF-8 \(line {line}\): save it as UTF-8"):
        settings.load(group)


def test_a_file_of_settings_that_is_none_is_one_sentence() -> None:
    """A folder of that name, for example."""
    Path(".env").mkdir()
    with pytest.raises(BadInput, match=r"\.env cannot be read: Is a directory"):
        settings.load(settings.PortalSettings)


@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "http_proxy", "ALL_PROXY"])
async def test_what_the_client_library_reads_is_usable_or_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, nonsense: str
) -> None:
    """A client is built, or a sentence names the variable of the environment that is wrong."""
    monkeypatch.setenv(variable, nonsense)
    with check_refusal(variable, nonsense):
        async with OpsgenieRoster("https://api.example.com", "key"):
            pass


async def test_a_proxy_that_is_not_used_need_not_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing goes through a proxy, its variable may hold anything."""
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
async def test_a_process_ends_with_a_sentence_that_names_the_setting(
    tmp_path: Path, variable: str, value: str, programs: list[str]
) -> None:
    """Exit code 2 and no traceback: worker, portal and commands alike."""
    environment = {**USUAL, "PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), variable: value}
    for program in programs:
        first, *rest = STARTS[program]
        script = [first] if first == "-m" else [str(PROJECT / first)]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *script, *rest), cwd=tmp_path, env=environment, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
        said = (await process.communicate())[1].decode()
        assert (process.returncode, variable in said, said.count("\n")) == (2, True, 1), (program, said)


async def test_a_variable_of_no_concern_may_hold_any_bytes(tmp_path: Path) -> None:
    """The SDK's own reading of the environment would end the process."""
    environment = {**USUAL, "PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "OTHER": "k\udcff"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(PROJECT / "starter.py"), "list"), cwd=tmp_path, env=environment, stdout=PIPE, stderr=PIPE
    )
    said = (await process.communicate())[1].decode()
    assert (process.returncode, said.startswith("Temporal cannot be reached")) == (4, True), said
