"""Looks for known flaws in all pinned libraries and writes a bill of materials: `make audit`.

Asks the database of https://osv.dev (another: `PIP_AUDIT_OSV_URL`). Exit codes: 0 no known flaw, 1 flaws, 4 the
database could not be asked, so nothing is known. The bill of what production installs is written in any case.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
REQUIREMENTS = PROJECT / "requirements"
BILL = PROJECT / ".audit" / "landbridge.cdx.json"
"""The bill of materials, in CycloneDX."""
FLAWS, NOT_ASKED = 1, 4
PATIENCE_SECONDS = 120.0
UNREACHABLE = (
    "The database of known flaws cannot be reached from here: NOTHING was checked. Run this where https://osv.dev can "
    "be reached, or name another in PIP_AUDIT_OSV_URL."
)


class NotAsked(Exception):
    """The database of known flaws could not be asked: nothing is known of these libraries."""


def main() -> int:
    """Write the bill, look for flaws, and return the exit code."""
    write_bill(BILL)
    sys.stdout.write(f"Bill of materials: {BILL.relative_to(PROJECT)}\n")
    try:
        audited = audit(sorted(REQUIREMENTS.glob("*.txt")))
    except NotAsked as error:
        sys.stdout.write(f"{error}\n")
        return NOT_ASKED
    flaws = [(library, flaw) for library in audited for flaw in library["vulns"]]
    for library, flaw in flaws:
        mended = ", ".join(flaw["fix_versions"]) or "no release yet"
        sys.stdout.write(f"{library['name']} {library['version']}: {flaw['id']}, mended in: {mended}\n")
    sys.stdout.write(f"{len(audited)} libraries asked about, {len(flaws)} known flaws.\n")
    return FLAWS if flaws else 0


def write_bill(bill: Path) -> None:
    """Write the bill of the libraries that production installs."""
    bill.parent.mkdir(exist_ok=True)
    source = REQUIREMENTS / "main.txt"
    tool = [_tool("cyclonedx-py"), "requirements", str(source), f"--pyproject={PROJECT / 'pyproject.toml'}"]
    # It warns that a list of pins says nothing of who needs whom; that is so.
    subprocess.run([*tool, "--output-reproducible", f"--output-file={bill}"], check=True, stderr=subprocess.DEVNULL)


def audit(requirements: list[Path]) -> list[dict[str, Any]]:
    """Return what is known of every library in these files.

    Raises:
        NotAsked: the database did not answer, or not for every library.

    """
    command = [_tool("pip-audit"), "--vulnerability-service=osv", "--format=json", "--progress-spinner=off"]
    command += ["--require-hashes", "--disable-pip", *(f"--requirement={file}" for file in requirements)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        raise NotAsked(UNREACHABLE) from None
    try:
        libraries = json.loads(done.stdout)["dependencies"]
    except json.JSONDecodeError:
        said = (done.stderr.strip() or "nothing").splitlines()[-1]
        is_about_network = said.startswith("requests.exceptions.")
        raise NotAsked(UNREACHABLE if is_about_network else f"NOTHING was checked. pip-audit said: {said}") from None
    if skipped := [library["name"] for library in libraries if "vulns" not in library]:
        raise NotAsked(f"The database gave no answer about {', '.join(skipped)}: the check is not complete.")
    return list(libraries)


def _tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


if __name__ == "__main__":
    sys.exit(main())
