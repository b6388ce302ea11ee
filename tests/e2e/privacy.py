"""Where a person must not be named."""

import json
from collections.abc import Iterable
from pathlib import Path

import httpx2
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


def in_store(database: Path, people: Iterable[Someone], secrets: Iterable[str]) -> list[str]:
    """Return each mention of a person, and each secret, in what Temporal's server has on disk."""
    words = {word for one in people for word in (one.email, one.name)} | set(secrets)
    return [
        f"{file.name}: {word}"
        for file in sorted(database.parent.glob(f"{database.name}*"))
        for held in [file.read_bytes().lower()]
        for word in words
        for spelling in (word, json.dumps(word).strip('"'))
        if spelling.encode().lower() in held
    ]


async def in_metrics(urls: Iterable[str], people: Iterable[Someone]) -> list[str]:
    """Return each mention of a person in metrics that are served."""
    async with httpx2.AsyncClient() as scraper:
        pages = [(await scraper.get(url)).raise_for_status().text for url in urls]
    return [f"metrics: {marker}" for page in pages for marker in _named(page, people)]


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
