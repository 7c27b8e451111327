"""The tutorial's claim, and its loss against the one that Goodfellow et al. 2014 (section 3) recommend."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sinegan.report.referee.contrasts import ALPHA, contrast, holm
from sinegan.report.referee.statistics import last_share_mean
from sinegan.report.sweep import Sweep
from sinegan.theory.common import Row, Settings, kind, outcome, ratio_interval, runs_of, update, variant

EARLY = 1_000
"""The step at which a head start would show."""
RMSE = (0.021, 0.062)
"""Smallest and largest RMSE of 8 runs of the original script at step 10,000."""
PROBABILITY = (0.46, 0.53)
"""Smallest and largest mean D(real) and D(fake) of these."""

GAME: dict[str, dict[str, Any]] = {
    "optim": {"generator_lr": 1e-4, "discriminator_lr": 1e-4},
    "training": {"steps": 10_000, "batch_size": 64},
    "network": {"latent": 5, "generator": [64, 128], "discriminator": [64, 256]},
    "target": {"points": 16, "amplitude": 1.0, "frequency": 1.0},
}
"""The settings of the tutorial, besides the classes of its parts."""


def applies(settings: Settings) -> bool:
    """Applies to the tutorial's GAN with either loss."""
    classes = [kind(settings.get(group, {})) for group in ("target", "network", "optim")]
    return (
        classes == ["Sine", "Network", "Adam"]
        and kind(settings["loss"]) in ("Minimax", "NonSaturating")
        and not settings["penalty"]
        and all(settings[group].get(key) == value for group in GAME for key, value in GAME[group].items())
    )


def rows(sweep: Sweep, chosen: Sequence[Row]) -> Iterator[Row]:
    """Compares the medians at the end with the original script's, and the two losses by pairs of seeds."""
    runs: dict[str, dict[int, pd.DataFrame]] = {}
    games: dict[str, Row] = {}
    for about in chosen:
        settings = sweep.settings[about["configuration"]]
        games[variant(settings)] = {"variant": variant(settings), "update": update(settings)}
        runs[variant(settings)] = {
            int(seed): run
            for seed, run in runs_of(sweep, about, "rmse", "d_real", "d_fake")
            if run["step"].iloc[-1] >= settings["training"]["steps"]
        }
    for name, by_seed in runs.items():
        for metric, (low, high) in {"rmse": RMSE, "d_real": PROBABILITY, "d_fake": PROBABILITY}.items():
            last = [float(run[metric].iloc[-1]) for run in by_seed.values()]
            if last:
                row = outcome(
                    f"median {low:g} to {high:g}",
                    f"median {np.median(last):.3g} ({min(last):.3g} to {max(last):.3g}, {len(last)} runs)",
                    bool(low <= np.median(last) <= high),
                )
                yield {"check": f"tutorial, {metric} at the end"} | games[name] | row
    if {"Minimax", "NonSaturating"} <= set(runs):
        yield from losses(runs["Minimax"], runs["NonSaturating"], games["Minimax"]["update"])


def losses(
    minimax: Mapping[int, pd.DataFrame], non_saturating: Mapping[int, pd.DataFrame], taking_turns: str
) -> Iterator[Row]:
    """RMSE with minimax over that with non-saturating, early and late; both tests corrected (Holm 1979).

    Non-saturating is recommended for its stronger gradient early in learning; both have the same
    equilibrium. A difference that is not separated is no proof that there is none: the interval says
    how large it may be.
    """
    expected = {"early": "above 1, separated", "late": "not separated from 1"}
    moments: dict[str, Callable[[pd.DataFrame], float]] = {"early": _early, "late": _late}
    differences = {}
    for moment, value in moments.items():
        a, b = ({seed: value(run) for seed, run in runs.items()} for runs in (minimax, non_saturating))
        differences[moment] = contrast(a, b, positive=True)
    corrected = dict(zip(differences, holm([each.p for each in differences.values()]).tolist(), strict=True))
    for moment, difference in differences.items():
        apart = corrected[moment] < ALPHA
        interval = ratio_interval(difference)
        side = "separated" if apart else "not separated"
        words = f"{interval.words()} ({side}, p = {corrected[moment]:.2g}, {difference.n} pairs)"
        holds = (apart and interval.low > 1) if moment == "early" else not apart
        when = f"step {EARLY:,}" if moment == "early" else "last 20 %"
        game = {"variant": "rmse of Minimax / NonSaturating", "update": taking_turns}
        yield (
            {"check": f"tutorial, losses {moment} ({when})"} | game | outcome(expected[moment], words, holds)
        )


def _early(run: pd.DataFrame) -> float:
    """The RMSE at the first evaluation from EARLY on."""
    values: Any = run.loc[run["step"] >= EARLY, "rmse"]
    return float(values.iloc[0])


def _late(run: pd.DataFrame) -> float:
    return last_share_mean(run["rmse"])
