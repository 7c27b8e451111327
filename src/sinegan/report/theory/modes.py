"""Modes captured and share of high-quality samples, beside those of Lin et al. 2018 (PacGAN), table 1.

A mode is captured when a sample is within 3 standard deviations of it, and such samples are of high
quality (their section 4.1, after Srivastava et al. 2017).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sinegan.report.comparisons import contrast
from sinegan.report.contrasts import ALPHA, Difference, holm
from sinegan.report.statistics import estimate, last_share_mean
from sinegan.report.tables import Sweep
from sinegan.report.theory.common import Interval, Row, Settings, kind, runs_of, update, variant, verdict


class Published(NamedTuple):
    """Of their GAN without packing: mean over 10 trials and its standard error."""

    all_modes: int
    modes: float
    modes_error: float
    high_quality: float
    high_quality_error: float


PUBLISHED = {
    "GaussianRing": Published(8, 6.3, 0.5, 0.982, 0.002),
    "GaussianGrid": Published(25, 17.3, 0.8, 0.948, 0.007),
}


BASELINE = "NonSaturating"
"""What penalties are held against."""


def applies(settings: Settings) -> bool:
    """To their two mixtures, whatever the loss and the penalty."""
    target = settings.get("target", {})
    shape = [target.get(key) for key in ("gaussians", "radius", "side", "spacing", "std")]
    return kind(target) in PUBLISHED and shape in ([8, 1, None, None, 0.01], [None, None, 5, 2, 0.05])


def rows(sweep: Sweep, chosen: Sequence[Row]) -> Iterator[Row]:
    """Without penalty: modes and quality beside the published ones. With: modes gained over none.

    The gains are over the non-saturating loss alone on the same target, by pairs of seeds, their tests
    corrected (Holm 1979).
    """
    plain = {}
    for about in chosen:
        settings = sweep.settings[about["configuration"]]
        if variant(settings) == BASELINE:
            plain[kind(settings["target"])] = values(sweep, about, "modes")
    gains: list[tuple[Row, Difference]] = []
    for about in chosen:
        settings = sweep.settings[about["configuration"]]
        target, modes = kind(settings["target"]), values(sweep, about, "modes")
        said = {"variant": f"{target}: {variant(settings)}", "update": update(settings)}
        if not modes:
            continue
        if settings["penalty"]:
            gains.append((said, contrast(modes, plain.get(target, {}), positive=False)))
        else:
            quality = values(sweep, about, "high_quality")
            yield from _beside(PUBLISHED[target], list(modes.values()), list(quality.values()), said)
    corrected = holm([gain.p for _, gain in gains]).tolist()
    for (said, gain), p in zip(gains, corrected, strict=True):
        holds = p < ALPHA and gain.low > 0
        side = "separated" if p < ALPHA else "not separated"
        found = Interval(gain.difference, gain.low, gain.high).words()
        row = verdict("above 0, separated", f"{found} ({side}, p = {p:.2g}, {gain.n} pairs)", holds)
        yield {"check": f"modes, less those of {BASELINE} alone"} | said | row


def _beside(
    published: Published, modes: Sequence[float], quality: Sequence[float], said: Row
) -> Iterator[Row]:
    found = Interval(*estimate(modes, positive=False)[1:4])
    theirs = f"{published.modes:g} ± {published.modes_error:g}"
    words = f"fewer than {published.all_modes} (PacGAN's GAN: {theirs})"
    yield {"check": "modes"} | said | verdict(words, found.words(), found.high < published.all_modes)
    found = Interval(*estimate(quality, positive=False)[1:4])
    low, high = (published.high_quality + sign * 2 * published.high_quality_error for sign in (-1, 1))
    words = f"{low:.3g} to {high:.3g} (PacGAN's GAN, 2 standard errors)"
    holds = found.low <= high and low <= found.high
    yield {"check": "share of high-quality samples"} | said | verdict(words, found.words(), holds)


def values(sweep: Sweep, about: Row, metric: str) -> dict[int, float]:
    """The mean of a metric over the last 20 % of evaluations, by seed."""
    return {int(seed): last_share_mean(run[metric]) for seed, run in runs_of(sweep, about)}
