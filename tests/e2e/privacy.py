"""Where a person must not be named."""

import json
from collections.abc import Iterable
from pathlib import Path

from temporalio.client import Client

from tests.oracle import Someone


def in_logs(folder: Path, people: Iterable[Someone]) -> list[str]:
    """Return each mention of a person in the logs of a folder."""
    return [
        f"{file.name}:{number}: {marker}"
        for file in sorted(folder.glob("*.log"))
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), start=1)
        for marker in _named(line, people)
    ]


async def in_listings(client: Client, people: Iterable[Someone]) -> list[str]:
    """Return each mention of a person in what Temporal lists of workflows."""
    told = []
    async for execution in client.list_workflows():
        info = execution.raw_info
        shown = f"{info.execution.workflow_id} {info.search_attributes} {info.memo}"
        told += [f"{execution.id}: {marker}" for marker in _named(shown, people)]
    return told


def _named(text: str, people: Iterable[Someone]) -> list[str]:
    folded = text.casefold()
    return [
        spelling
        for one in people
        for word in (one.email, one.name)
        for spelling in (word, json.dumps(word).strip('"'))
        if spelling.casefold() in folded
    ]
