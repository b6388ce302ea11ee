"""Settings of the processes themselves: logs, metrics, health checks, deployment."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator
from pydantic_core.core_schema import ValidationInfo

from landbridge.platform.settings import PREFIX, ListenAddress, Settings, config


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


class ProcessSettings(Settings):
    """Logs and metrics of every process: `LANDBRIDGE_LOG_LEVEL` and `LANDBRIDGE_METRICS_ADDRESS`."""

    model_config = config()

    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)] = "INFO"
    """The lowest level of log events that are written."""
    metrics_address: ListenAddress = ""
    """Address and port, such as `0.0.0.0:9464`, where the worker serves the Temporal SDK's metrics for Prometheus;
    empty: nowhere."""


class PortalServerSettings(Settings):
    """The portal's web server: `LANDBRIDGE_PORTAL_*`."""

    model_config = config("PORTAL_")

    health_address: ListenAddress = ""
    """Address and port, such as `0.0.0.0:8081`, where the portal serves `/livez`, `/readyz` and `/metrics`; empty:
    nowhere."""
    connections: int = Field(default=500, ge=1)
    """Maximum number of open connections; fewer if the process may not open that many files."""
    header_seconds: float = Field(default=15, gt=0)
    """Seconds from a connection's start to the end of a request's header."""
    body_seconds: float = Field(default=60, gt=0)
    """Seconds from the end of a request's header to the end of its body."""


class WorkerSettings(Settings):
    """Health checks and deployment of workers."""

    model_config = config()

    health_address: ListenAddress = ""
    """Address and port, such as `0.0.0.0:8081`, where the worker serves `/livez` and `/readyz`; empty: nowhere."""
    deployment_name: str = ""
    """With a build id: the worker belongs to this deployment, and Temporal dispatches tasks by version. Empty: workers
    are not versioned."""
    build_id: str = Field(default="", validate_default=True)
    """The version of this worker's code, such as a commit."""

    @field_validator("build_id")
    @classmethod
    def _check_both(cls, value: str, info: ValidationInfo) -> str:
        if bool(value) != bool(info.data.get("deployment_name")):
            raise ValueError(f"set it together with {PREFIX}DEPLOYMENT_NAME, or neither")
        return value
