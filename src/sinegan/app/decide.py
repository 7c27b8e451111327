"""Trains a sweep look by look: more seeds for the configurations about which the answer is still open."""

import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

from sinegan.designs import Design, Sequential
from sinegan.printable import printable
from sinegan.report.load import load_sweep
from sinegan.report.merging import identity_key
from sinegan.report.referee.courses import follow_all
from sinegan.report.referee.looks import Course
from sinegan.report.referee.run_values import samples_of
from sinegan.storage.results import known_runs
from sinegan.storage.settings import Settings, setting
from sinegan.storage.sweep_folder import SEED_KEYS, is_configuration
from sinegan.sweep.execute import Hooks, Round, execute_rounds
from sinegan.sweep.executors import ExecutorSettings
from sinegan.sweep.plan import Configuration
from sinegan.sweep.scheduler import OutOfTimeError
from sinegan.sweep.worker import Failure

Results = Iterator[tuple[int, list[Failure]]]
"""As `execute_rounds` yields them."""


def design_problems(configurations: Sequence[Configuration], in_batches: bool) -> list[str]:
    """The reasons why the design of a sweep cannot be followed, a line each.

    in_batches: whether the launcher gets the sweep's configurations in batches.
    """
    designs = [*dict.fromkeys(configuration.config.decide for configuration in configurations)]
    if len(designs) > 1:
        return [
            f"{difference}: must be the same for all configurations; sweep something else"
            for difference in _differences(designs)
        ]
    (design,) = designs
    if not isinstance(design, Sequential):
        return []
    problems = []
    if in_batches:
        problems.append(
            "decide: looks at all configurations at once, but the sweeper makes them in batches; use "
            "decide=none, or leave out hydra/sweeper and hydra.sweeper.max_batch_size"
        )
    if not in_batches and all(len(places) < 2 for places in _problems(configurations).values()):
        problems.append(
            "decide: compares the configurations of a target, and each target has only one; sweep a loss or "
            "another setting, or use decide=none"
        )
    trained = {identity_key({}, configuration.settings) for configuration in configurations}
    if len(trained) < len(configurations):
        problems.append(
            "decide: compares configurations, and some of these train the same runs; sweep no plot setting"
        )
    first = design.first * len(configurations)
    if first > design.spendable.runs:
        problems.append(
            f"decide.budget = {design.budget}: the first look needs {first:,} runs, decide.first = "
            f"{design.first} of each of {len(configurations):,} configurations; raise it"
        )
    return problems


def _differences(designs: Sequence[Design]) -> Iterator[str]:
    """The settings in which designs differ, each with its values: `decide.most = 9, 14`."""
    words = [*dict.fromkeys(design.word for design in designs)]
    if len(words) > 1:
        yield f"decide = {', '.join(words)}"
        return
    for field in fields(designs[0]):
        values = [*dict.fromkeys(str(getattr(design, field.name)) for design in designs)]
        if len(values) > 1:
            yield f"decide.{field.name} = {', '.join(values)}"


def seed_problems(settings: Sequence[Settings]) -> list[str]:
    """The reasons why the seeds of a decided sweep's configurations cannot be paired, a line each.

    settings: of each configuration.
    """
    if all(setting(each, "decide.most", None) is None for each in settings):
        return []
    return [
        f"{key}: cannot be swept with decide, which gives all configurations the same seeds"
        for key in SEED_KEYS
        if len({each[key] for each in settings}) > 1
    ]


def single_problem(design: Design) -> str:
    """The reason why a design cannot be followed without a sweep; empty where it can."""
    if not isinstance(design, Sequential):
        return ""
    return "decide: compares the configurations of a sweep; add -m and sweep a setting, or use decide=none"


def _problems(configurations: Sequence[Configuration]) -> dict[str, list[int]]:
    """The positions of the configurations that are compared with each other: those of one target."""
    problems: dict[str, list[int]] = {}
    for place, configuration in enumerate(configurations):
        target = json.dumps(setting(configuration.settings, "target", None), sort_keys=True)
        problems.setdefault(f"{target} {configuration.config.primary_metric}", []).append(place)
    return problems


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
        self._problems = _problems(configurations)
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
