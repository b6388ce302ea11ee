"""Commands that run all services on this machine; they need `dev`, which is not part of a production installation."""

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
        raise BadInput(
            f"{error.name} is not installed: this command needs the development dependencies. "
            "Install them in a checkout: python3 tools/bootstrap.py embedded"
        ) from None
