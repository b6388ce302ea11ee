"""Medians and spread of what was measured in interleaved rounds."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """A median with the least and the most."""

    median: float
    least: float
    most: float

    def format(self, digits: int = 1) -> str:
        """Return `median (least to most)`, rounded; the median alone where nothing was repeated."""
        if self.least == self.most:
            return _number(self.median, digits)
        return f"{_number(self.median, digits)} ({_number(self.least, digits)} to {_number(self.most, digits)})"


def spread(values: Sequence[float]) -> Spread:
    """Sum up what was measured several times."""
    return Spread(median=statistics.median(values), least=min(values), most=max(values))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Sum up how many times ours is theirs, round by round: what slows a whole round down cancels out.

    Raises:
        ValueError: they were not measured in the same rounds.

    """
    return spread([mine / other for mine, other in zip(ours, theirs, strict=True)])


def _number(value: float, digits: int) -> str:
    """Return a number with so many digits after the point, but never more than three that count."""
    if value:
        digits = max(0, min(digits, 2 - math.floor(math.log10(abs(value)))))
    return f"{value:,.{digits}f}"
