"""Texts in Temporal's Web UI, which reads them as Markdown."""

import re

_SIGNS = re.compile(r"([\\`*_{}\[\]()<>#+!|:~-])")
"""What begins something in Markdown. The Web UI (2.54) shows a backslash before a comma or a slash."""


def plain(text: str) -> str:
    """Escape a text that a person typed: it is shown literally, on one line, without links or tables."""
    return _SIGNS.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Return a command in the form in which it can be copied."""
    without = text.replace("`", "'")
    return f"`{without}`"
