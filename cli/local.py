"""Everything on this machine: written in `embedded`, which a machine in production need not have."""

import importlib
from typing import Annotated, Any

from cyclopts import Parameter

from domain.errors import BadInput


def demo(
    *, keep: Annotated[bool, Parameter(help="Leave all running in the end, to play with, until Ctrl-C.")] = False
) -> int | None:
    """Migrate a sample account."""
    code: int | None = _embedded("demo").main(keep=keep)
    return code


def dev() -> int | None:
    """Run everything in the foreground."""
    code: int | None = _embedded("dev").main()
    return code


def _embedded(part: str) -> Any:  # noqa: ANN401 - a module
    try:
        return importlib.import_module(f"embedded.{part}")
    except ModuleNotFoundError as error:
        raise BadInput(
            f"This runs on a machine for development only: {error.name} is not installed here. "
            "Install what it needs: python3 tools/bootstrap.py main"
        ) from None
