"""Where a person must not be named, in whatever disguise."""

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

from tests.verifier import Someone

_SHARED = 3
"""People with one domain: then the domain names them all."""
_LONG_ENOUGH = 5
"""Letters of a word that nothing else holds by chance."""
_ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
_GZIP = re.compile(rb"\x1f\x8b\x08")
_BASE85 = re.compile(rb"c[!#-&(-+\-0-9;-Z^-~]{99,}")
"""What zlib made and base85 spelt (`domain.cohort.packed`)."""
_MAX_UNPACKED = 1_000_000


def in_logs(folder: Path, people: Iterable[Someone], secrets: Iterable[str] = ()) -> list[str]:
    """Return each mention of a person, and each secret, in the logs of a folder."""
    words = {*_markers(people), *secrets}
    return [
        f"{file.name}:{number}: {word}"
        for file in sorted(folder.glob("*.log"))
        for number, line in enumerate(file.read_bytes().splitlines(), start=1)
        for word in _found(line, words)
    ]


def in_store(database: Path, people: Iterable[Someone], secrets: Iterable[str]) -> list[str]:
    """Return each mention of a person, and each secret, in what Temporal's server has on disk."""
    markers, whole = _markers(people), set(secrets)
    told = []
    for file in sorted(database.parent.glob(f"{database.name}*")):
        held = file.read_bytes()
        told += [f"{file.name}: {word}" for word in _found(held, {*markers, *whole})]
        told += [f"{file.name}, packed: {word}" for word in _found(b"\n".join(_unpacked(held)), markers)]
    return told


async def in_metrics(urls: Iterable[str], people: Iterable[Someone]) -> list[str]:
    """Return each mention of a person in metrics that are served."""
    markers = _markers(people)
    async with httpx2.AsyncClient() as scraper:
        pages = {url: (await scraper.get(url)).raise_for_status().content for url in urls}
    return [f"{url}: {word}" for url, page in pages.items() for word in _found(page, markers)]


async def in_listings(client: Client, people: Iterable[Someone]) -> list[str]:
    """Return each mention of a person in what Temporal lists of workflows."""
    markers, told = _markers(people), []
    async for execution in client.list_workflows():
        shown = execution.raw_info.SerializeToString()
        told += [f"{execution.id}: {word}" for word in _found(shown, markers)]
    return told


def _markers(people: Iterable[Someone]) -> set[str]:
    """Return words of which each person has one in the name and one in the address; the fewer, the sooner looked for.

    All but the last word of a name: tests tell namesakes apart by a number.
    """
    everyone = list(people)
    names = {first if len(first := one.name.rpartition(" ")[0]) >= _LONG_ENOUGH else one.name for one in everyone}
    domains = Counter(one.email.rpartition("@")[2] for one in everyone)
    addresses = {
        f"@{domain}" if domains[domain] >= _SHARED else one.email
        for one in everyone
        for domain in [one.email.rpartition("@")[2]]
    }
    return names | addresses


def _found(held: bytes, words: Iterable[str]) -> list[str]:
    """Return which of the words stand somewhere, in any case and any of their spellings."""
    folded = held.lower()
    return [word for word in words if any(spelling.encode().lower() in folded for spelling in _spellings(word))]


def _spellings(word: str) -> set[str]:
    """Return a word as it may be written: plain, in JSON, in a page, in a URL, on the wire, in base64."""
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
    """Return what base64 makes of a word that begins so many bytes into a group of three, but for its edges."""
    raw = bytes(shift) + word.encode()
    return base64.b64encode(raw).decode()[-(-shift * 8 // 6) : len(raw) * 8 // 6]


def _unpacked(held: bytes) -> Iterator[bytes]:
    """Yield whatever in it was compressed, as far as it goes on without a break."""
    for beginning in (_ZLIB, _GZIP):
        for match in beginning.finditer(held):
            yield _inflated(held[match.start() : match.start() + _MAX_UNPACKED])
    for match in _BASE85.finditer(held):
        whole = match[0][: len(match[0]) // 5 * 5]
        yield _inflated(base64.b85decode(whole))


def _inflated(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=47).decompress(packed, _MAX_UNPACKED)
    except zlib.error:
        return b""
