from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.emulator.running import control, service

__all__ = ["control", "service"]


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Give each operation's test a unique id, which pytest-xdist requires."""
    for item in items:
        if label := getattr(item, "operation_label", ""):
            item._id = replace(item.id, params=label)  # noqa: SLF001 - schemathesis writes it into the name alone
