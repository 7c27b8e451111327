"""All pictures of a sweep, by name."""

import pandas as pd
from matplotlib.figure import Figure

from sinegan.report.figures.curves import generated_curves, learning_curves
from sinegan.report.figures.decisions import decision_figures
from sinegan.report.figures.dynamics import gradient_norms, value_and_probabilities
from sinegan.report.figures.heat_map import heat_map
from sinegan.report.figures.intervals import MOST_NAMED, interval_plot
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.run_values import untrained
from sinegan.report.words.escapes import in_file_name
from sinegan.statuses import ENDED_WELL


def all_figures(analysis: Analysis) -> dict[str, Figure]:
    """Draws the pictures that apply to a sweep, by their file names, the most informative first."""
    sweep, table = analysis.sweep, analysis.table
    figures: dict[str, Figure | None] = {}
    by_metric = sweep.configurations.reset_index().groupby("metric", sort=False)["index"]
    for metric, group in by_metric:
        places = group.tolist()
        # Two metrics cannot share an axis.
        ending = "" if len(by_metric) == 1 else f"_{in_file_name(str(metric))}"
        if len(table) > 1:
            for part_ending, part in interval_parts(analysis, places).items():
                figures[f"intervals{ending}{part_ending}"] = interval_plot(
                    table.iloc[part], sweep.swept, str(metric), values_of_runs(analysis, part)
                )
        start = untrained(sweep.history, str(metric))
        figures[f"heat_map{ending}"] = heat_map(table.iloc[places], sweep.swept, str(metric), start)
    for ending, figure in decision_figures(analysis).items():
        figures[f"decisions{ending}"] = figure
    figures["learning_curves"] = learning_curves(analysis)
    figures["generated_curves"] = generated_curves(analysis)
    figures["value_and_probabilities"] = value_and_probabilities(analysis)
    figures["gradient_norms"] = gradient_norms(sweep)
    return {name: figure for name, figure in figures.items() if figure is not None}


def interval_parts(analysis: Analysis, places: list[int]) -> dict[str, list[int]]:
    """The configurations of each picture of intervals, by the ending of its name.

    All are in one picture if it has room for their names, or if they share a target; otherwise each target
    has a picture.
    """
    problems = analysis.samples.rows["problem"].iloc[places]
    if len(places) <= MOST_NAMED or problems.nunique() == 1:
        return {"": places}
    groups = pd.Series(places).groupby(problems.to_numpy(), sort=False)
    return {f"_{number}": group.tolist() for number, (_, group) in enumerate(groups, start=1)}


def values_of_runs(analysis: Analysis, places: list[int]) -> list[list[float]]:
    """For each of these configurations, the primary metric of its runs that ended well."""
    names = analysis.sweep.configurations["configuration"]
    values: dict[str, list[float]] = {name: [] for name in names}
    runs = analysis.sweep.runs
    well = runs[runs["status"].isin(ENDED_WELL)]
    for configuration, seed in zip(well["configuration"], well["seed"], strict=True):
        if (configuration, seed) in analysis.values:
            values[configuration].append(analysis.values[configuration, seed])
    return [values[name] for name in names.iloc[places]]
