"""The pictures of docs/benchmarks.md."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.report import OURS
from benchmarks.results import Growth, Race
from benchmarks.statistics import spread

_OURS, _OTHERS = "#1a4fc4", "#8a97a8"
# The same results give the same file, and text stays text.
mpl.rcParams.update({"svg.hashsalt": "landbridge", "svg.fonttype": "none", "font.size": 10})


def race(result: Race, file: Path) -> None:
    """Draw how many people a second each moves."""
    rates = [spread([result.people / seconds for seconds in one.seconds]) for one in result.raced]
    figure = Figure(figsize=(8, 0.6 + 0.5 * len(rates)), layout="constrained")
    axes = figure.subplots()
    for row, (one, rate) in enumerate(zip(result.raced, rates, strict=True)):
        beside = [[rate.median - rate.least], [rate.most - rate.median]]
        axes.barh(row, rate.median, xerr=beside, color=_OURS if one.name == OURS else _OTHERS, capsize=3)
    axes.set_yticks(range(len(rates)), [one.label for one in result.raced])
    axes.invert_yaxis()
    axes.set_xlabel("people per second: median, least and most")
    axes.spines[["top", "right"]].set_visible(False)
    _save(figure, file)


def growth(result: Growth, file: Path) -> None:
    """Draw what one person costs by how many there are."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    panels = figure.subplots(1, 3)
    titles = ("milliseconds each", "history events each", "actions each")
    for workers in sorted({one.workers for one in result.grown}):
        grown = sorted((one for one in result.grown if one.workers == workers), key=lambda one: one.people)
        people = [one.people for one in grown]
        lines = [
            [1000 * one.seconds / one.people for one in grown],
            [one.events / one.people for one in grown],
            [one.actions / one.people for one in grown],
        ]
        for axes, line in zip(panels, lines, strict=True):
            axes.plot(people, line, marker="o", label=f"{workers} worker{'s' if workers > 1 else ''}")
    for axes, title in zip(panels, titles, strict=True):
        axes.set(title=title, xscale="log", xlabel="people")
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False)
    _save(figure, file)


def _save(figure: Figure, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Date": None})
