"""Median and range of measurements from interleaved rounds."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """Median, minimum and maximum."""

    median: float
    minimum: float
    maximum: float

    def format(self, digits: int = 1) -> str:
        """Return `median (minimum to maximum)`, rounded; only the median if all values are equal."""
        if self.minimum == self.maximum:
            return _number(self.median, digits)
        return f"{_number(self.median, digits)} ({_number(self.minimum, digits)} to {_number(self.maximum, digits)})"


def spread(values: Sequence[float]) -> Spread:
    """Summarize repeated measurements."""
    return Spread(median=statistics.median(values), minimum=min(values), maximum=max(values))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Summarize the ratio of ours to theirs in each round. A slow round slows both, so the effect cancels out.

    Raises:
        ValueError: the numbers of rounds differ.

    """
    return spread([mine / other for mine, other in zip(ours, theirs, strict=True)])


def _number(value: float, digits: int) -> str:
    """Format a number with up to `digits` decimals, and at most three significant digits."""
    if value:
        digits = max(0, min(digits, 2 - math.floor(math.log10(abs(value)))))
    return f"{value:,.{digits}f}"
