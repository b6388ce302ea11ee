"""Settings from the environment (prefix `LANDBRIDGE_`) or a `.env` file. Temporal's own are `TEMPORAL_*`, not here."""

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, TypeVar

from pydantic import AfterValidator, AnyHttpUrl, BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from domain import addresses
from domain.errors import BadInput

PREFIX = "LANDBRIDGE_"
SHORTEST_KEY = 32
"""Characters in a key: 128 bits even when written in hexadecimal digits."""

_Settings = TypeVar("_Settings", bound=BaseSettings)


def _config(part: str = "") -> SettingsConfigDict:
    return SettingsConfigDict(
        env_prefix=f"{PREFIX}{part}", env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )


def _comma_separated(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _long_enough(keys: list[SecretStr]) -> list[SecretStr]:
    if any(len(key.get_secret_value()) < SHORTEST_KEY for key in keys):
        raise ValueError(f"each key needs at least {SHORTEST_KEY} characters")
    return keys


Keys = Annotated[list[SecretStr], NoDecode, BeforeValidator(_comma_separated), AfterValidator(_long_enough)]
"""Secrets, separated by commas: the first is used, all are accepted."""


class SmtpSecurity(StrEnum):
    """How the connection to the mail server is protected."""

    STARTTLS = "starttls"
    """Begins in clear and must turn to TLS before anything is said (usually port 587)."""
    TLS = "tls"
    """TLS from the first byte (usually port 465)."""
    NONE = "none"
    """In clear: for a mail server on this machine only."""


class SmtpSettings(BaseSettings):
    """The mail server: `LANDBRIDGE_SMTP_*`."""

    model_config = _config("SMTP_")

    host: str
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
    """Connections kept open at once."""
    per_second: float = Field(default=0, ge=0)
    """Mails a second that one worker hands over at most; 0: no limit."""
    slices_per_second: float = Field(default=0, ge=0)
    """Slices of up to 50 mails a second that all workers begin together; 0: no limit."""

    @field_validator("sender")
    @classmethod
    def _check_sender(cls, value: str) -> str:
        try:
            return addresses.normalise(value)
        except BadInput as error:
            raise ValueError(str(error)) from None


class OpsgenieSettings(BaseSettings):
    """Opsgenie's REST API v2: `LANDBRIDGE_OPSGENIE_*`."""

    model_config = _config("OPSGENIE_")

    url: AnyHttpUrl
    """https://api.opsgenie.com, or https://api.eu.opsgenie.com for accounts in the EU."""
    api_key: SecretStr
    """Of an API integration that is not restricted from configuration access."""
    sso_domains: Annotated[list[str], NoDecode, Field(default_factory=list)]
    """Domains whose people sign in by SSO, separated by commas: Opsgenie's API does not say it of a user."""
    per_second: float = Field(default=0, ge=0)
    """Calls a second of one worker, at most; 0: no limit."""

    _split = field_validator("sso_domains", mode="before")(_comma_separated)


class AtlassianSettings(BaseSettings):
    """The Atlassian Organizations API: `LANDBRIDGE_ATLASSIAN_*`."""

    model_config = _config("ATLASSIAN_")

    url: AnyHttpUrl = AnyHttpUrl("https://api.atlassian.com")
    """Without the `/admin` of its paths."""
    api_key: SecretStr
    """An organization's API key."""
    org_id: str
    """The organization's id."""
    provisioning_url: AnyHttpUrl | None = None
    """The emulator's endpoints for sign-up, site creation and connection; unset: those are tasks for an admin, since
    Atlassian has no public API for them."""
    site_url: str = "https://{name}.atlassian.net"
    """Where a site of this name is asked whether it is there, without credentials; empty: it is not asked."""
    per_second: float = Field(default=0, ge=0)
    """Calls a second of one worker, at most; 0: no limit."""
    slices_per_second: float = Field(default=0, ge=0)
    """Slices of up to 500 people a second that all workers together begin to look up; 0: no limit."""
    sends_invitations: bool = False
    """Atlassian mails its own invitation to those for whom we create an account; ours is then the reminder."""

    @field_validator("site_url")
    @classmethod
    def _check_site_url(cls, value: str) -> str:
        if value and not (value.startswith(("https://", "http://")) and "{name}" in value):
            raise ValueError("it starts with https:// and has {name} where the site's name stands")
        return value


class PortalSettings(BaseSettings):
    """The web pages behind mailed links; shared by the portal and by the worker that writes the links."""

    model_config = _config()

    portal_url: AnyHttpUrl
    """Where people reach the portal; every link starts with it."""
    token_keys: Keys = Field(min_length=1)
    """Keys that sign links, separated by commas: the first signs, all are accepted."""
    atlassian_signup_url: AnyHttpUrl = AnyHttpUrl("https://id.atlassian.com/signup")
    """Where a person sets up the Atlassian account; gets `email` and `continue` as query parameters."""
    atlassian_login_url: AnyHttpUrl = AnyHttpUrl("https://id.atlassian.com/login")
    """Where a person who signs in by SSO does so; gets the same parameters."""

    trusted_proxies: Annotated[list[IPv4Network | IPv6Network], NoDecode, Field(default_factory=list)]
    """Proxies in front of the portal whose `X-Forwarded-For` says who asks, as networks separated by commas."""

    _split = field_validator("trusted_proxies", mode="before")(_comma_separated)

    @property
    def keys(self) -> list[str]:
        """The token keys as plain text, the signing one first."""
        return [key.get_secret_value() for key in self.token_keys]


class ProofSettings(BaseSettings):
    """What `starter.py` checks proofs with (`domain.proof`); it needs no other key for links."""

    model_config = _config()

    token_keys: Keys = Field(default_factory=list)
    """As `PortalSettings.token_keys`; none: nothing is proven."""

    @property
    def keys(self) -> list[str]:
        """The token keys as plain text."""
        return [key.get_secret_value() for key in self.token_keys]


class EncryptionSettings(BaseSettings):
    """What Temporal keeps is encrypted, and who may read it in its Web UI and command line."""

    model_config = _config()

    encryption_keys: Keys = Field(default_factory=list)
    """Keys that encrypt payloads, separated by commas: the first encrypts, all decrypt; empty: nothing is encrypted."""
    encryption_accept_clear: bool = False
    """Accept payloads in clear although there are keys, while encryption is turned on; they may be anyone's."""
    codec_token: SecretStr = SecretStr("")
    """What the Web UI and the `temporal` command line show to have the portal decrypt; empty: it does not."""
    codec_origin: str = Field(default="", pattern=r"^(https?://[^/]+)?$")
    """Origin of Temporal's Web UI, such as `https://temporal.example.com`, whose pages may ask; empty: no page may."""

    @property
    def keys(self) -> list[str]:
        """The encryption keys as plain text, the encrypting one first; none: encryption is off."""
        return [key.get_secret_value() for key in self.encryption_keys]

    @field_validator("codec_token")
    @classmethod
    def _check_token(cls, value: SecretStr) -> SecretStr:
        return _long_enough([value])[0] if value.get_secret_value() else value


def _clause(found: str) -> str:
    """Return what pydantic found, without the class of the error that one of our own checks raised."""
    return found.removeprefix("Value error, ")


def load(settings: type[_Settings]) -> _Settings:
    """Read one group of settings.

    Raises:
        BadInput: naming each setting that is missing or wrong, without its value.

    """
    try:
        return settings()
    except ValidationError as error:
        prefix = settings.model_config.get("env_prefix", "")
        problems = []
        for detail in error.errors():
            field = str(detail["loc"][0])
            name = field if field.startswith(PREFIX) else f"{prefix}{field.upper()}"
            missing = detail["type"] == "missing"
            problems.append(f"{name} is not set" if missing else f"{name} is wrong: {_clause(detail['msg'])}")
        raise BadInput("; ".join(problems) + ". See docs/settings.md.") from None
