"""The commands `demo` and `dev`. They need a checkout: their code is in `dev/`, which wheels and images leave out."""

import importlib
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from landbridge.domain.errors import BadInput

_STATE = Path(__file__).resolve().parents[2] / ".landbridge"


async def demo(
    *,
    keep: Annotated[bool, Parameter(help="Keep everything running at the end, until Ctrl-C.")] = False,
    folder: Annotated[
        Path, Parameter(help="Folder for data, mails and logs; its contents are deleted.", metavar="DIR")
    ] = (_STATE / "demo"),
) -> int:
    """Run a sample migration."""
    code: int = await _load("run").main(folder, keep=keep)
    return code


async def dev(
    *,
    folder: Annotated[
        Path, Parameter(help="Folder for data, mails and logs; its contents are kept.", metavar="DIR")
    ] = (_STATE / "dev"),
) -> None:
    """Run all services in the foreground."""
    await _load("dev").main(folder)


def _load(part: str) -> Any:  # noqa: ANN401 - a module
    try:
        return importlib.import_module(f"dev.demo.{part}")
    except ModuleNotFoundError as error:
        if error.name == "dev":
            raise BadInput("demo and dev run in a checkout of Landbridge only: this is an installed package.") from None
        raise BadInput(
            f"This runs on a machine for development only: {error.name} is not installed here. "
            "Install what it needs: python3 tools/bootstrap.py local"
        ) from None
