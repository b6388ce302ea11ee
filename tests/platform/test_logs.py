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
    # Without a cache every task replays the whole history: what is said twice would show.
    async with Worker(client, task_queue="logs", workflows=[Speaking], activities=[speak], max_cached_workflows=0):
        await client.execute_workflow(Speaking.run, id="speaking", task_queue="logs")

exits.run(main)
"""


def said_by(code: str, environment: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """Run a process and return its log, which must be JSON, line for line."""
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
    """Return what a process logs once logs are configured."""
    start = "import logging, warnings\nimport structlog\nfrom landbridge.platform import logs\nlogs.configure()\n"
    return said_by(start + code, {"LANDBRIDGE_LOG_LEVEL": level})


def test_everyone_speaks_through_one_pipeline() -> None:
    """Our events, other libraries' and warnings are JSON lines of one form."""
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


def test_the_level_is_a_setting_for_all() -> None:
    """What is less important is not written, whoever says it."""
    code = "structlog.get_logger().info('a')\nlogging.getLogger('x').info('b')\nlogging.getLogger('x').error('c')"
    assert [line["event"] for line in configured(code, level="warning")] == ["c"]


def test_no_address_reaches_the_log() -> None:
    """Texts of other libraries' errors are not ours to word."""
    lines = configured(
        "try:\n    raise ValueError('550 <ann.o-neil+x@mail.example.com> unknown')\n"
        "except ValueError:\n    logging.getLogger('theirs').exception('no mail for jürgen@exämple.com')"
    )
    assert lines[0]["event"] == "no mail for [address]"
    assert "[address]> unknown" in lines[0]["exception"]
    assert "@" not in json.dumps(lines)


def test_no_address_in_a_url_reaches_the_log() -> None:
    """There the at-sign is written as %40; what stands around an address is read on."""
    lines = configured(
        "logging.getLogger('x').error('GET https://api.example.com/v2/users/ann.lee%40mail.example.com 404')\n"
        "logging.getLogger('x').error('303 https://id.example.com/signup?email=ann%40example.com&next=1 Found')\n"
    )
    assert [line["event"] for line in lines] == ["GET https:[address] 404", "303 https:[address]&next=1 Found"]


def test_a_long_word_does_not_hold_up_the_log() -> None:
    """Whoever can have one logged could stop a process with it."""
    # At a square of its length in steps this would take minutes.
    assert configured("logging.getLogger('x').error('a' * 300_000)")[0]["event"] == "a" * 300_000


def test_web_servers_and_clients_keep_urls_to_themselves() -> None:
    """Paths are people's links, and queries hold their addresses."""
    code = (
        "import uvicorn.config, logging.config\n"
        "logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)\nlogs.configure()\n"
        "logging.getLogger('uvicorn.access').info('GET /links/secret')\n"
        "logging.getLogger('httpx2').info('GET /users?q=secret')\n"
        "logging.getLogger('uvicorn.error').info('Started')\n"
    )
    assert [line["event"] for line in configured(code)] == ["Started"]


async def test_a_worker_says_once_what_belongs_to_which_workflow(temporal_environment: dict[str, str]) -> None:
    """Events carry ids, the SDK's loggers go the same way, and nothing is said again on replay."""
    everything = said_by(IN_WORKER, temporal_environment)
    lines = [line for line in everything if not line["logger"].startswith("temporalio.worker")]
    assert [line["event"] for line in lines] == ["from_workflow", "before_activity", "from_activity", "after_activity"]
    assert {line["workflow_id"] for line in lines} == {"speaking"}
    assert lines[0]["step"] == 1
    assert lines[0]["workflow_type"] == "Speaking"
    assert (lines[2]["activity_type"], lines[2]["attempt"]) == ("speak", 1)
