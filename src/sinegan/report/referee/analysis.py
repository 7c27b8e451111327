"""All numbers that a report states about a sweep, each computed once."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from sinegan.designs import Design, Sequential
from sinegan.report.referee.comparisons import (
    MARGIN,
    compare_courses,
    compare_samples,
    problems_of,
    ranks,
    winners,
)
from sinegan.report.referee.courses import (
    Replay,
    courses_of,
    first_seed,
    ignores_design,
    looked_at,
    replay,
    stored_design,
    with_shared_seeds,
)
from sinegan.report.referee.decisions import decisions_table
from sinegan.report.referee.effects import factor_effects
from sinegan.report.referee.estimates import configurations_table, secondary_table, theory_table, wide_table
from sinegan.report.referee.looks import Course
from sinegan.report.referee.problem import Problem
from sinegan.report.referee.run_values import MEAN, Samples, run_summaries, samples_of
from sinegan.report.sweep import Sweep


@dataclass(frozen=True)
class Analysis:
    """A sweep, judged by its primary metric. Each part is computed when it is first needed.

    fixed_margin: the share by which two configurations may differ and still be equal, in a fixed design.
    """

    sweep: Sweep
    fixed_margin: float = MARGIN

    @cached_property
    def design(self) -> Design:
        """The design by which the sweep got its seeds."""
        return stored_design(self.sweep)

    @property
    def margin(self) -> float:
        """The share by which two may differ and still be equal; a sequential design has its own."""
        return self.design.margin if isinstance(self.design, Sequential) else self.fixed_margin

    @cached_property
    def courses(self) -> dict[str, Course]:
        """The course of a sequential design, by problem; empty for a fixed one."""
        if not isinstance(self.design, Sequential):
            return {}
        return courses_of(self.all_samples, self.design, first_seed(self.sweep))

    @cached_property
    def summaries(self) -> pd.DataFrame:
        """A row a run: as `run_summaries`."""
        return run_summaries(self.sweep)

    def judged(
        self,
        metric: str | None = None,
        by: Sequence[str] | None = None,
        tolerance: float | None = None,
    ) -> tuple[Samples, pd.DataFrame]:
        """The samples of any metric and grouping, and their comparisons.

        A sequential design gave configurations different numbers of seeds. Groups of configurations, and
        metrics that it did not look at, are judged by the seeds that all of them were given.

        Arguments:
            metric, by, tolerance: as `samples_of` takes them.

        Raises:
            UnknownNameError: there is no such key or metric.
        """
        if self.courses and not self.pools(metric, by):
            samples = self.samples if not by else dataclasses.replace(self.samples, keys=list(by))
            return samples, self.comparisons
        samples = samples_of(self.shared, metric, by, tolerance)
        return samples, compare_samples(samples, self.fixed_margin)

    def pools(self, metric: str | None, by: Sequence[str] | None) -> bool:
        """Whether a table is of groups of configurations, or of a metric that no design looks at."""
        return metric is not None or (bool(by) and {*(by or ())} != {*self.sweep.swept})

    @cached_property
    def values(self) -> dict[tuple[str, int], float]:
        """The primary metric of each run, by configuration and seed."""
        table = self.summaries
        runs = zip(table["configuration"].tolist(), table["seed"].tolist(), strict=True)
        return dict(zip(runs, table[MEAN].tolist(), strict=True))

    @cached_property
    def all_samples(self) -> Samples:
        """The samples of all runs that ended."""
        return samples_of(self.sweep, summaries=self.summaries)

    @cached_property
    def samples(self) -> Samples:
        """The samples that the numbers rest on: in a sequential design, of the runs that a look saw."""
        if not self.courses:
            return self.all_samples
        return looked_at(self.all_samples, self.courses, first_seed(self.sweep))

    @cached_property
    def shared(self) -> Sweep:
        """The sweep with the seeds that all configurations of a problem were given."""
        if not self.courses:
            return self.sweep
        return with_shared_seeds(self.sweep, self.all_samples, self.courses, first_seed(self.sweep))

    @cached_property
    def problems(self) -> dict[str, Problem]:
        """The samples of each problem."""
        return problems_of(self.samples)

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """A row a pair of configurations: as `compare`."""
        if self.courses:
            return compare_courses(self.samples, self.courses)
        return compare_samples(self.samples, self.margin)

    @cached_property
    def decisions(self) -> pd.DataFrame:
        """A row a configuration of a sequential design: as `decisions_table`."""
        return decisions_table(self.all_samples, self.courses, self.comparisons)

    @cached_property
    def replay(self) -> Replay | None:
        """A finished fixed sweep under a sequential design; None where it cannot be replayed."""
        if self.courses or ignores_design(self.sweep) or self.wide_table["unfinished"].any():
            return None
        placed = pd.concat([self.samples.rows[["name", "problem"]], self.ranks], axis=1)
        some_follow = placed.groupby("problem")["tie_group"].transform("max") > 1
        first = ((placed["tie_group"] == 1) & some_follow).fillna(False).astype(bool)
        return replay(self.samples, self.margin, set(placed["name"][first]))

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
        if not self.courses:
            return factor_effects(self.samples)
        samples = samples_of(self.shared)
        if any(course.waits and not course.steps for course in self.courses.values()):
            samples = dataclasses.replace(samples, rows=samples.rows.head(0))  # nothing was looked at yet
        return factor_effects(samples)

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
