"""Settings that every process of ours has, whatever it does."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from runtime.settings import PREFIX


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


class ProcessSettings(BaseSettings):
    """How a process is watched: `LANDBRIDGE_LOG_LEVEL` and the like."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)] = "INFO"
    """The least important log events that are written."""
    metrics_address: str = Field(default="", pattern=r"^(.+:\d{1,5})?$")
    """Address and port, such as `0.0.0.0:9464`, where the worker serves the Temporal SDK's metrics for Prometheus;
    empty: nowhere."""
