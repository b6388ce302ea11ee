"""The wheel contains everything that the installed command line, portal and mailer need."""

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PACKAGES = ("activities", "landbridge", "workflows")


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder outside the checkout."""
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel; the backend comes from this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target=wheel", f"--directory={folder}"]
    built = run(*command, folder=PROJECT)
    assert built.returncode == 0, built.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into an empty environment without network; return the folder of its programs."""
    folder = tmp_path_factory.mktemp("installed")
    environment = folder / "venv"
    created = run(sys.executable, "-m", "venv", "--without-pip", environment, folder=folder)
    assert created.returncode == 0, created.stderr
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", f"--python={python}"]
    installed = run(*pip, "install", "--quiet", "--no-index", "--no-deps", wheel, folder=folder)
    assert installed.returncode == 0, installed.stderr
    # This environment provides the dependencies.
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    return environment / "bin"


def test_every_file_of_the_packages_is_in_the_wheel(wheel: Path) -> None:
    """Templates, catalogues, style sheets and scripts are in the wheel too."""
    listed = subprocess.run(  # noqa: S603
        ["git", "ls-files", *PACKAGES],  # noqa: S607
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    files = {name for name in listed.stdout.splitlines() if (PROJECT / name).exists()}
    contents = set(zipfile.ZipFile(wheel).namelist())
    assert files
    assert files <= contents


def test_nothing_else_is_in_the_wheel(wheel: Path) -> None:
    """The emulator, the demo, the benchmarks and the tests stay in the checkout."""
    folders = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {folder for folder in folders if not folder.endswith(".dist-info")} == set(PACKAGES)


def test_version(programs: Path, tmp_path: Path) -> None:
    """The version comes from the installed package's metadata."""
    shown = run(programs / "landbridge", "--version", folder=tmp_path)
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "0.1.0\n", "")


def test_help(programs: Path, tmp_path: Path) -> None:
    """The test shows the list of commands, and the help for a single command."""
    for arguments in (["--help"], ["start", "--help"]):
        shown = run(programs / "landbridge", *arguments, folder=tmp_path)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert "start" in shown.stdout


def test_the_installed_code_is_used(programs: Path, tmp_path: Path) -> None:
    """The other tests would prove nothing if they imported the checkout."""
    shown = run(programs / "python", "-c", "import landbridge; print(landbridge.__file__)", folder=tmp_path)
    assert shown.stdout.startswith(str(programs.parent))


@pytest.mark.parametrize("command", ["demo", "dev"])
def test_commands_for_development_name_the_checkout(programs: Path, tmp_path: Path, command: str) -> None:
    """An installed package does not contain the emulator."""
    shown = run(programs / "landbridge", command, folder=tmp_path)
    assert shown.returncode == 2
    assert "run in a checkout of Landbridge only" in shown.stderr
