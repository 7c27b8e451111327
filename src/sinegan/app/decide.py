"""Trains a sweep look by look: more seeds for the configurations about which the answer is still open."""

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sinegan.app.design_problems import compared
from sinegan.designs import Sequential
from sinegan.printable import printable
from sinegan.report.load import load_sweep
from sinegan.report.referee.courses import follow_all
from sinegan.report.referee.looks import Course
from sinegan.report.referee.run_values import samples_of
from sinegan.storage.results import known_runs
from sinegan.storage.sweep_folder import is_configuration
from sinegan.sweep.execute import Hooks, Round, execute_rounds
from sinegan.sweep.executors import ExecutorSettings
from sinegan.sweep.plan import Configuration
from sinegan.sweep.scheduler import OutOfTimeError
from sinegan.sweep.worker import Failure

Results = Iterator[tuple[int, list[Failure]]]
"""As `execute_rounds` yields them."""


def execute_until_decided(
    configurations: Sequence[Configuration], executor: ExecutorSettings, home: Path, hooks: Hooks
) -> Results:
    """Trains configurations of a sequential design: as `execute`, and with its arguments."""
    design = configurations[0].config.decide
    assert isinstance(design, Sequential)
    decider = Decider(configurations, design)
    hooks = replace(hooks, deadline=time.monotonic() + design.spendable.seconds)
    results = execute_rounds(decider.rounds(), len(configurations), executor, home, hooks)
    yield from decider.pass_on(results)
    if decider.stopped:
        hooks.remark(printable(f"{decider.stopped} with resume={home}"))


class Decider:
    """Chooses the runs of each round from the results so far.

    stopped: why it stops before everything is decided; empty where it does not.
    """

    def __init__(self, configurations: Sequence[Configuration], design: Sequential) -> None:
        self._configurations = configurations
        self._design = design
        self._problems = compared(configurations)
        self._values: list[dict[int, float]] = [{} for _ in configurations]
        self._active = set(range(len(configurations)))
        self.stopped = ""

    def rounds(self) -> Iterator[Round]:
        """The rounds, as `execute_rounds` takes them; the first one has all configurations."""
        everything = range(len(self._configurations))
        courses = self._look()
        yield self._round(everything, courses, last=not self._active)
        while self._active:
            courses = self._look()
            if self._active:
                yield self._round(self._active, courses, last=False)

    def _look(self) -> dict[str, Course]:
        """Looks at the configurations that were trained, and finds those that get more seeds."""
        courses = self._courses(self._active)
        self._active = self._waiting(courses)
        runs = sum(self._wanted(courses).values())
        if self._active and runs > self._design.spendable.runs:
            self.stopped = (
                f"decide.budget = {self._design.budget} does not suffice for the next look, which would make "
                f"{runs:,} runs in all: {self._open_words(courses)}; give a larger one"
            )
            self._active = set()
        return courses

    def pass_on(self, results: Results) -> Results:
        """Passes a configuration on when it gets no more seeds, with its failures of all rounds.

        When the time is over, those that wait for more are not passed on.
        """
        held: dict[int, list[Failure]] = {}
        try:
            for place, failures in results:
                for ended in [each for each in held if each not in self._active]:
                    yield ended, held.pop(ended)
                held[place] = held.get(place, []) + failures
        except OutOfTimeError:
            self.stopped = f"decide.budget = {self._design.budget} is spent; the same command continues"
            held = {place: failures for place, failures in held.items() if place not in self._active}
        yield from held.items()

    def _courses(self, places: set[int]) -> dict[str, Course]:
        """The courses of all problems. places: the configurations whose files have changed."""
        for place in places:
            self._values[place] = _run_values(self._configurations[place].folder)
        values = {
            problem: {str(place): self._values[place] for place in places}
            for problem, places in self._problems.items()
        }
        return follow_all(values, self._design, self._configurations[0].config.seed)

    @staticmethod
    def _wanted(courses: Mapping[str, Course]) -> dict[int, int]:
        """The seeds of each configuration for the next look, or as many as it was given."""
        return {int(name): seeds for course in courses.values() for name, seeds in course.seeds.items()}

    @staticmethod
    def _seen(courses: Mapping[str, Course]) -> dict[int, int]:
        """The seeds of each configuration at the last look at it."""
        return {int(name): course.seeds_seen(name) for course in courses.values() for name in course.names}

    @staticmethod
    def _waiting(courses: Mapping[str, Course]) -> set[int]:
        """The configurations that get more seeds."""
        return {int(name) for course in courses.values() if course.waits for name in course.open}

    def _round(self, places: Iterable[int], courses: Mapping[str, Course], last: bool) -> Round:
        seeds = self._seen(courses) if self.stopped else self._wanted(courses)
        share = sum(seeds.values()) / (self._design.most * len(self._configurations))
        title = f"{self._open_words(courses)}, {100 * share:.0f} % of the worst case"
        return Round({place: self._with_seeds(place, seeds[place]) for place in sorted(places)}, title, last)

    def _open_words(self, courses: Mapping[str, Course]) -> str:
        """`3 of 36 open, 12 to 20 seeds`."""
        seeds = [
            course.seeds[name] for course in courses.values() if course.waits for name in course.open
        ] or [0]
        low, high = min(seeds), max(seeds)
        span = f"{low} to {high}" if low < high else f"{low}"
        return f"{len(self._waiting(courses))} of {len(self._configurations)} open, {span} seeds"

    def _with_seeds(self, place: int, seeds: int) -> Configuration:
        configuration = self._configurations[place]
        return replace(
            configuration,
            config=replace(configuration.config, seeds=seeds),
            settings={**configuration.settings, "seeds": seeds},
        )


def _run_values(folder: Path) -> dict[int, float]:
    """The primary metric of each run of a configuration that has ended, infinite where it was lost."""
    if not is_configuration(folder) or not known_runs(folder):
        return {}
    (values,) = samples_of(load_sweep(folder)).values.values()
    return {seed: value for seed, value in values.items() if not math.isnan(value)}
