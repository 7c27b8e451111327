"""Functions of tensors, compiled ahead of time and kept on disk for the next process.

Loading one takes milliseconds and none of the compiler, whose import alone takes seconds; and of
several processes that want the same one, a single one compiles it.
"""

import fcntl
import functools
import hashlib
import inspect
import json
import os
import platform
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from sinegan.files import writing
from sinegan.training.native import Native, NotNativeError, compile_native
from sinegan.training.packaged import Packaged, compile_packaged

FOLDER = "SINEGAN_CACHE"
"""The environment variable that names another folder for compiled programs."""


class AheadOfTime:
    """A function of the tensors of one run, compiled to do the same for many runs and many steps.

    function: of nested tensors with an axis `lanes` in front, vmapped over it; it may write into them.
    Its result is a tensor, or lists and dictionaries of tensors. parts: the objects that it depends on
    beside this package's own formulas. A stored program is found by their representation and by the
    source of their classes.

    The program is made for one lane, and goes through as many as it is given: what a run's numbers are
    cannot depend on how many others there are.
    """

    def __init__(self, function: Callable[..., Any], name: str, parts: Sequence[Any]) -> None:
        self._function = function
        self._name = name
        self._parts = parts
        self._run: Native | Packaged | None = None
        self._axes: list[int] = []
        self._results = Results("", ())

    def __call__(self, *arguments: Any) -> Any:
        """arguments: (lanes, ...), or (steps, lanes, ...) for what is another at each step.

        But for the numbers of lanes and steps they are like those it was loaded for; if it was not, it
        is, for these and one step. The result is that of the last step, (lanes, ...).
        """
        self.load(*arguments)
        assert self._run is not None
        given: list[Tensor] = pytree.tree_leaves(arguments)
        steps, lanes = 1, 1
        for tensor, axes in zip(given, self._axes, strict=True):
            *ahead, lanes = tensor.shape[: tensor.ndim - axes + 1]
            steps = ahead[0] if ahead else steps
        results = self._results.empty(lanes)
        of_one_step = [*self._axes, *[tensor.ndim for tensor in results]]
        tensors = zip([*given, *results], of_one_step, strict=True)
        self._run([tensor.expand(steps, *tensor.shape[-axes:]) for tensor, axes in tensors], lanes, steps)
        return self._results.nested(results)

    def load(self, *arguments: Any, wait: bool = True) -> bool:
        """Compiles it unless somebody has. False when somebody is just doing so and wait is off.

        arguments: (lanes, ...), the part of a lane in contiguous memory.
        """
        if self._run is not None:
            return True
        leaves, given = pytree.tree_flatten(arguments)
        shapes = [(tuple(leaf.shape[1:]), str(leaf.dtype)) for leaf in leaves]
        key = _key(self._name, repr(given), repr(shapes), *map(_description, self._parts))
        path = folder() / f"{self._name}-{key}.json"
        native, packaged = (path.with_suffix(kind) for kind in (".so", ".pt2"))
        with _alone(path, wait) as allowed:
            if not allowed:
                return False
            if not (path.exists() and (native.exists() or packaged.exists())):
                results = _compile(self._function, [leaf[:1].contiguous() for leaf in leaves], given, path)
                with writing(path):
                    path.write_text(json.dumps(results))
        self._results = Results(*json.loads(path.read_text()))
        self._axes = [leaf.ndim for leaf in leaves]
        self._run = Native(native) if native.exists() else Packaged(packaged)
        return True


class Results(NamedTuple):
    """The results of a program: their nesting as pytree writes it, and of each the shape and dtype."""

    nesting: str
    tensors: Sequence[tuple[Sequence[int], str]]

    def empty(self, lanes: int) -> list[Tensor]:
        return [torch.empty((lanes, *shape), dtype=getattr(torch, dtype)) for shape, dtype in self.tensors]

    def nested(self, results: list[Tensor]) -> Any:
        return pytree.tree_unflatten(results, pytree.treespec_loads(self.nesting))


def load(*programs: tuple[AheadOfTime, tuple[Any, ...]]) -> None:
    """Programs with their arguments: of several processes that want the same ones, each compiles another."""
    for program, arguments in [each for each in programs if not each[0].load(*each[1], wait=False)]:
        program.load(*arguments)


def folder() -> Path:
    """Where compiled programs are kept: $SINEGAN_CACHE, or below the user's cache folder."""
    if FOLDER in os.environ:
        return Path(os.environ[FOLDER])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sinegan"


def _compile(function: Callable[..., Any], leaves: list[Tensor], given: Any, path: Path) -> Results:
    """Writes the program for one lane beside the path; says what its results are."""
    from torch.fx.experimental.proxy_tensor import make_fx

    def flat(*tensors: Tensor) -> tuple[list[Tensor], Any]:
        nested = pytree.tree_unflatten(list(tensors), given)
        result: tuple[list[Tensor], Any] = pytree.tree_flatten(function(*nested))
        return result

    def written(*tensors: Tensor) -> tuple[()]:
        """The results are written into arguments, too: so a program owns no memory."""
        results, _ = flat(*tensors[: len(leaves)])
        for place, result in zip(tensors[len(leaves) :], results, strict=True):
            place.copy_(result)
        return ()

    with warnings.catch_warnings(), torch.no_grad(), writing(path):
        warnings.simplefilter("ignore")  # PyTorch's own, about its own
        results, nesting = flat(*[leaf.clone() for leaf in leaves])
        tensors = [*leaves, *[torch.empty_like(result) for result in results]]
        graph = make_fx(written, tracing_mode="fake")(*tensors)
        try:
            with _whole(path.with_suffix(".so")) as temporary:
                compile_native(graph, tensors, temporary)
        except NotNativeError:
            with _whole(path.with_suffix(".pt2")) as temporary:
                compile_packaged(graph, tensors, temporary)
    shapes = [(tuple(result.shape[1:]), str(result.dtype).removeprefix("torch.")) for result in results]
    return Results(pytree.treespec_dumps(nesting), shapes)


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Another path beside this one, which becomes this one when all went well."""
    temporary = path.with_name(f".{path.stem}-{uuid4().hex[:8]}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


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
    files = sorted([*package.glob("game/*.py"), *package.glob("training/*.*")])
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
