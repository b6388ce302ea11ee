"""Settings from the environment (prefix `LANDBRIDGE_`) or a `.env` file. The SDK reads its own, `TEMPORAL_*`."""

import re
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, AnyHttpUrl, BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_core.core_schema import ValidationInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from landbridge.domain import addresses, pasted
from landbridge.domain.errors import BadInput

PREFIX = "LANDBRIDGE_"
MIN_KEY_LENGTH = 32
"""Characters in a key: 128 bits even when written in hexadecimal digits."""

_ENV_FILE = ".env"
_API_KEY = re.compile(r"[!#-&(-~]+")
"""Visible ASCII without quotes: a key is sent in a header."""
_ORGANIZATION = re.compile(r"[A-Za-z0-9_-]{1,100}")
_NOT_IN_HOST = re.compile(r"[\s/:@?#,;\[\]]")
_LISTEN = re.compile(r".+:(?P<port>\d{1,5})")
_ORIGIN = re.compile(r"https?://[^/\s]+")
_MAX_PORT = 65535

_Settings = TypeVar("_Settings", bound="Settings")


def config(part: str = "") -> SettingsConfigDict:
    """Return the configuration of a group of settings; `part` follows the prefix in the names of its variables."""
    # "utf-8-sig": an editor may have added a byte order mark.
    return SettingsConfigDict(
        env_prefix=f"{PREFIX}{part}", env_file=_ENV_FILE, env_file_encoding="utf-8-sig", extra="ignore", frozen=True
    )


class Settings(BaseSettings):
    """A group of settings. Each value is trimmed, and rejected if it contains invisible characters."""

    @field_validator("*", mode="before")
    @classmethod
    def _clean(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, str):
            return value
        # A space may be part of a password; a trailing line break comes from the file that contained the password.
        text = value.strip("\r\n") if info.field_name == "password" else pasted.trimmed(value)
        if not text.isprintable():
            raise ValueError(
                "it holds a control character, an invisible one, or bytes that are not UTF-8; type it again"
            )
        return text


def _comma_separated(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _long_enough(keys: list[SecretStr]) -> list[SecretStr]:
    if any(len(key.get_secret_value()) < MIN_KEY_LENGTH for key in keys):
        raise ValueError(f"each key needs at least {MIN_KEY_LENGTH} characters")
    return keys


def _check_api_key(key: SecretStr) -> SecretStr:
    if not key.get_secret_value():
        raise ValueError("it is empty")
    if not _API_KEY.fullmatch(key.get_secret_value()):
        raise ValueError("an API key has no spaces, quotes, or letters outside ASCII; copy it again")
    return key


def _check_base_url(url: AnyHttpUrl) -> AnyHttpUrl:
    if url.query is not None or url.fragment is not None or url.username is not None or url.password is not None:
        raise ValueError("leave out the login, and what begins with ? or #")
    if not _is_host(url.host or ""):
        raise ValueError("no host has such a name")
    return url


def _is_host(name: str) -> bool:
    try:
        name.encode("idna")
    except UnicodeError:  # a part of the name is empty, or too long
        return False
    return bool(name)


def _check_host(host: str) -> str:
    try:
        return str(IPv6Address(host.removeprefix("[").removesuffix("]")))
    except ValueError:
        if _NOT_IN_HOST.search(host) or not _is_host(host):
            raise ValueError("give the name or address of a host alone, without scheme, port and path") from None
    return host


def _check_listen_address(address: str) -> str:
    found = _LISTEN.fullmatch(address)
    if address and (found is None or int(found["port"]) > _MAX_PORT):
        raise ValueError(f"give an address and a port of at most {_MAX_PORT}, such as 0.0.0.0:9464")
    return address


Keys = Annotated[list[SecretStr], NoDecode, BeforeValidator(_comma_separated), AfterValidator(_long_enough)]
"""Secrets, separated by commas: the first is used, all are accepted."""
ApiKey = Annotated[SecretStr, AfterValidator(_check_api_key)]
BaseUrl = Annotated[AnyHttpUrl, AfterValidator(_check_base_url)]
"""A base URL: paths are appended to it."""
ListenAddress = Annotated[str, AfterValidator(_check_listen_address)]
"""Address and port to listen on; empty: do not listen."""
Rate = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""Maximum a second; 0: no limit."""


class SmtpSecurity(StrEnum):
    """How the connection to the mail server is protected."""

    STARTTLS = "starttls"
    """Starts unencrypted and must switch to TLS before anything is sent (usually port 587)."""
    TLS = "tls"
    """TLS from the first byte (usually port 465)."""
    NONE = "none"
    """Unencrypted: only for a mail server on this machine."""


class SmtpSettings(Settings):
    """The mail server: `LANDBRIDGE_SMTP_*`."""

    model_config = config("SMTP_")

    host: Annotated[str, AfterValidator(_check_host)]
    port: int = Field(default=587, ge=1, le=65535)
    username: str = ""
    """Empty: no login."""
    password: SecretStr = SecretStr("")
    security: SmtpSecurity = SmtpSecurity.STARTTLS
    sender: str = Field(validation_alias=f"{PREFIX}SMTP_FROM")
    """The From address of every mail."""
    ca_file: str = ""
    """Certificates to trust instead of the system's, for a mail server with a private authority."""
    connections: int = Field(default=8, ge=1, le=16)
    """Maximum number of open connections."""
    per_second: Rate = 0
    """Maximum mails a second of one worker; 0: no limit."""
    batches_per_second: Rate = 0
    """Maximum batches a second, each of up to 50 mails, of all workers together; 0: no limit."""

    @field_validator("sender")
    @classmethod
    def _check_sender(cls, value: str) -> str:
        try:
            return addresses.normalise(value)
        except BadInput as error:
            raise ValueError(str(error)) from None


class OpsgenieSettings(Settings):
    """Opsgenie's REST API v2: `LANDBRIDGE_OPSGENIE_*`."""

    model_config = config("OPSGENIE_")

    url: BaseUrl
    """https://api.opsgenie.com, or https://api.eu.opsgenie.com for accounts in the EU."""
    api_key: ApiKey
    """The key of an API integration with configuration access."""
    sso_domains: Annotated[list[str], NoDecode, BeforeValidator(_comma_separated), Field(default_factory=list)]
    """Domains whose people sign in by SSO, separated by commas: Opsgenie's API does not say which users do."""
    per_second: Rate = 0
    """Calls a second of one worker, at most; 0: no limit."""

    @field_validator("sso_domains")
    @classmethod
    def _check_domains(cls, domains: list[str]) -> list[str]:
        try:
            return [addresses.normalise(f"someone@{domain}").rpartition("@")[2] for domain in domains]
        except BadInput:
            raise ValueError("give domains such as example.com, separated by commas") from None


class AtlassianSettings(Settings):
    """The Atlassian Organizations API: `LANDBRIDGE_ATLASSIAN_*`."""

    model_config = config("ATLASSIAN_")

    url: BaseUrl = AnyHttpUrl("https://api.atlassian.com")
    """The base URL, without the `/admin` of the API's paths."""
    api_key: ApiKey
    """An organization's API key."""
    org_id: str
    """The organization's id."""
    provisioning_url: BaseUrl | None = None
    """The emulator's endpoints for sign-up, site creation and connection; unset: these steps are tasks for an admin,
    since Atlassian has no public API for them."""
    site_url: str = "https://{name}.atlassian.net"
    """The URL at which Landbridge checks, without credentials, that a site exists; empty: no check."""
    per_second: Rate = 0
    """Calls a second of one worker, at most; 0: no limit."""
    batches_per_second: Rate = 0
    """Maximum look-ups a second, each of a batch of up to 500 people, of all workers together; 0: no limit."""
    sends_invitations: bool = False
    """Atlassian mails its own invitation to each person for whom Landbridge creates an account; our mail is then the
    reminder."""

    @field_validator("org_id")
    @classmethod
    def _check_organization(cls, value: str) -> str:
        if not _ORGANIZATION.fullmatch(value):
            raise ValueError("an organization's id has only letters, digits and hyphens")
        return value

    @field_validator("site_url")
    @classmethod
    def _check_site_url(cls, value: str) -> str:
        try:
            valid = "{name}" in value and _check_base_url(AnyHttpUrl(value.replace("{name}", "name")))
        except ValueError:
            valid = False
        if value and not valid:
            raise ValueError("it must start with https:// and contain {name} in place of the site's name")
        return value


class PortalSettings(Settings):
    """The portal and the links to it; read by the portal, and by the worker, which creates the links."""

    model_config = config()

    portal_url: BaseUrl
    """The public URL of the portal; every link starts with it."""
    token_keys: Keys = Field(min_length=1)
    """Keys that sign links, separated by commas: the first signs, all are accepted."""
    atlassian_signup_url: AnyHttpUrl = AnyHttpUrl("https://id.atlassian.com/signup")
    """Where a person sets up the Atlassian account; gets `email` and `continue` as query parameters."""
    atlassian_login_url: AnyHttpUrl = AnyHttpUrl("https://id.atlassian.com/login")
    """Where a person who uses SSO signs in; gets the same parameters."""
    trusted_proxies: Annotated[
        list[IPv4Network | IPv6Network], NoDecode, BeforeValidator(_comma_separated), Field(default_factory=list)
    ]
    """Proxies in front of the portal whose `X-Forwarded-For` is trusted, as networks separated by commas."""

    @property
    def keys(self) -> list[str]:
        """The token keys as plain text, the signing one first."""
        return [key.get_secret_value() for key in self.token_keys]


class ProofSettings(Settings):
    """The keys with which `starter.py` verifies proofs (`domain.proof`)."""

    model_config = config()

    token_keys: Keys = Field(default_factory=list)
    """As `PortalSettings.token_keys`; empty: no proof is verified."""

    @property
    def keys(self) -> list[str]:
        """The token keys as plain text."""
        return [key.get_secret_value() for key in self.token_keys]


class EncryptionSettings(Settings):
    """Encryption of the data in Temporal, and access to it from Temporal's Web UI and command line."""

    model_config = config()

    encryption_keys: Keys = Field(default_factory=list)
    """Keys that encrypt payloads, separated by commas: the first encrypts, all decrypt; empty: nothing is encrypted."""
    encryption_accept_clear: bool = False
    """Accept unencrypted payloads although there are keys, for turning encryption on. Anyone can forge them."""
    codec_token: SecretStr = SecretStr("")
    """The token with which the Web UI and the `temporal` command line may use the portal's codec; empty: no codec."""
    codec_origin: str = ""
    """Origin of Temporal's Web UI, such as `https://temporal.example.com`, that may use the codec; empty: none."""

    @field_validator("codec_origin")
    @classmethod
    def _check_origin(cls, value: str) -> str:
        if value and not _ORIGIN.fullmatch(value):
            raise ValueError("it is a scheme and a host, such as https://temporal.example.com")
        return value

    @property
    def keys(self) -> list[str]:
        """The encryption keys as plain text, the encrypting one first; empty: encryption is off."""
        return [key.get_secret_value() for key in self.encryption_keys]

    @field_validator("codec_token")
    @classmethod
    def _check_token(cls, value: SecretStr) -> SecretStr:
        return _long_enough([value])[0] if value.get_secret_value() else value


def _clause(message: str) -> str:
    """Return pydantic's message without the class of an error that our own validators raised."""
    return message.removeprefix("Value error, ")


def load(settings: type[_Settings]) -> _Settings:
    """Read one group of settings.

    Raises:
        BadInput: settings are missing or wrong, or `.env` cannot be read. The message names settings, not values.

    """
    _check_env_file()
    try:
        return settings()
    except ValidationError as error:
        prefix = settings.model_config.get("env_prefix", "")
        problems: dict[str, None] = {}
        for detail in error.errors():
            field = str(detail["loc"][0])
            name = field if field.startswith(PREFIX) else f"{prefix}{field.upper()}"
            missing = detail["type"] == "missing"
            problems[f"{name} is not set" if missing else f"{name} is wrong: {_clause(detail['msg'])}"] = None
        raise BadInput("; ".join(problems) + ". See docs/reference/settings.md.") from None


def _check_env_file() -> None:
    """Reject a `.env` that is not UTF-8 text. The file is optional."""
    try:
        content = Path(_ENV_FILE).read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise BadInput(f"{_ENV_FILE} cannot be read: {error.strerror}.") from None
    try:
        wrong = content.index(b"\0") if b"\0" in content else len(content)
        content[:wrong].decode()
    except UnicodeDecodeError as error:
        wrong = error.start
    if wrong < len(content):
        line = content.count(b"\n", 0, wrong) + 1
        raise BadInput(f"{_ENV_FILE} is not UTF-8 (line {line}): save it as UTF-8. Nothing of it was read.")
