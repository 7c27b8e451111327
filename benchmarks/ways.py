"""The ways to do a piece of work that are compared."""

from benchmarks.measuring import Command, Joblib, Processes, Way
from benchmarks.works import ORIGINAL, Work

FEW = (8, 32)
"""The numbers of runs at which other work than the original is measured, and so is the share of products."""

ENGINE = Processes("sinegan", "the engine alone, a process a core", 9_000, module="engine", pinned=True)
COMMAND = Command("sinegan, command", "python -m sinegan.main, whole, warm cache", 30_000, has_rmse=False)
PRODUCTS = Processes(
    "products",
    "the step's products alone, by the engine",
    12_000,
    only_at=FEW,
    has_rmse=False,
    module="engine_products",
    pinned=True,
)
CEILING = Processes(
    "ceiling",
    "as many operations in a loop of fused multiply-adds",
    18_000,
    only_at=FEW,
    has_rmse=False,
    module="ceiling",
    pinned=True,
)
BOUND = [
    Processes(
        "bound",
        f"matrix products as the original makes them, {lanes} lanes",
        7_000,
        has_rmse=False,
        module="products",
        lanes=lanes,
        pinned=True,
    )
    for lanes in (4, 8)
]


def jax(lanes: int) -> Way:
    words = f"jit(vmap(scan)), a pinned process a core, {lanes} lanes"
    return Processes("JAX", words, 8_000, module="jax_scan", lanes=lanes, pinned=True)


def ways_of(work: Work) -> list[Way]:
    """The ways in which a piece of work is done, in the order in which they take turns."""
    pinned = [jax(lanes) for lanes in work.lanes]
    if work is not ORIGINAL:
        return [*pinned, ENGINE, PRODUCTS, CEILING]
    return [
        Processes("original script", "run after run, default threads", 200, most=4, module="original"),
        Joblib("eager, joblib", "clean loop, a process a core", 700, most=8),
        Processes("vmap", "torch.func.vmap, eager, one process", 900, module="vmap_eager"),
        *pinned,
        Processes("JAX", "jit(vmap(scan)), one process, all lanes", 3_000, module="jax_scan", lanes=512),
        ENGINE,
        COMMAND,
        *BOUND,
        PRODUCTS,
        CEILING,
    ]
