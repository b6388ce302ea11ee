"""Whatever looks for people's names finds them: else nothing that was not found would mean anything."""

import base64
import gzip
import html
import json
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from landbridge.domain import cohort
from landbridge.domain.people import Person
from tests.e2e import privacy
from tests.verifier import Someone

NAMED = Someone("さつき7@bücher.example", "Ženevjeva <b>& 7")
BESIDE = "nothing to see, x@example.com "
DISGUISES: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "in capitals": lambda word: word.encode() if not word.isascii() else word.upper().encode(),
    "json": lambda word: json.dumps({"name": word}).encode(),
    "page": lambda word: html.escape(word).encode(),
    "url": lambda word: quote(word).encode(),
    "base64": lambda word: base64.b64encode(word.encode()),
    "base64, one later": lambda word: base64.b64encode(f"a{word}".encode()),
    "base64, two later": lambda word: base64.b64encode(f"ab{word}c".encode()),
    "base64 of urls": lambda word: base64.urlsafe_b64encode(word.encode()),
}
PACKED: dict[str, Callable[[str], bytes]] = {
    "zlib": lambda word: zlib.compress(word.encode() * 9),
    "fast zlib": lambda word: zlib.compress(word.encode() * 9, 1),
    "gzip": lambda word: gzip.compress(word.encode() * 9),
    "what a cohort carries on": lambda word: json.dumps(
        {
            "carried": cohort.packed(
                [
                    Person(number=1, email=f"{number}.{word}", since=datetime(2027, 1, 1, tzinfo=UTC))
                    for number in range(40)
                ]
            )
        }
    ).encode(),
}


def planted(folder: Path, name: str, disguised: bytes) -> Path:
    """Hide something in a file."""
    file = folder / name
    file.write_bytes(BESIDE.encode() * 99 + disguised + BESIDE.encode())
    return file


@pytest.mark.parametrize("disguise", [*DISGUISES, *PACKED])
@pytest.mark.parametrize("word", [NAMED.email, NAMED.name])
@pytest.mark.parametrize("file", ["temporal.db", "temporal.db-wal"])
def test_a_person_is_found_in_the_store(tmp_path: Path, word: str, disguise: str, file: str) -> None:
    """And in the journal beside it."""
    planted(tmp_path, file, {**DISGUISES, **PACKED}[disguise](word))
    assert privacy.in_store(tmp_path / "temporal.db", [NAMED], [])


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("word", [NAMED.email, NAMED.name, "a.secret.token"])
def test_a_person_is_found_in_logs(tmp_path: Path, word: str, disguise: str) -> None:
    """And a secret."""
    planted(tmp_path, "worker.log", DISGUISES[disguise](word))
    assert len(privacy.in_logs(tmp_path, [NAMED], ["a.secret.token"])) == 1


def test_the_wires_spelling_is_found(tmp_path: Path) -> None:
    """Servers write the letters of a domain in their own way."""
    planted(tmp_path, "worker.log", NAMED.email.replace("bücher", "xn--bcher-kva").encode())
    assert privacy.in_logs(tmp_path, [NAMED])


def test_nobody_is_found_where_nobody_is(tmp_path: Path) -> None:
    """However much else there is."""
    file = planted(tmp_path, "temporal.db", zlib.compress(BESIDE.encode() * 99))
    assert not privacy.in_store(file, [NAMED], ["a.secret.token"])


def test_ids_in_a_row_are_not_taken_for_something_packed(tmp_path: Path) -> None:
    """A hundred signs from a `c` on, though base85 has no colon."""
    file = planted(tmp_path, "temporal.db", b"c80-72e2-a2ce:sign-in:19be876c" * 9)
    assert not privacy.in_store(file, [NAMED], [])
