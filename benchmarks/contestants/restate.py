"""(e) Restate with one workflow per person: two durable steps and a promise that the click resolves."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from importlib import metadata
from pathlib import Path

import httpx2
import hypercorn.asyncio
import restate
from restate import WorkflowContext, WorkflowSharedContext

from benchmarks import job
from benchmarks.concurrency import for_each
from benchmarks.contestant import WORKER, Contestant
from benchmarks.job import Click
from benchmarks.world import PROJECT, World
from dev.stack import ports
from dev.stack.ports import HOST
from dev.stack.processes import Program
from landbridge.domain.links import LinkClaims

_INGRESS, _ADMIN, _NODE, _SERVICE = "RESTATE_INGRESS", "RESTATE_ADMIN", "RESTATE_NODE", "RESTATE_SERVICE"
_CLICKED = "clicked"
_START_CONCURRENCY = 64
_POLL_SECONDS = 0.25
_services: list[job.Services] = []
"""The services of this process; a global, because handlers are plain functions."""

person_workflow = restate.Workflow("Person")


@person_workflow.main()
async def move(ctx: WorkflowContext, person: int) -> None:
    """Migrate one person."""
    await ctx.run_typed("create account", _services[0].create_account, person=person)
    await ctx.run_typed("send mail", _services[0].send_mail, person=person)
    await ctx.promise(_CLICKED, type_hint=bool).value()


@person_workflow.handler()
async def click(ctx: WorkflowSharedContext) -> None:
    """Record the click."""
    await ctx.promise(_CLICKED, type_hint=bool).resolve(value=True)


class Restate(Contestant):
    """The Restate server, and the worker as a service that it calls."""

    name = "restate"

    def missing(self) -> str:
        """Return how to install the server if it is missing."""
        return "" if _binary() else "the npm package @restatedev/restate-server (npm ci --prefix benchmarks)"

    def versions(self) -> str:
        """Return the versions of the SDK and the server."""
        output = subprocess.run([_binary(), "--version"], capture_output=True, text=True, check=True).stdout
        return f"restate-sdk {metadata.version('restate-sdk')}, {output.strip()}"

    def programs(self, world: World) -> Sequence[Program]:
        """Return the server and the worker."""
        for name in (_INGRESS, _ADMIN, _NODE, _SERVICE):
            world.port(name)
        config = world.folder / "restate.toml"
        config.write_text(
            _CONFIG.format(
                folder=world.folder / "restate",
                ingress=f"{HOST}:{world.port(_INGRESS)}",
                admin=f"{HOST}:{world.port(_ADMIN)}",
                node=f"{HOST}:{world.port(_NODE)}",
            ),
            encoding="utf-8",
        )
        server = Program(
            "restate",
            [_binary(), "--config-file", str(config), "--no-logo"],
            environment=world.environment,
            ports=[world.port(_INGRESS), world.port(_ADMIN), world.port(_NODE)],
            ready=partial(ports.accepts, world.port(_ADMIN)),
            start_timeout=60,
        )
        service = world.port(_SERVICE)
        command = world.python(WORKER, "-m", "benchmarks.work", self.name)
        worker = replace(command, ports=[service], ready=partial(ports.accepts, service))
        return [server, worker]

    async def prepare(self, world: World) -> None:
        """Register the worker with the server."""
        async with _http(f"http://{HOST}:{world.port(_ADMIN)}") as admin:
            uri = f"http://{HOST}:{world.port(_SERVICE)}"
            while True:
                answer = await admin.post("/deployments", json={"uri": uri})
                if answer.is_success:
                    return
                await asyncio.sleep(_POLL_SECONDS)

    async def move(self, world: World, people: int) -> None:
        """Start a workflow for each person, and wait until all are completed."""
        async with _http(f"http://{HOST}:{world.port(_INGRESS)}") as ingress:

            async def start(person: int) -> None:
                answer = await ingress.post(f"/Person/{person}/move/send", json=person)
                answer.raise_for_status()

            await for_each(start, range(1, people + 1), _START_CONCURRENCY)
        completed = (
            "SELECT count(*) AS people FROM sys_invocation WHERE target_handler_name = 'move' AND status = 'completed'"
        )
        async with _http(f"http://{HOST}:{world.port(_ADMIN)}") as admin:
            while True:
                answer = await admin.post("/query", json={"query": completed}, headers={"Accept": "application/json"})
                if answer.raise_for_status().json()["rows"][0]["people"] >= people:
                    return
                await asyncio.sleep(_POLL_SECONDS)

    @asynccontextmanager
    async def click_sender(self) -> AsyncIterator[Click]:
        """Send the click to the server, which calls the worker."""
        async with _http(f"http://{HOST}:{job.variable(_INGRESS)}") as ingress:

            async def send_click(claims: LinkClaims) -> None:
                answer = await ingress.post(f"/Person/{claims.person}/click/send")
                answer.raise_for_status()

            yield send_click

    async def work(self) -> None:
        """Serve the handlers over HTTP/2 with Hypercorn, as Restate's documentation does."""
        config = hypercorn.Config()
        config.bind = [f"{HOST}:{job.variable(_SERVICE)}"]
        async with job.services() as services:
            _services.append(services)
            await hypercorn.asyncio.serve(restate.app([person_workflow]), config)


_CONFIG = """
base-dir = "{folder}"
node-name = "bench"
disable-telemetry = true
bind-address = "{node}"
[ingress]
bind-address = "{ingress}"
[admin]
bind-address = "{admin}"
# As durable as SQLite with `synchronous=1`: writes reach the kernel, so they survive killed processes.
[log-server]
rocksdb-disable-wal-fsync = true
[bifrost.local]
rocksdb-disable-wal-fsync = true
"""


def _binary() -> str:
    packages = PROJECT / "benchmarks" / "node_modules" / "@restatedev"
    # npm installs the package for this platform.
    found: list[Path] = sorted(packages.glob("restate-server-*/bin/restate-server"))
    return str(found[0]) if found else shutil.which("restate-server") or ""


def _http(url: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=url, timeout=httpx2.Timeout(60, pool=None))


CONTESTANT = Restate()
