import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent.parent.parent
IN_WORKER = """
import asyncio, logging, os, warnings
import structlog
from temporalio import activity, workflow
from temporalio.worker import Worker
from datetime import timedelta
from landbridge.platform import exits, logs
from landbridge.platform.temporal import connection

@activity.defn
async def speak():
    structlog.get_logger("ours").info("from_activity", cohort=7)

@workflow.defn(sandboxed=False)
class Speaking:
    @workflow.run
    async def run(self):
        workflow.logger.info("from_workflow", extra={"step": 1})
        structlog.get_logger("ours").info("before_activity")
        await workflow.execute_activity(speak, start_to_close_timeout=timedelta(seconds=9))
        structlog.get_logger("ours").info("after_activity")

async def main():
    logs.configure(in_worker=True)
    client = await connection.connect()
    # Without a cache every task replays the whole history: events that are logged twice would show.
    async with Worker(client, task_queue="logs", workflows=[Speaking], activities=[speak], max_cached_workflows=0):
        await client.execute_workflow(Speaking.run, id="speaking", task_queue="logs")

exits.run(main)
"""


def log_of(code: str, environment: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """Run a process and return its log, each line of which must be JSON."""
    ended = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == ""
    return [json.loads(line) for line in ended.stderr.splitlines()]


def configured(code: str, *, level: str = "INFO") -> list[dict[str, Any]]:
    """Return what a process logs after configuring its logs."""
    start = "import logging, warnings\nimport structlog\nfrom landbridge.platform import logs\nlogs.configure()\n"
    return log_of(start + code, {"LANDBRIDGE_LOG_LEVEL": level})


def test_all_logs_use_one_pipeline() -> None:
    """Landbridge's events, libraries' events and warnings are JSON lines of the same form."""
    lines = configured(
        "structlog.get_logger('ours').info('mails_sent', cohort=7)\n"
        "logging.getLogger('theirs').warning('slow %s', 'answer', extra={'seconds': 3})\n"
        "warnings.warn('old')\n"
    )
    assert [(line["logger"], line["level"]) for line in lines] == [
        ("ours", "info"),
        ("theirs", "warning"),
        ("py.warnings", "warning"),
    ]
    assert [line["event"] for line in lines[:2]] == ["mails_sent", "slow answer"]
    assert "UserWarning: old" in lines[2]["event"]
    assert (lines[0]["cohort"], lines[1]["seconds"]) == (7, 3)
    assert all(line["timestamp"].endswith("Z") for line in lines)


def test_the_log_level_applies_to_all_loggers() -> None:
    """Events below the level are not written."""
    code = "structlog.get_logger().info('a')\nlogging.getLogger('x').info('b')\nlogging.getLogger('x').error('c')"
    assert [line["event"] for line in configured(code, level="warning")] == ["c"]


def test_addresses_are_removed_from_the_log() -> None:
    """Error messages of libraries may contain addresses."""
    lines = configured(
        "try:\n    raise ValueError('550 <ann.o-neil+x@mail.example.com> unknown')\n"
        "except ValueError:\n    logging.getLogger('theirs').exception('no mail for jürgen@exämple.com')"
    )
    assert lines[0]["event"] == "no mail for [address]"
    assert "[address]> unknown" in lines[0]["exception"]
    assert "@" not in json.dumps(lines)


def test_addresses_in_urls_are_removed_from_the_log() -> None:
    """The at-sign may be encoded as %40. The rest of the URL is kept."""
    lines = configured(
        "logging.getLogger('x').error('GET https://api.example.com/v2/users/ann.lee%40mail.example.com 404')\n"
        "logging.getLogger('x').error('303 https://id.example.com/signup?email=ann%40example.com&next=1 Found')\n"
    )
    assert [line["event"] for line in lines] == ["GET https:[address] 404", "303 https:[address]&next=1 Found"]


def test_a_long_word_is_logged_quickly() -> None:
    """Otherwise anyone who can cause such a log event could block a process."""
    # With quadratic running time, this would take minutes.
    assert configured("logging.getLogger('x').error('a' * 300_000)")[0]["event"] == "a" * 300_000


def test_web_servers_and_clients_log_no_urls() -> None:
    """Paths contain tokens, and queries contain addresses."""
    code = (
        "import uvicorn.config, logging.config\n"
        "logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)\nlogs.configure()\n"
        "logging.getLogger('uvicorn.access').info('GET /links/secret')\n"
        "logging.getLogger('httpx2').info('GET /users?q=secret')\n"
        "logging.getLogger('uvicorn.error').info('Started')\n"
    )
    assert [line["event"] for line in configured(code)] == ["Started"]


async def test_a_worker_logs_workflow_ids_once(temporal_environment: dict[str, str]) -> None:
    """Events have ids, the SDK's loggers use the same pipeline, and a replay logs nothing."""
    everything = log_of(IN_WORKER, temporal_environment)
    lines = [line for line in everything if not line["logger"].startswith("temporalio.worker")]
    assert [line["event"] for line in lines] == ["from_workflow", "before_activity", "from_activity", "after_activity"]
    assert {line["workflow_id"] for line in lines} == {"speaking"}
    assert lines[0]["step"] == 1
    assert lines[0]["workflow_type"] == "Speaking"
    assert (lines[2]["activity_type"], lines[2]["attempt"]) == ("speak", 1)
