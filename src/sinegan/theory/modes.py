"""Which games keep all modes of a mixture: what three papers claim, beside what was found.

Lin et al. 2018 (PacGAN), table 1: a GAN loses modes, though nearly all of its samples are of high quality.
Arjovsky et al. 2017, abstract: Wasserstein GANs get rid of mode collapse. Huang et al. 2024 (R3GAN),
abstract: so does the relativistic pair with R1 and R2. A mode is captured when a sample is within 3
standard deviations of it, and such samples are of high quality (PacGAN, section 4.1, after Srivastava et
al. 2017).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sinegan.report.referee.statistics import estimate, last_share_mean
from sinegan.report.words.tables import Sweep
from sinegan.theory.common import Interval, Row, Settings, kind, runs_of, update, variant, verdict


class Published(NamedTuple):
    """Of PacGAN's GAN without packing: mean over 10 trials and its standard error."""

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
"""Games that are said to lose none, by loss and penalties."""


def applies(settings: Settings) -> bool:
    """To PacGAN's two mixtures, whatever the loss and the penalty."""
    target = settings.get("target", {})
    shape = [target.get(key) for key in ("gaussians", "radius", "side", "spacing", "std")]
    return kind(target) in PUBLISHED and shape in ([8, 1, None, None, 0.01], [None, None, 5, 2, 0.05])


def rows(sweep: Sweep, chosen: Sequence[Row]) -> Iterator[Row]:
    """Of the games that a paper makes a claim of. What the others found is in the report's tables."""
    for about in chosen:
        settings = sweep.settings[about["configuration"]]
        game = kind(settings["loss"]), tuple(sorted(settings["penalty"]))
        modes = values(sweep, about, "modes")
        said = {"variant": f"{kind(settings['target'])}: {variant(settings)}", "update": update(settings)}
        published = PUBLISHED[kind(settings["target"])]
        if game == LOSES and modes:
            yield {"check": "modes"} | said | _loses(published, modes)
            quality = values(sweep, about, "high_quality")
            yield {"check": "share of high-quality samples"} | said | _precise(published, quality)
        if game in KEEPS and modes:
            yield {"check": "modes"} | said | _keeps(published.all_modes, KEEPS[game], modes)


def _loses(published: Published, modes: Sequence[float]) -> Row:
    found = interval(modes)
    theirs = f"PacGAN's GAN: {published.modes:g} ± {published.modes_error:g}"
    holds = found.high < published.all_modes
    return verdict(f"fewer than {published.all_modes} ({theirs})", found.words(), holds)


def _precise(published: Published, quality: Sequence[float]) -> Row:
    """Holds unless the whole interval is below the published share."""
    found = interval(quality)
    theirs = f"{published.high_quality:g} ± {published.high_quality_error:g}"
    holds = found.high >= published.high_quality
    return verdict(f"no less than PacGAN's GAN: {theirs}", found.words(), holds)


def _keeps(all_modes: int, source: str, modes: Sequence[float]) -> Row:
    """Holds when the interval of the mean is nearer to all than to one fewer."""
    found = interval(modes)
    least = all_modes - 0.5
    return verdict(f"all {all_modes}, above {least:g} ({source})", found.words(), found.low > least)


def interval(values: Sequence[float]) -> Interval:
    """The mean over runs with its t interval."""
    return Interval(*estimate(values, positive=False)[1:4])


def values(sweep: Sweep, about: Row, metric: str) -> list[float]:
    """The mean of a metric over the last 20 % of evaluations, a number a run."""
    return [last_share_mean(run[metric]) for _, run in runs_of(sweep, about)]
