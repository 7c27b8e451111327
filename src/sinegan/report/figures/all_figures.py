"""All pictures of a sweep, by name."""

import pandas as pd
from matplotlib.figure import Figure

from sinegan.report.figures.curves import generated_curves, learning_curves
from sinegan.report.figures.dynamics import gradient_norms, value_and_probabilities
from sinegan.report.figures.heat_map import heat_map
from sinegan.report.figures.intervals import MOST_NAMED, interval_plot
from sinegan.report.words.escapes import in_file_name
from sinegan.report.words.tables import Sweep
from sinegan.statuses import ENDED_WELL


def all_figures(sweep: Sweep, table: pd.DataFrame) -> dict[str, Figure]:
    """The pictures that apply to a sweep, by their file names, the most telling first.

    table: a row a configuration in the sweep's order, as `configurations_table` makes it.
    """
    figures: dict[str, Figure | None] = {}
    by_metric = sweep.configurations.reset_index().groupby("metric", sort=False)["index"]
    for metric, places in by_metric:
        rows = table.iloc[places.tolist()]
        # Numbers of two metrics cannot stand on one axis.
        ending = "" if len(by_metric) == 1 else f"_{in_file_name(str(metric))}"
        if len(table) > 1:
            for which, part in interval_parts(sweep, places.tolist()).items():
                runs = run_values_of(sweep, part)
                shown = table.iloc[part]
                figures[f"intervals{ending}{which}"] = interval_plot(shown, sweep.swept, str(metric), runs)
        figures[f"heat_map{ending}"] = heat_map(rows, sweep.swept, str(metric), untrained(sweep, str(metric)))
    figures["learning_curves"] = learning_curves(sweep)
    figures["generated_curves"] = generated_curves(sweep)
    figures["value_and_probabilities"] = value_and_probabilities(sweep)
    figures["gradient_norms"] = gradient_norms(sweep)
    return {name: figure for name, figure in figures.items() if figure is not None}


def interval_parts(sweep: Sweep, places: list[int]) -> dict[str, list[int]]:
    """The configurations of each picture of intervals, by the ending of its name.

    All in one where that has names, or of a single target; else a picture a target.
    """
    problems = sweep.samples.rows["problem"].iloc[places]
    if len(places) <= MOST_NAMED or problems.nunique() == 1:
        return {"": places}
    groups = pd.Series(places).groupby(problems.to_numpy(), sort=False)
    return {f"_{number}": group.tolist() for number, (_, group) in enumerate(groups, start=1)}


def run_values_of(sweep: Sweep, places: list[int]) -> list[list[float]]:
    """The primary metric of the runs of these configurations that ended well."""
    values: dict[str, list[float]] = {name: [] for name in sweep.configurations["configuration"]}
    well = sweep.runs[sweep.runs["status"].isin(ENDED_WELL)]
    for key in zip(well["configuration"], well["seed"], strict=True):
        if key in sweep.values:
            values[key[0]].append(sweep.values[key])
    return [values[name] for name in sweep.configurations["configuration"].iloc[places]]


def untrained(sweep: Sweep, metric: str) -> float | None:
    """The median of a metric before the first step, where it was measured."""
    if metric not in sweep.history:
        return None
    start = sweep.history.loc[sweep.history["step"] == 0, metric].dropna()
    return float(start.median()) if len(start) else None
