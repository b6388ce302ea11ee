"""Connect to Temporal, as configured by `TEMPORAL_*` or a `temporal.toml` (the SDK's own settings).

This module imports the SDK, which takes a third of a second: commands import it on demand.
"""

import asyncio
import functools
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter
from temporalio.envconfig import ClientConfig
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)
from temporalio.service import KeepAliveConfig, RPCError, RPCStatusCode

from landbridge.domain import pasted
from landbridge.domain.errors import BadInput
from landbridge.platform import logs, settings
from landbridge.platform.exits import TemporalUnreachable
from landbridge.platform.process_settings import ProcessSettings
from landbridge.platform.settings import EncryptionSettings
from landbridge.platform.temporal.encryption import PayloadEncryption
from landbridge.platform.temporal.failures import ErrorConverter, ErrorConverterWithEncodedAttributes
from landbridge.platform.temporal.query_retries import QueryRetryInterceptor

DEFAULT_ADDRESS = "localhost:7233"
CONNECT_TIMEOUT = timedelta(seconds=10)
"""Timeout of connecting."""
KEEP_ALIVE = KeepAliveConfig(interval_millis=15_000, timeout_millis=10_000)
"""Replaces a dead connection, for example after a failover, within 25 seconds. Temporal's frontend allows a ping every
10 seconds (`frontend.keepAliveMinTime`)."""


def data_converter(keys: Sequence[str], *, accept_clear: bool = False) -> DataConverter:
    """Return the data converter, with encryption if there are keys; clients, workers and replayers need the same one.

    `accept_clear`: accept unencrypted payloads although there are keys.

    Fields with default values are written too, so that changing a default does not change the input of a running
    migration.
    """
    failures = ErrorConverterWithEncodedAttributes if keys else ErrorConverter
    codec = PayloadEncryption(keys, accept_clear=accept_clear)
    return replace(pydantic_data_converter, payload_codec=codec, failure_converter_class=failures)


async def connect(*, environment: Mapping[str, str] | None = None, serve_metrics: bool = False) -> Client:
    """Connect to Temporal.

    `environment` replaces the variables `TEMPORAL_*` and `LANDBRIDGE_ENCRYPTION_*` of this process. With
    `serve_metrics` (a worker), the SDK's metrics are served at the configured address.

    Raises:
        TemporalUnreachable: Temporal does not respond, or refuses the connection.
        BadInput: the settings of the connection cannot be used.

    """
    try:
        config = ClientConfig.load_client_connect_config(override_env_vars=_text_only(environment or os.environ))
    except OSError as error:
        named = _variable_for(error.filename, environment or os.environ)
        raise BadInput(f"{named} cannot be read: {error.strerror}. See docs/reference/settings.md.") from None
    except RuntimeError as error:
        # Only the first line: the rest is an excerpt of the file, which may contain a key.
        reason = str(error).partition("\n")[0]
        raise BadInput(
            f"Temporal's settings cannot be read: {reason}. Check TEMPORAL_CONFIG_FILE and TEMPORAL_PROFILE; see "
            "docs/reference/settings.md."
        ) from None
    address = config.setdefault("target_host", DEFAULT_ADDRESS)
    encryption = encryption_settings(environment)
    runtime = _runtime(settings.load(ProcessSettings).metrics_address if serve_metrics else "")
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT.total_seconds()):
            client = await Client.connect(
                **config,
                data_converter=data_converter(encryption.keys, accept_clear=encryption.encryption_accept_clear),
                interceptors=[QueryRetryInterceptor()],
                connect_timeout=CONNECT_TIMEOUT,
                keep_alive_config=KEEP_ALIVE,
                runtime=runtime,
            )
            await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    except ValueError as error:
        raise BadInput(f"Temporal's address cannot be used ({address}): {error}. Set TEMPORAL_ADDRESS.") from None
    except TimeoutError:
        raise _unreachable(address, f"no answer within {CONNECT_TIMEOUT.total_seconds():g} seconds") from None
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise BadInput(
                f"Temporal at {address} has no namespace {client.namespace!r}. Set TEMPORAL_NAMESPACE."
            ) from None
        raise _unreachable(address, _reason(f"{error.status.name} {error}")) from None
    except RuntimeError as error:
        raise _unreachable(address, _reason(str(error))) from None
    return client


def _variable_for(file: str | None, environment: Mapping[str, str]) -> str:
    """Return the variable that names a file; "A file of Temporal's settings" if none does."""
    named = (name for name, value in environment.items() if name.startswith("TEMPORAL_") and value)
    return next(
        (name for name in named if Path(environment[name]) == Path(file or "")), "A file of Temporal's settings"
    )


def _text_only(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are valid text: the SDK crashes the process if any variable is not.

    Raises:
        BadInput: a variable `TEMPORAL_*` is not valid text.

    """
    variables = {name: value for name, value in environment.items() if pasted.is_text(name) and pasted.is_text(value)}
    for name in environment.keys() - variables.keys():
        if name.startswith("TEMPORAL_"):
            raise BadInput(f"{name!r} holds bytes that are not UTF-8: set it again. See docs/reference/settings.md.")
    return variables


def encryption_settings(environment: Mapping[str, str] | None = None) -> EncryptionSettings:
    """Return the encryption settings of this process, or of `environment`.

    Raises:
        BadInput: a key is too short.

    """
    if environment is None:
        return settings.load(EncryptionSettings)
    return EncryptionSettings.model_validate(
        {
            name: environment.get(f"{settings.PREFIX}{name.upper()}", default)
            for name, default in (("encryption_keys", ""), ("encryption_accept_clear", "false"))
        }
    )


def _unreachable(address: str, reason: str) -> TemporalUnreachable:
    return TemporalUnreachable(
        f"Temporal cannot be reached at {address}: {reason}. Start it (make dev starts one here), or set "
        "TEMPORAL_ADDRESS or TEMPORAL_PROFILE to the one you mean."
    )


def _reason(message: str) -> str:
    """Return the cause in a few words; the SDK's message is a dump of internals."""
    known = {
        "connectionrefused": "nothing listens there",
        "dns error": "the host's name is not known",
        "unauthenticated": "it refuses the credentials",
        "permissiondenied": "it refuses the credentials",
        "certificate": "its certificate is not trusted",
        "invalidcontenttype": "it does not speak TLS",
    }
    plain = message.casefold().replace("_", "")
    return next((reason for marker, reason in known.items() if marker in plain), "the connection failed")


@functools.cache
def _runtime(metrics_address: str) -> Runtime:
    """Return the SDK's runtime, one for each process; its logs are forwarded to our pipeline."""
    forwarding = LogForwardingConfig(
        logger=logging.getLogger(logs.CORE),
        append_target_to_name=False,
        prepend_target_on_message=False,
        append_log_fields_to_message=False,
    )
    try:
        return Runtime(
            telemetry=TelemetryConfig(
                logging=LoggingConfig(
                    filter=TelemetryFilter(core_level="WARN", other_level="ERROR"), forwarding=forwarding
                ),
                metrics=PrometheusConfig(bind_address=metrics_address, durations_as_seconds=True)
                if metrics_address
                else None,
            )
        )
    except (ValueError, RuntimeError) as error:
        raise BadInput(f"LANDBRIDGE_METRICS_ADDRESS cannot be used ({metrics_address}): {error}.") from None
