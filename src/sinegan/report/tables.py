"""From the folders of a sweep to tidy tables."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from sinegan.report.samples import label as label
from sinegan.report.statistics import caution, estimate, last_share_mean
from sinegan.results import ENDED_WELL, ResultFilesError, records, stored_history, stored_runs

NEEDED = {"overrides", "settings", "primary_metric", "engine"}
LOG_4 = math.log(4)
WHERE = "give a folder below outputs/sweeps or outputs/runs"


class UnreadableSweepError(ValueError):
    """The folder holds nothing that a report could be made of."""


@dataclass(frozen=True)
class Sweep:
    """What a folder holds, as tidy DataFrames.

    configurations: a row a configuration, with its folder, metric, engine and swept keys.
    runs: a row a run. history: a row a run and evaluation. Both carry `configuration` and the
    swept keys as columns.
    """

    folder: Path
    swept: list[str]
    configurations: pd.DataFrame
    runs: pd.DataFrame
    history: pd.DataFrame
    settings: dict[str, dict[str, Any]]
    """The resolved settings of each configuration, by its name."""
    shared: dict[str, str] = field(default_factory=dict)
    """The overrides that all configurations share."""

    @cached_property
    def table(self) -> pd.DataFrame:
        """`wide_table`, made once."""
        return wide_table(self)

    @cached_property
    def values(self) -> dict[tuple[str, int], float]:
        """`run_values`, made once."""
        return run_values(self)


def load_sweep(folder: str | Path) -> Sweep:
    """Reads a sweep's folder, or that of a single run, finished or not.

    Raises UnreadableSweepError when there is no configuration in it.
    """
    home = Path(folder)
    if not home.is_dir():
        raise UnreadableSweepError(
            f"{home}: no such folder; give a folder below outputs/sweeps or outputs/runs"
        )
    folders = configuration_folders(home)
    if not folders:
        found = ", ".join(sorted(path.name for path in home.iterdir())[:5]) or "nothing"
        raise UnreadableSweepError(f"{home}: holds no configuration (found: {found}); {WHERE}")
    provenance = {path.name: _read_json(path / "provenance.json") for path in folders}
    overrides = {name: split_overrides(known["overrides"]) for name, known in provenance.items()}
    swept = swept_keys(list(overrides.values()))
    rows, runs, histories = [], [], []
    for path in folders:
        known = provenance[path.name]
        keys = {key: overrides[path.name].get(key) for key in swept}
        about = {"configuration": path.name} | keys
        rows.append(
            about
            | {"folder": str(path), "metric": known["primary_metric"], "engine": known["engine"]}
            | {"steps": known["settings"]["training"]["steps"], "seeds": known["settings"]["seeds"]}
        )
        try:
            stored = stored_runs(path)
            histories.append(_with(about, stored_history(stored)))
            runs.append(_with(about, stored.drop(columns="source")))
        except ResultFilesError as error:
            raise UnreadableSweepError(str(error)) from error
    return Sweep(
        home,
        swept,
        pd.DataFrame(rows),
        _joined(runs, ["configuration", *swept, "seed", "status", "step", "seconds", "message"]),
        _joined(histories, ["configuration", *swept, "seed", "step"]),
        {name: known["settings"] for name, known in provenance.items()},
        {key: value for key, value in next(iter(overrides.values())).items() if key not in swept},
    )


def configuration_folders(home: Path) -> list[Path]:
    """The folders of the configurations of a sweep, in the order of their numbers."""
    if (home / "provenance.json").exists():
        return [home]
    found = [file.parent for file in home.glob("*/provenance.json")]
    return sorted(
        found, key=lambda path: (0, int(path.name), "") if path.name.isdigit() else (1, 0, path.name)
    )


def split_overrides(overrides: Iterable[str]) -> dict[str, str]:
    """`['optim.lr=0.1', '+x=2']` -> `{'optim.lr': '0.1', 'x': '2'}`."""
    pairs = (text.split("=", 1) for text in overrides if "=" in text)
    return {key.lstrip("+~"): value.strip("'\"") for key, value in pairs}


def swept_keys(overrides: list[dict[str, str]]) -> list[str]:
    """The keys that differ between configurations, in the order of the command."""
    keys = dict.fromkeys(key for one in overrides for key in one)
    return [key for key in keys if len({one.get(key) for one in overrides}) > 1]


def configurations_table(sweep: Sweep) -> pd.DataFrame:
    """The comparison table: a row a configuration, in the order of the sweep.

    Columns: the swept keys (and `metric` when configurations differ in it), `n`, `failed`,
    `diverged`, `estimate`, `low`, `high`, `median`, `seconds`. The estimate is of the primary
    metric of the `n` runs that ended well; `seconds` is the time of all its runs together.
    """
    wide = sweep.table
    mixed = ["metric"] if wide["metric"].nunique() > 1 else []
    fixed = ["n", "failed", "diverged", "estimate", "low", "high", "median", "seconds"]
    return wide[[*sweep.swept, *mixed, *fixed]]


def wide_table(sweep: Sweep) -> pd.DataFrame:
    values = sweep.values
    runs = dict(iter(sweep.runs.groupby("configuration", sort=False)))
    rows = []
    for about in records(sweep.configurations):
        mine = runs.get(about["configuration"], sweep.runs.head(0))
        status = mine["status"].value_counts()
        ended_well = mine[mine["status"].isin(ENDED_WELL)]
        keys = [(about["configuration"], seed) for seed in ended_well["seed"].tolist()]
        found = estimate([values[key] for key in keys if key in values])
        counts = {"failed": status.get("failed", 0), "diverged": status.get("diverged", 0)}
        unfinished = about["seeds"] - len(ended_well) - sum(counts.values())
        seconds = mine["seconds"].sum()
        rows.append(about | found._asdict() | counts | {"unfinished": unfinished, "seconds": seconds})
    return pd.DataFrame(rows)


def run_values(sweep: Sweep) -> dict[tuple[str, int], float]:
    """The primary metric of each run, by configuration and seed: the mean over its last evaluations."""
    metric = dict(zip(sweep.configurations["configuration"], sweep.configurations["metric"], strict=True))
    if sweep.history.empty:
        return {}
    groups: Any = sweep.history.groupby(["configuration", "seed"], sort=False)
    return {(name, seed): last_share_mean(history[metric[name]]) for (name, seed), history in groups}


def objective(sweep: Sweep) -> float:
    """What a search minimises: the mean of the primary metric over the runs of a configuration.

    Infinite when a run diverged or failed: a setting that loses runs is not a good one.
    """
    if not sweep.runs["status"].isin(ENDED_WELL).all():
        return math.inf
    values = list(sweep.values.values())
    return sum(values) / len(values) if values else math.inf


def theory_table(sweep: Sweep) -> pd.DataFrame:
    """How far each configuration is from the optimum of Goodfellow et al. 2014.

    There D* = p_data / (p_data + p_g) = 1/2 and the value V = -log 4. Medians over the runs that
    ended well, of the mean over their last evaluations.
    """
    names = ["d_real", "d_fake", "value", "value_gap"]
    ended = sweep.runs[sweep.runs["status"].isin(ENDED_WELL)][["configuration", "seed"]]
    if ended.empty or sweep.history.empty:
        return pd.DataFrame(columns=[*sweep.swept, *names])
    history = sweep.history.merge(ended, on=["configuration", "seed"])
    by_run = history.groupby(["configuration", "seed"], sort=False)[names].agg(last_share_mean)
    medians = by_run.groupby("configuration", sort=False).median().reset_index()
    labels = sweep.configurations[["configuration", *sweep.swept]]
    return labels.merge(medians, on="configuration").drop(columns="configuration")


def notes(sweep: Sweep) -> list[str]:
    """Sentences that belong under the table: what is missing, what failed, how few seeds there are."""
    wide, values = sweep.table, sweep.values
    said: list[str] = []
    for row in records(wide):
        mine = sweep.runs[sweep.runs["configuration"] == row["configuration"]]
        said += [f"{label(row, sweep.swept)}: {words}." for words in _shortcomings(row, mine, values)]
    few = {n: caution(n) for n in sorted(set(wide["n"])) if caution(n)}
    return said + [f"n = {n}: {sentence}." for n, sentence in few.items()]


def _shortcomings(
    row: dict[str, Any], mine: pd.DataFrame, values: dict[tuple[str, int], float]
) -> Iterator[str]:
    """What a row's estimate does not tell. mine: its runs; values: the primary metric of all runs."""
    of_all = f"of {row['seeds']} runs"
    by_status = {str(status): runs for status, runs in mine.groupby("status")}
    if row["unfinished"]:
        begun = by_status.get("unfinished", mine.head(0))
        reached = "not begun"
        if len(begun):
            so_far = begun["seed"].map(lambda seed: values.get((row["configuration"], seed), math.nan))
            reached = f"step {begun['step'].max():,.0f} of {row['steps']:,}"
            reached += f", median {row['metric']} so far {so_far.median():.3g}"
        yield f"{row['unfinished']} {of_all} are unfinished ({reached})"
    if row["diverged"]:
        first = by_status["diverged"]["step"].min()
        yield f"{row['diverged']} {of_all} diverged, the first at step {first:,.0f}"
    if row["failed"]:
        messages = by_status["failed"]["message"].dropna().unique()
        yield f"{row['failed']} {of_all} failed: {'; '.join(messages)}"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        if not set(content) >= NEEDED:
            raise ValueError(f"it lacks {', '.join(sorted(NEEDED - set(content)))}")
    except (OSError, ValueError, TypeError) as error:
        raise UnreadableSweepError(
            f"{path}: cannot be read ({error}); restore it or move its folder away"
        ) from error
    return content


def _with(about: dict[str, Any], frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with leading columns; the seed of a run stands for itself when seeds are swept."""
    new = {name: value for name, value in about.items() if name not in frame}
    for place, (name, value) in enumerate(new.items()):
        frame.insert(place, name, value)
    return frame


def _joined(frames: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=columns)
