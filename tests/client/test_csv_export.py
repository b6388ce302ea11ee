"""Answers of the client as CSV."""

from landbridge.client import csv_export
from landbridge.domain.messages import NotSent
from landbridge.domain.text import text


def test_texts_are_written_in_english() -> None:
    """The export does not show templates and values."""
    line = NotSent(email="ann@example.com", reason=text("Wait {total_seconds} seconds.", total_seconds=3))
    assert csv_export.rows([line]) == "ann@example.com,Wait 3 seconds.\n"
