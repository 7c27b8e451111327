"""Mode coverage of mixtures: the claims of three papers next to the results.

Lin et al. 2018 (PacGAN), table 1: a GAN loses modes, though nearly all of its samples are of high quality.
Arjovsky et al. 2017, abstract: Wasserstein GANs get rid of mode collapse. Huang et al. 2024 (R3GAN),
abstract: so does the relativistic pair with R1 and R2. A mode is captured when a sample is within 3
standard deviations of it, and such samples are of high quality (PacGAN, section 4.1, after Srivastava et
al. 2017).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sinegan.report.referee.statistics import estimate, last_share_mean
from sinegan.report.sweep import Sweep
from sinegan.theory.common import Interval, Row, Settings, kind, outcome, runs_of, update, variant


class Published(NamedTuple):
    """The results of PacGAN's GAN without packing: mean over 10 trials and its standard error."""

    all_modes: int
    modes: float
    modes_error: float
    high_quality: float
    high_quality_error: float


PUBLISHED = {
    "GaussianRing": Published(8, 6.3, 0.5, 0.982, 0.002),
    "GaussianGrid": Published(25, 17.3, 0.8, 0.948, 0.007),
}

LOSES = ("NonSaturating", ())
"""PacGAN's GAN: its generator maximises log D."""

KEEPS = {
    ("Wasserstein", ("wgan_gp",)): "Arjovsky et al. 2017",
    ("RelativisticPaired", ("r1", "r2")): "Huang et al. 2024",
}
"""Games that a paper claims to lose no mode, by loss and penalties."""


def applies(settings: Settings) -> bool:
    """Applies to PacGAN's two mixtures, with any loss and penalty."""
    target = settings.get("target", {})
    shape = [target.get(key) for key in ("gaussians", "radius", "side", "spacing", "std")]
    return kind(target) in PUBLISHED and shape in ([8, 1, None, None, 0.01], [None, None, 5, 2, 0.05])


def rows(sweep: Sweep, chosen: Sequence[Row]) -> Iterator[Row]:
    """Compares the games that a paper makes a claim about. The others are in the report's tables."""
    for about in chosen:
        settings = sweep.settings[about["configuration"]]
        game = kind(settings["loss"]), tuple(sorted(settings["penalty"]))
        modes = values(sweep, about, "modes")
        name = f"{kind(settings['target'])}: {variant(settings)}"
        about_game = {"variant": name, "update": update(settings)}
        published = PUBLISHED[kind(settings["target"])]
        if game == LOSES and modes:
            yield {"check": "modes"} | about_game | _lost_modes(published, modes)
            quality = values(sweep, about, "high_quality")
            yield (
                {"check": "share of high-quality samples"} | about_game | _sample_quality(published, quality)
            )
        if game in KEEPS and modes:
            yield {"check": "modes"} | about_game | _kept_modes(published.all_modes, KEEPS[game], modes)


def _lost_modes(published: Published, modes: Sequence[float]) -> Row:
    measured = interval(modes)
    reported = f"PacGAN's GAN: {published.modes:g} ± {published.modes_error:g}"
    holds = measured.high < published.all_modes
    return outcome(f"fewer than {published.all_modes} ({reported})", measured.words(), holds)


def _sample_quality(published: Published, quality: Sequence[float]) -> Row:
    """Holds unless the whole interval is below the published share."""
    measured = interval(quality)
    reported = f"{published.high_quality:g} ± {published.high_quality_error:g}"
    holds = measured.high >= published.high_quality
    return outcome(f"no less than PacGAN's GAN: {reported}", measured.words(), holds)


def _kept_modes(all_modes: int, source: str, modes: Sequence[float]) -> Row:
    """Holds when the interval of the mean is nearer to all than to one fewer."""
    measured = interval(modes)
    least = all_modes - 0.5
    return outcome(f"all {all_modes}, above {least:g} ({source})", measured.words(), measured.low > least)


def interval(values: Sequence[float]) -> Interval:
    """The mean over runs with its t interval."""
    return Interval(*estimate(values, positive=False)[1:4])


def values(sweep: Sweep, about: Row, metric: str) -> list[float]:
    """For each run, the mean of a metric over the last 20 % of its evaluations."""
    return [last_share_mean(run[metric]) for _, run in runs_of(sweep, about, metric)]
