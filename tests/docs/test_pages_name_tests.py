"""Each promise in docs/explanation/ names existing tests, or says why there is no test."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
EXPLANATION = TESTS.parent / "docs" / "explanation"
RELIABILITY, SECURITY = EXPLANATION / "reliability.md", EXPLANATION / "security.md"
CATALOGUE = {"A": 14, "B": 6, "C": 14, "D": 9, "E": 14, "F": 7}
"""The number of faults of each kind, A to F."""
NO_TEST = "No test: "


def _faults() -> dict[str, str]:
    """Return each fault and the last cell of its table row."""
    cells = re.findall(r"^\| ([A-F]\d+) .*\| ([^|]+) \|$", RELIABILITY.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(dict(cells)) == len(cells), "a fault is listed twice"
    return dict(cells)


def _threats() -> dict[str, str]:
    """Return each threat and the last cell of its table row."""
    text = SECURITY.read_text(encoding="utf-8")
    tables = re.findall(r"^\| threat \|.*\n\| ---.*\n((?:\|.*\n)+)", text, re.MULTILINE)
    rows = [row.strip("| ").split(" | ") for table in tables for row in table.splitlines()]
    assert all(len(row) == 3 for row in rows), "a row has three cells"
    return {row[0]: row[2] for row in rows}


def _tests_in(file: Path) -> set[str]:
    """Return the names of a file's tests, in pytest's notation."""
    found = set[str]()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            functions = (inner for inner in node.body if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef))
            found |= {f"{node.name}::{function.name}" for function in functions}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
    return found


def test_the_catalogue_of_faults_is_complete() -> None:
    """Each fault is listed exactly once, and no unknown fault is listed."""
    assert set(_faults()) == {f"{kind}{number}" for kind, count in CATALOGUE.items() for number in range(1, count + 1)}


@pytest.mark.parametrize("promise", [*sorted(_faults().items()), *_threats().items()], ids=lambda row: row[0])
def test_each_promise_names_tests_that_exist(promise: tuple[str, str]) -> None:
    """A row that names no test says why."""
    cell = promise[1]
    named = re.findall(r"`([\w/]+\.py)::([\w:]+)`", cell)
    assert named or cell.startswith(NO_TEST), cell
    for file, test in named:
        assert test.rpartition("::")[2].startswith("test_")
        assert test in _tests_in(TESTS / file), f"{file}::{test} does not exist"
