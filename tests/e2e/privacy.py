"""Searches logs, stores, metrics and listings for people and secrets, in every encoding that may hide them."""

import base64
import html
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import httpx2
from temporalio.client import Client

from dev.demo.records import SamplePerson

_SHARED_DOMAIN = 3
"""If so many people share a domain, the search looks for the domain instead of each address."""
_MIN_LENGTH = 5
"""Letters of a word that does not occur by chance."""
_ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
_GZIP = re.compile(rb"\x1f\x8b\x08")
_BASE85 = re.compile(rb"c[!#-&(-+\-0-9;-Z^-~]{99,}")
"""The output of zlib in base85 (`domain.cohort.packed`)."""
_MAX_DECOMPRESSED = 1_000_000


def in_logs(folder: Path, people: Iterable[SamplePerson], secrets: Iterable[str] = ()) -> list[str]:
    """Return each mention of a person, and each secret, in the logs in a folder."""
    words = {*_markers(people), *secrets}
    return [
        f"{file.name}:{number}: {word}"
        for file in sorted(folder.glob("*.log"))
        for number, line in enumerate(file.read_bytes().splitlines(), start=1)
        for word in _search(line, words)
    ]


def in_store(database: Path, people: Iterable[SamplePerson], secrets: Iterable[str]) -> list[str]:
    """Return each mention of a person, and each secret, in the files of Temporal's store."""
    markers, whole = _markers(people), set(secrets)
    found = []
    for file in sorted(database.parent.glob(f"{database.name}*")):
        content = file.read_bytes()
        found += [f"{file.name}: {word}" for word in _search(content, {*markers, *whole})]
        found += [f"{file.name}, compressed: {word}" for word in _search(b"\n".join(_decompressed(content)), markers)]
    return found


async def in_metrics(urls: Iterable[str], people: Iterable[SamplePerson]) -> list[str]:
    """Return each mention of a person in the metrics."""
    markers = _markers(people)
    async with httpx2.AsyncClient() as scraper:
        pages = {url: (await scraper.get(url)).raise_for_status().content for url in urls}
    return [f"{url}: {word}" for url, page in pages.items() for word in _search(page, markers)]


async def in_listings(client: Client, people: Iterable[SamplePerson]) -> list[str]:
    """Return each mention of a person in Temporal's list of workflows."""
    markers, found = _markers(people), []
    async for execution in client.list_workflows():
        shown = execution.raw_info.SerializeToString()
        found += [f"{execution.id}: {word}" for word in _search(shown, markers)]
    return found


def _markers(people: Iterable[SamplePerson]) -> set[str]:
    """Return words to search for, such that each person's name and address contains one. Fewer words search faster.

    The last word of a name is left out: it is a number that distinguishes namesakes.
    """
    everyone = list(people)
    names = {first if len(first := one.name.rpartition(" ")[0]) >= _MIN_LENGTH else one.name for one in everyone}
    domains = Counter(one.email.rpartition("@")[2] for one in everyone)
    addresses = {
        f"@{domain}" if domains[domain] >= _SHARED_DOMAIN else one.email
        for one in everyone
        for domain in [one.email.rpartition("@")[2]]
    }
    return names | addresses


def _search(content: bytes, words: Iterable[str]) -> list[str]:
    """Return the words that occur, in any case and any encoding."""
    folded = content.lower()
    return [word for word in words if any(spelling.encode().lower() in folded for spelling in _spellings(word))]


def _spellings(word: str) -> set[str]:
    """Return a word as plain text, in JSON, HTML, a URL, IDNA and base64."""
    local, at, domain = word.rpartition("@")
    wire = f"{local}@{domain.encode('idna').decode()}" if at else word
    encoded = {_in_base64(word, shift) for shift in range(3)}
    safe = {spelling.replace("+", "-").replace("/", "_") for spelling in encoded}
    return (
        {word, json.dumps(word).strip('"'), html.escape(word), quote(word), quote(word, safe="@"), wire}
        | encoded
        | safe
    )


def _in_base64(word: str, shift: int) -> str:
    """Return the base64 of a word that begins `shift` bytes into a group of three, without the edges."""
    raw = bytes(shift) + word.encode()
    return base64.b64encode(raw).decode()[-(-shift * 8 // 6) : len(raw) * 8 // 6]


def _decompressed(content: bytes) -> Iterator[bytes]:
    """Yield everything that was compressed, up to the first error in each stream."""
    for beginning in (_ZLIB, _GZIP):
        for match in beginning.finditer(content):
            yield _inflate(content[match.start() : match.start() + _MAX_DECOMPRESSED])
    for match in _BASE85.finditer(content):
        whole = match[0][: len(match[0]) // 5 * 5]
        yield _inflate(base64.b85decode(whole))


def _inflate(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=47).decompress(packed, _MAX_DECOMPRESSED)
    except zlib.error:
        return b""
