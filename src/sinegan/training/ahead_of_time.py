"""Functions of tensors, compiled ahead of time (AOTInductor) and kept on disk for the next process.

Loading one takes milliseconds and none of the compiler, whose import alone takes seconds; and of
several processes that want the same one, a single one compiles it.
"""

import fcntl
import functools
import hashlib
import inspect
import os
import platform
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from sinegan.files import writing
from sinegan.training.products import own_products

FOLDER = "SINEGAN_CACHE"
"""The environment variable that names another folder for compiled programs."""

OPTIONS = {
    # One allocation a call for all that is between arguments and result: a twentieth of a step's time.
    "memory_planning": True,
    "memory_pool": "combined",
    # What depends on two things or more and is needed twice is kept, not computed again at each place:
    # Adam's corrections would be, with their powers, for each row of weights. A fifth of a step's time.
    "realize_reads_threshold": 1,
    # What the processor can do is taken from it, not tried out by compiling for each thing: 6 s less.
    "cpp.vec_isa_ok": True,
}

Run = Callable[[list[Tensor]], list[Tensor]]


class AheadOfTime:
    """A function of nested tensors, for the shapes of its first call; it may write into them.

    Its result is a tensor, or lists and dictionaries of tensors. parts: the objects that it depends
    on beside this package's own formulas. A stored program is found by their representation and by
    the source of their classes.
    """

    def __init__(self, function: Callable[..., Any], name: str, parts: Sequence[Any]) -> None:
        self._function = function
        self._name = name
        self._parts = parts
        self._run: Run | None = None
        self._shape: Any = None

    def __call__(self, *arguments: Any) -> Any:
        return pytree.tree_unflatten(self.flat(*arguments)(pytree.tree_leaves(arguments)), self._shape)

    def flat(self, *arguments: Any) -> Run:
        """The program itself, from the leaves of such arguments to those of the result."""
        self.load(*arguments)
        assert self._run is not None
        return self._run

    def load(self, *arguments: Any, wait: bool = True) -> bool:
        """Compiles it unless somebody has. False when somebody is just doing so and wait is off."""
        if self._run is not None:
            return True
        leaves, given = pytree.tree_flatten(arguments)
        shapes = [(tuple(leaf.shape), str(leaf.dtype)) for leaf in leaves]
        key = _key(self._name, repr(given), repr(shapes), *map(_description, self._parts))
        path = folder() / f"{self._name}-{key}.pt2"
        shape_file = path.with_suffix(".shape")
        with _alone(path, wait) as allowed:
            if not allowed:
                return False
            if not (path.exists() and shape_file.exists()):
                shape = _compile(self._function, leaves, given, path)
                with writing(shape_file):
                    shape_file.write_text(pytree.treespec_dumps(shape))
        loader = torch._C._aoti.AOTIModelPackageLoader(str(path), "model", True, 1, -1)
        self._run, self._shape = loader.run, pytree.treespec_loads(shape_file.read_text())
        return True


def load(*programs: tuple[AheadOfTime, tuple[Any, ...]]) -> None:
    """Programs with their arguments: of several processes that want the same ones, each compiles another."""
    for program, arguments in [each for each in programs if not each[0].load(*each[1], wait=False)]:
        program.load(*arguments)


def folder() -> Path:
    """Where compiled programs are kept: $SINEGAN_CACHE, or below the user's cache folder."""
    if FOLDER in os.environ:
        return Path(os.environ[FOLDER])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sinegan"


def _compile(function: Callable[..., Any], leaves: list[Tensor], given: Any, path: Path) -> Any:
    """Writes the program; returns the shape of the result."""
    from torch._inductor import aoti_compile_and_package
    from torch.fx.experimental.proxy_tensor import make_fx

    shape: Any = None

    def flat(*leaves: Tensor) -> tuple[Tensor, ...]:
        nonlocal shape
        result, shape = pytree.tree_flatten(function(*pytree.tree_unflatten(list(leaves), given)))
        return tuple(result)

    temporary = path.with_name(f".{path.stem}-{uuid4().hex[:8]}.pt2")
    with warnings.catch_warnings(), torch.no_grad(), own_products(), writing(path):
        warnings.simplefilter("ignore")  # PyTorch's own, about its own
        graph = make_fx(flat)(*[leaf.clone() for leaf in leaves])
        exported = torch.export.export(graph, tuple(leaves))
        try:
            aoti_compile_and_package(exported, package_path=str(temporary), inductor_configs=OPTIONS)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return shape


@contextmanager
def _alone(path: Path, wait: bool) -> Iterator[bool]:
    """One process at a time, however it ends; False for one that comes second and does not wait."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = open(path.with_suffix(".lock"), "w")  # noqa: SIM115
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _key(*parts: str) -> str:
    known = "\n".join([torch.__version__, _processor(), _formulas(), *parts])
    return hashlib.sha256(known.encode()).hexdigest()[:20]


def _description(part: Any) -> str:
    """What an object computes: its class, its settings, and the source of a class from elsewhere."""
    kind = type(part)
    known = f"{kind.__module__}.{kind.__qualname__} {part!r}"
    if kind.__module__.split(".")[0] in ("builtins", "sinegan"):
        return known
    try:
        return f"{known} {inspect.getsource(sys.modules[kind.__module__])}"
    except (OSError, TypeError):  # typed in by hand: another program each time
        return f"{known} {uuid4().hex}"


@functools.cache
def _formulas() -> str:
    """A checksum of all that a step is computed by."""
    package = Path(__file__).parent.parent
    files = sorted(
        [*package.glob("game/*.py"), *package.glob("training/*.py"), *package.glob("training/*.cpp")]
    )
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


@functools.cache
def _processor() -> str:
    """What tells processors apart that need other machine code."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return " ".join(
        [platform.machine(), *sorted({line for line in lines if line.startswith(("flags", "Features"))})]
    )
