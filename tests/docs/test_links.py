"""Links and page names in the documentation have existing targets."""

import re
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PAGES = [*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")]


def headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings, in GitHub's format."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    """The files and headings that links point to exist."""
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"https?:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link


def test_pages_named_in_code_and_messages_exist() -> None:
    """Help texts, errors and comments refer readers to these pages."""
    command = ["git", "grep", "-hoE", r"docs/[a-z/-]+\.md", "--", ".", ":!docs", ":!tests"]
    found = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)  # noqa: S603
    names = set(found.stdout.split())
    assert names
    assert [name for name in sorted(names) if not (PROJECT / name).exists()] == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_files_and_functions_that_a_page_names_exist(page: str) -> None:
    """Recipes name current code. Words in capitals are placeholders, and `pt.po` is an example."""
    command = ["git", "ls-files", "*.py"]
    listing = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)  # noqa: S603
    files = [PROJECT / name for name in listing.stdout.splitlines()]
    names = {name for file in files for name in re.findall(r"\w+", file.read_text(encoding="utf-8"))}
    quoted = re.findall(r"`([^`\n]+)`", (PROJECT / page).read_text(encoding="utf-8"))
    paths = {one for one in quoted if re.fullmatch(r"[a-z_]+/[\w./-]+\.\w+", one) and "pt.po" not in one}
    functions = {one for one in quoted if re.fullmatch(r"_?[a-z]+(_[a-z]+)+", one)}
    assert paths
    assert functions
    assert [path for path in sorted(paths) if not (PROJECT / path).exists()] == []
    assert sorted(functions - names) == []
