"""The search for personal data finds people and secrets in every encoding, and reports nothing else."""

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

from dev.demo.records import SamplePerson
from landbridge.domain import cohort
from landbridge.domain.people import Person
from tests.e2e import privacy

PERSON = SamplePerson("さつき7@bücher.example", "Ženevjeva <b>& 7")
PADDING = "nothing to see, x@example.com "
ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "upper case": lambda word: word.encode() if not word.isascii() else word.upper().encode(),
    "json": lambda word: json.dumps({"name": word}).encode(),
    "html": lambda word: html.escape(word).encode(),
    "url": lambda word: quote(word).encode(),
    "base64": lambda word: base64.b64encode(word.encode()),
    "base64, shifted by one": lambda word: base64.b64encode(f"a{word}".encode()),
    "base64, shifted by two": lambda word: base64.b64encode(f"ab{word}c".encode()),
    "urlsafe base64": lambda word: base64.urlsafe_b64encode(word.encode()),
}
COMPRESSED: dict[str, Callable[[str], bytes]] = {
    "zlib": lambda word: zlib.compress(word.encode() * 9),
    "fast zlib": lambda word: zlib.compress(word.encode() * 9, 1),
    "gzip": lambda word: gzip.compress(word.encode() * 9),
    "the state that a cohort carries on": lambda word: json.dumps(
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


def write(folder: Path, name: str, encoded: bytes) -> Path:
    """Write the encoded word into a file, between other bytes."""
    file = folder / name
    file.write_bytes(PADDING.encode() * 99 + encoded + PADDING.encode())
    return file


@pytest.mark.parametrize("encoding", [*ENCODINGS, *COMPRESSED])
@pytest.mark.parametrize("word", [PERSON.email, PERSON.name])
@pytest.mark.parametrize("file", ["temporal.db", "temporal.db-wal"])
def test_a_person_is_found_in_the_store(tmp_path: Path, word: str, encoding: str, file: str) -> None:
    """The search covers the database and its journal."""
    write(tmp_path, file, {**ENCODINGS, **COMPRESSED}[encoding](word))
    assert privacy.in_store(tmp_path / "temporal.db", [PERSON], [])


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("word", [PERSON.email, PERSON.name, "a.secret.token"])
def test_a_person_is_found_in_logs(tmp_path: Path, word: str, encoding: str) -> None:
    """The search reports secrets too."""
    write(tmp_path, "worker.log", ENCODINGS[encoding](word))
    assert len(privacy.in_logs(tmp_path, [PERSON], ["a.secret.token"])) == 1


def test_an_idna_domain_is_found(tmp_path: Path) -> None:
    """Mail servers write domains in IDNA."""
    write(tmp_path, "worker.log", PERSON.email.replace("bücher", "xn--bcher-kva").encode())
    assert privacy.in_logs(tmp_path, [PERSON])


def test_other_content_is_not_reported(tmp_path: Path) -> None:
    """A compressed stream without people yields nothing."""
    file = write(tmp_path, "temporal.db", zlib.compress(PADDING.encode() * 99))
    assert not privacy.in_store(file, [PERSON], ["a.secret.token"])


def test_a_row_of_ids_is_not_taken_for_compressed_data(tmp_path: Path) -> None:
    """It looks like base85 for a hundred characters, except for the colons."""
    file = write(tmp_path, "temporal.db", b"c80-72e2-a2ce:sign-in:19be876c" * 9)
    assert not privacy.in_store(file, [PERSON], [])
