"""Texts for Temporal's Web UI, which renders them as Markdown."""

import re

_SYNTAX = re.compile(r"([\\`*_{}\[\]()<>#+!|:~-])")
"""Characters of Markdown syntax. Not comma and slash: before them, the Web UI (2.54) shows the backslash."""


def plain(text: str) -> str:
    """Escape a text that a person typed: it is shown literally, on one line, without links or tables."""
    return _SYNTAX.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Return a command as inline code, which can be copied."""
    without = text.replace("`", "'")
    return f"`{without}`"
