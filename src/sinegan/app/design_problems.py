"""Why the design of a sweep cannot be followed."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import fields

from sinegan.designs import Design, Sequential
from sinegan.report.merging import identity_key
from sinegan.storage.settings import Settings, setting
from sinegan.storage.sweep_folder import SEED_KEYS
from sinegan.sweep.plan import Configuration


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
    if not in_batches and all(len(places) < 2 for places in compared(configurations).values()):
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


def compared(configurations: Sequence[Configuration]) -> dict[str, list[int]]:
    """The positions of the configurations that are compared with each other: those of one target."""
    problems: dict[str, list[int]] = {}
    for place, configuration in enumerate(configurations):
        target = json.dumps(setting(configuration.settings, "target", None), sort_keys=True)
        problems.setdefault(f"{target} {configuration.config.primary_metric}", []).append(place)
    return problems
