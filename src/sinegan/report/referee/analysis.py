"""All numbers that a report states about a sweep, each computed once."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from sinegan.report.referee.comparisons import MARGIN, compare_samples, problems_of, ranks, winners
from sinegan.report.referee.effects import factor_effects
from sinegan.report.referee.estimates import configurations_table, secondary_table, theory_table, wide_table
from sinegan.report.referee.problem import Problem
from sinegan.report.referee.run_values import MEAN, Samples, run_summaries, samples_of
from sinegan.report.sweep import Sweep


@dataclass(frozen=True)
class Analysis:
    """A sweep, judged by its primary metric. Each part is computed when it is first needed.

    margin: the share by which two configurations may differ and still be equal.
    """

    sweep: Sweep
    margin: float = MARGIN

    @cached_property
    def summaries(self) -> pd.DataFrame:
        """A row a run: as `run_summaries`."""
        return run_summaries(self.sweep)

    @cached_property
    def values(self) -> dict[tuple[str, int], float]:
        """The primary metric of each run, by configuration and seed."""
        table = self.summaries
        runs = zip(table["configuration"].tolist(), table["seed"].tolist(), strict=True)
        return dict(zip(runs, table[MEAN].tolist(), strict=True))

    @cached_property
    def samples(self) -> Samples:
        return samples_of(self.sweep, summaries=self.summaries)

    @cached_property
    def problems(self) -> dict[str, Problem]:
        """The samples of each problem."""
        return problems_of(self.samples)

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """A row a pair of configurations: as `compare`."""
        return compare_samples(self.samples, self.margin)

    @cached_property
    def ranks(self) -> pd.DataFrame:
        """A row a configuration: `rank` and `tie_group`."""
        return ranks(self.samples, self.comparisons)

    @cached_property
    def winners(self) -> list[bool]:
        """For each configuration, whether it is the best of its problem: as `comparisons.winners`."""
        return winners(self.samples, self.comparisons)

    @cached_property
    def effects(self) -> pd.DataFrame:
        """A row an effect of a swept key: as `factor_effects`."""
        return factor_effects(self.samples)

    @cached_property
    def wide_table(self) -> pd.DataFrame:
        """A row a configuration, with all its numbers."""
        return wide_table(self.sweep, self.samples, self.ranks)

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row a configuration: the comparison table, as `configurations_table`."""
        return configurations_table(self.sweep, self.wide_table)

    @cached_property
    def secondary(self) -> pd.DataFrame:
        """A row a configuration: as `secondary_table`."""
        return secondary_table(self.sweep, self.samples, self.summaries)

    @cached_property
    def theory(self) -> pd.DataFrame:
        """A row a configuration: its distance from the optimum, as `theory_table`."""
        return theory_table(self.sweep)
