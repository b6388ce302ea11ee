"""The plots of docs/benchmarks.md."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.report import OURS
from benchmarks.results import Growth, Race
from benchmarks.statistics import spread

_OURS, _OTHERS = "#1a4fc4", "#8a97a8"
# The same results produce the same file, and text is not converted to paths.
mpl.rcParams.update({"svg.hashsalt": "landbridge", "svg.fonttype": "none", "font.size": 10})


def race(result: Race, file: Path) -> None:
    """Plot the people per second of each contestant."""
    rates = [spread([result.people / seconds for seconds in contestant.seconds]) for contestant in result.raced]
    figure = Figure(figsize=(8, 0.6 + 0.5 * len(rates)), layout="constrained")
    axes = figure.subplots()
    for row, (contestant, rate) in enumerate(zip(result.raced, rates, strict=True)):
        errors = [[rate.median - rate.minimum], [rate.maximum - rate.median]]
        axes.barh(row, rate.median, xerr=errors, color=_OURS if contestant.name == OURS else _OTHERS, capsize=3)
    axes.set_yticks(range(len(rates)), [contestant.label for contestant in result.raced])
    axes.invert_yaxis()
    axes.set_xlabel("people per second: median, minimum and maximum")
    axes.spines[["top", "right"]].set_visible(False)
    _save(figure, file)


def growth(result: Growth, file: Path) -> None:
    """Plot the cost of one person by the size of the migration."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    panels = figure.subplots(1, 3)
    titles = ("milliseconds per person", "history events per person", "actions per person")
    for workers in sorted({run.workers for run in result.grown}):
        grown = sorted((run for run in result.grown if run.workers == workers), key=lambda run: run.people)
        people = [run.people for run in grown]
        lines = [
            [1000 * run.seconds / run.people for run in grown],
            [run.events / run.people for run in grown],
            [run.actions / run.people for run in grown],
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
