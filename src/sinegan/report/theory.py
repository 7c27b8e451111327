"""What theory says of a sweep, beside what was found: python -m sinegan.report.theory FOLDER

Writes `report/theory.csv` into the folder, and for Dirac-GANs `report/phase_plane.png`.
"""

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sinegan.files import write_whole
from sinegan.report.curves import load_samples
from sinegan.report.look import COLOURS, STYLE, png
from sinegan.report.statistics import last_share_mean
from sinegan.report.tables import Sweep, UnreadableSweepError, load_sweep
from sinegan.results import csv, records

COLUMNS = ["check", "variant", "update", "expected", "found", "holds"]
WORDS = {True: "converges", False: "does not converge"}

NEAR = 0.1
"""A path has converged when its mean distance from the equilibrium over its last fifth is below this."""

AGREES = 0.02
"""How far D may be from D* (root mean square) and V from its value: what sampling leaves."""

# Mescheder et al. 2018, sections 3 and 4 and figure 3; the relativistic pair: Huang et al. 2024, section 2.
CONVERGES = {
    ("Minimax", ()): False,
    ("NonSaturating", ()): False,
    ("Wasserstein", ()): False,
    ("Hinge", ()): False,
    ("RelativisticPaired", ()): False,
    ("Wasserstein", ("weight_clipping",)): False,
    ("Wasserstein", ("wgan_gp",)): False,
    ("NonSaturating", ("dragan",)): False,
    ("NonSaturating", ("instance_noise",)): True,
    ("Minimax", ("r1",)): True,
    ("NonSaturating", ("r1",)): True,
    ("NonSaturating", ("r2",)): True,
    ("NonSaturating", ("r1", "r2")): True,
    ("RelativisticPaired", ("r1", "r2")): True,
    ("Wasserstein", ("wgan_gp_zero",)): True,
    ("Minimax", ("consensus",)): True,
}

Settings = Mapping[str, Any]
Row = dict[str, Any]


def theory_rows(sweep: Sweep) -> list[Row]:
    """A row a check, with COLUMNS; none for a configuration of which theory says nothing here."""
    checks: dict[str, Callable[[Sweep, Row, Settings], Iterator[Row]]] = {
        "Dirac": dirac_rows,
        "Affine": optimum_rows,
    }
    rows: list[Row] = []
    for about in records(sweep.configurations):
        settings = sweep.settings[about["configuration"]]
        check = checks.get(_kind(settings["network"]))
        if check is not None:
            rows += check(sweep, about, settings)
    return rows


def dirac_rows(sweep: Sweep, about: Row, settings: Settings) -> Iterator[Row]:
    """Whether the Dirac-GAN converges, and with R1 alone how fast."""
    name, penalties = _kind(settings["loss"]), tuple(sorted(settings["penalty"]))
    said = {"variant": variant(settings), "update": update(settings)}
    for _, run in _runs(sweep, about):
        distance = np.hypot(run["theta"].to_numpy(), run["psi"].to_numpy())
        expected = CONVERGES.get((name, penalties))
        if expected is not None:
            found = bool(distance[-max(1, len(distance) // 5) :].mean() < NEAR)
            yield {"check": "Dirac-GAN"} | said | _verdict(WORDS[expected], WORDS[found])
        if penalties == ("r1",) and name in ("Minimax", "NonSaturating"):
            measured = rate(run["step"].to_numpy(), distance)
            analysis = r1_rate(settings)
            holds = abs(measured - analysis) < 0.0005
            texts = {"expected": f"{analysis:.4f}", "found": f"{measured:.4f}", "holds": holds}
            yield {"check": "Dirac-GAN, factor a step"} | said | texts


def r1_rate(settings: Settings) -> float:
    """The spectral radius of one step of gradient descent with R1 at theta = psi = 0.

    There the generator's step is theta + h psi / 2 and the discriminator's psi - h (theta / 2 +
    gamma psi), because the logistic function's slope is 1/2 (Mescheder et al. 2018, lemma D.3; they
    treat the flow, this is its discretisation).
    """
    optim, training = settings["optim"], settings["training"]
    up, down = optim["generator_lr"] / 2, optim["discriminator_lr"]
    gamma, steps = settings["penalty"]["r1"]["gamma"], training["discriminator_steps"]
    generator = np.array([[1, up], [0, 1]])
    discriminator = np.array([[1, 0], [-down / 2, 1 - down * gamma]])
    together = generator + discriminator - np.eye(2)
    further = np.linalg.matrix_power(discriminator, steps - 1)
    alternating = training["updates"] == "alternating"
    step = further @ (discriminator @ generator if alternating else together)
    return float(np.abs(np.linalg.eigvals(step)).max())


def rate(steps: NDArray[Any], distance: NDArray[Any]) -> float:
    """The factor a step by which a distance shrinks: the slope of its logarithm, once it is small.

    NaN when it never is.
    """
    small = (distance < 1e-2) & (distance > 0)
    if small.sum() < 10:
        return math.nan
    slope, _ = np.polyfit(steps[small], np.log(distance[small]), 1)
    return math.exp(slope)


def optimum_rows(sweep: Sweep, about: Row, settings: Settings) -> Iterator[Row]:
    """D against D* = p_data / (p_data + p_g) on the generated samples, and V against 2 JSD - log 4."""
    target, network = settings["target"], settings["network"]
    real = normal(target["mean"], target["std"])
    generated = normal(network["shift"], abs(network["scale"]))
    distance = abs(network["shift"] - target["mean"])
    said = {"variant": f"gaussians {distance:g} apart", "update": update(settings)}
    samples = load_samples(Path(about["folder"]))
    if samples is not None and len(samples["curves"]):
        x, found = samples["curves"][:, :, 0].astype(float), samples["probability"]
        error = math.sqrt(((found - real(x) / (real(x) + generated(x))) ** 2).mean())
        texts = {"expected": f"below {AGREES:g}", "found": f"{error:.4f}", "holds": error < AGREES}
        yield {"check": "D - D*, root mean square"} | said | texts
    values = [last_share_mean(run["value"]) for _, run in _runs(sweep, about)]
    if values:
        best, reached = value_at_optimum(real, generated), float(np.mean(values))
        holds = abs(reached - best) < AGREES
        texts = {"expected": f"{best:.4f}", "found": f"{reached:.4f}", "holds": holds}
        yield {"check": "V = 2 JSD - log 4"} | said | texts


Density = Callable[[NDArray[Any]], NDArray[Any]]


def normal(mean: float, std: float) -> Density:
    """The density of a gaussian."""
    return lambda x: np.exp(-((x - mean) ** 2) / (2 * std**2)) / (std * math.sqrt(2 * math.pi))


def value_at_optimum(real: Density, generated: Density) -> float:
    """2 JSD - log 4: the integral of p log(p / (p + q)) + q log(q / (p + q)).

    Goodfellow et al. 2014, theorem 1. For densities that are negligible beyond 40.
    """
    x = np.linspace(-40, 40, 400_001)
    p, q = real(x), generated(x)
    total = np.maximum(p + q, np.finfo(float).tiny)
    parts = [np.where(each > 0, each * np.log(np.maximum(each, 1e-300) / total), 0) for each in (p, q)]
    return float(np.trapezoid(parts[0] + parts[1], x))


def phase_plane(sweep: Sweep) -> Figure | None:
    """The paths of (theta, psi), a panel a variant and a line a way of updating.

    As figure 3 of Mescheder et al. 2018.
    """
    paths: dict[str, list[tuple[str, pd.DataFrame]]] = {}
    for about in records(sweep.configurations):
        settings = sweep.settings[about["configuration"]]
        for _, run in _runs(sweep, about):
            if "theta" in run:
                paths.setdefault(variant(settings), []).append((update(settings), run))
    if not paths:
        return None
    updates = list(dict.fromkeys(way for lines in paths.values() for way, _ in lines))
    columns = min(4, len(paths))
    rows = -(-len(paths) // columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(1.9 * columns + 0.4, 1.9 * rows + 0.9))
        panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for axes, (name, lines) in zip(panels.flat, paths.items(), strict=False):
            for way, run in lines:
                colour = COLOURS[updates.index(way) % len(COLOURS)]
                axes.plot(run["theta"], run["psi"], color=colour, linewidth=0.8, label=way)
                axes.plot(run["theta"].iloc[-1], run["psi"].iloc[-1], "o", color=colour, markersize=3)
            axes.plot(0, 0, "+", color="black")
            axes.set(xlim=(-2.5, 2.5), ylim=(-2.5, 2.5), aspect="equal")
            axes.set_title(name.replace(", ", ",\n"), fontsize=7)
        for axes in panels.flat[len(paths) :]:
            axes.set_axis_off()
        figure.supxlabel("theta", fontsize=9)
        figure.supylabel("psi", fontsize=9)
        handles, labels = panels.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=2, fontsize=7)
    return figure


def variant(settings: Settings) -> str:
    """Loss and penalties in words: `NonSaturating, r1 gamma=0.3`."""
    words = [_kind(settings["loss"])]
    for name, values in sorted(settings["penalty"].items()):
        size = next((f"{key}={values[key]:g}" for key in ("gamma", "std", "limit") if key in values), "")
        words.append(f"{name} {size}".rstrip())
    return ", ".join(words)


def update(settings: Settings) -> str:
    """How the players take turns: `alternating, 5 D steps`."""
    steps = settings["training"]["discriminator_steps"]
    return f"{settings['training']['updates']}, {steps} D step{'s' if steps > 1 else ''}"


def _kind(settings: Settings) -> str:
    return str(settings.get("_target_", "")).rpartition(".")[2]


def _runs(sweep: Sweep, about: Row) -> list[tuple[Any, pd.DataFrame]]:
    history = sweep.history
    if history.empty:
        return []
    return list(history[history["configuration"] == about["configuration"]].groupby("seed"))


def _verdict(expected: str, found: str) -> Row:
    return {"expected": expected, "found": found, "holds": expected == found}


def main() -> None:
    """Prints the checks and writes them. Exits 1 when one does not hold."""
    parser = argparse.ArgumentParser(description="theory against what a sweep found")
    parser.add_argument("folder", type=Path, help="of a sweep: outputs/sweeps/<date>/<time>")
    folder: Path = parser.parse_args().folder
    try:
        sweep = load_sweep(folder)
    except UnreadableSweepError as error:
        sys.exit(f"sinegan: {error}")
    table = pd.DataFrame(theory_rows(sweep), columns=COLUMNS)
    if table.empty:
        sys.exit(f"sinegan: {folder}: holds nothing to check; train experiment=theory/dirac, say")
    (folder / "report").mkdir(exist_ok=True)
    write_whole(folder / "report" / "theory.csv", csv(table))
    figure = phase_plane(sweep)
    if figure is not None:
        write_whole(folder / "report" / "phase_plane.png", png(figure))
    for row in records(table):
        print(f"{'holds' if row['holds'] else 'FAILS':6}{row['check']}: {row['variant']} ({row['update']})")
        print(f"      expected {row['expected']}, found {row['found']}")
    print(f"{table['holds'].sum()} of {len(table)} hold: {folder / 'report' / 'theory.csv'}")
    sys.exit(0 if table["holds"].all() else 1)


if __name__ == "__main__":
    main()
