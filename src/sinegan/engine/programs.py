"""Functions of tensors, compiled ahead of time and kept on disk for the next process.

Loading one takes milliseconds and none of the compiler, whose import alone takes seconds; and of
several processes that want the same one, a single one compiles it.
"""

import functools
import hashlib
import inspect
import json
import platform
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from sinegan.engine.cpp_compiler import NoCompilerError, compiler
from sinegan.engine.kernels import environment
from sinegan.engine.native import Native, NotNativeError, compile_native
from sinegan.engine.packaged import Packaged, compile_packaged
from sinegan.engine.program_cache import (
    DamagedProgramError,
    ProgramFolder,
    Stored,
    UnusableFolderError,
    kept_meanwhile,
    places,
    workshop,
)

LOADING_ERRORS = (OSError, AttributeError, RuntimeError)
"""Of files, of the linker, and of PyTorch's loader."""


class CannotCompileError(Exception):
    """A function cannot be compiled on this machine, or not be run as compiled; says why, in a line."""


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
        self._failure: CannotCompileError | None = None
        self.remarks: list[str] = []
        """What the user should know of how it was loaded, a line each."""

    @property
    def engine(self) -> str:
        """The kind of program that was loaded, `native` or `packaged`; nothing before."""
        return "" if self._run is None else self._run.engine

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

        arguments: (lanes, ...), the part of a lane in contiguous memory. Raises CannotCompileError, each
        time the same.
        """
        if self._run is not None:
            return True
        if self._failure is not None:
            raise self._failure
        try:
            return self._load(arguments, wait)
        except (CannotCompileError, NoCompilerError) as error:
            self._failure = CannotCompileError(str(error))
            raise self._failure from error

    def _load(self, arguments: tuple[Any, ...], wait: bool) -> bool:
        leaves, given = pytree.tree_flatten(arguments)
        shapes = [(tuple(leaf.shape[1:]), str(leaf.dtype)) for leaf in leaves]
        key = _key(self._name, repr(given), repr(shapes), *map(_description, self._parts))
        name = f"{self._name}-{key}"
        self._axes = [leaf.ndim for leaf in leaves]

        @functools.cache  # where a folder turns out to be full, the next one takes it as it is
        def compiled() -> Stored:
            of_one_lane = [leaf[:1].contiguous() for leaf in leaves]
            return kept_meanwhile(name) or _compile(self._function, of_one_lane, given)

        troubles: list[str] = []
        for place in places():
            try:
                with place() as programs:
                    if not self._load_from(programs, name, compiled, wait):
                        return False
                    if troubles:
                        self.remarks.append(f"{'; '.join(troubles)}: {programs.path} is used.")
                    return True
            except UnusableFolderError as error:
                troubles.append(str(error))
        raise CannotCompileError("; ".join(troubles))

    def _load_from(
        self, programs: ProgramFolder, name: str, compiled: Callable[[], Stored], wait: bool
    ) -> bool:
        """False when it is being compiled. Raises UnusableFolderError, CannotCompileError."""
        try:
            stored = programs.read(name)
        except DamagedProgramError:
            stored = None
        if stored is not None:
            self._use(programs, name, stored)
            return True
        with programs.alone(name, wait) as allowed:
            if not allowed:
                return False
            try:
                stored = programs.read(name)  # somebody may have compiled it meanwhile
            except DamagedProgramError as error:
                self.remarks.append(f"{error}: compiled again.")
            if stored is not None:
                self._use(programs, name, stored)
                return True
            stored = compiled()
            programs.write(name, stored)
            try:
                self._use(programs, name, stored)
            except UnusableFolderError:
                programs.remove(name)
                raise
        return True

    def _use(self, programs: ProgramFolder, name: str, stored: Stored) -> None:
        """Loads the very bytes that were checked, from a copy that nobody changes while they run.

        Where no program can be run from temporary folders, it is loaded from where it is kept.
        """
        run: type[Native | Packaged] = Native if stored.kind == ".so" else Packaged
        file = programs.file(name, stored)
        try:
            with workshop() as folder:
                copy = folder / file.name
                copy.write_bytes(stored.program)
                self._run = run(copy)
        except LOADING_ERRORS:
            try:
                self._run = run(file)
            except LOADING_ERRORS as error:
                reason = _in_a_line(error).removeprefix(f"{file}: ")
                raise UnusableFolderError(
                    f"no program can be loaded from {programs.path}: {reason}"
                ) from error
        self._results = Results(*json.loads(stored.description))


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


def _compile(function: Callable[..., Any], leaves: list[Tensor], given: Any) -> Stored:
    """The program for one lane, and what its results are. Raises CannotCompileError."""

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

    chosen = compiler()
    with warnings.catch_warnings(), torch.no_grad(), _undisturbed() as folder:
        warnings.simplefilter("ignore")  # PyTorch's own, about its own
        results, nesting = flat(*[leaf.clone() for leaf in leaves])
        tensors = [*leaves, *[torch.empty_like(result) for result in results]]
        try:
            from torch.fx.experimental.proxy_tensor import make_fx

            options = {"cpp.cxx": (chosen.command(folder),)}
            graph = make_fx(written, tracing_mode="fake")(*tensors)
            try:
                kind, program = ".so", compile_native(graph, tensors, options)
            except NotNativeError:
                kind, program = ".pt2", compile_packaged(graph, tensors, folder, options)
        except Exception as error:
            # Whatever the code generator and the compiler may meet: its own failures have no common class.
            raise CannotCompileError(f"{chosen.words[0]}: {_in_a_line(error)}") from error
    shapes = [(tuple(result.shape[1:]), str(result.dtype).removeprefix("torch.")) for result in results]
    return Stored(json.dumps(Results(pytree.treespec_dumps(nesting), shapes)), kind, program)


@contextmanager
def _undisturbed() -> Iterator[Path]:
    """Gives a folder in which PyTorch's compiler keeps its files meanwhile; it compiles for this processor.

    It would keep them in a folder of /tmp, which may be another user's; and of the variable that chooses
    the processor's instructions for eager kernels it would take less than the processor has. Raises
    CannotCompileError.
    """
    with ExitStack() as meanwhile:
        try:
            folder = meanwhile.enter_context(workshop())
        except OSError as error:
            raise CannotCompileError(f"no temporary folder can be made: {_in_a_line(error)}") from error
        # Before the import, which makes the folder.
        meanwhile.enter_context(environment("TORCHINDUCTOR_CACHE_DIR", str(folder)))
        meanwhile.enter_context(environment("ATEN_CPU_CAPABILITY", None))
        from torch._inductor.runtime.cache_dir_utils import temporary_cache_dir

        _without_semaphores()

        # It also forgets the folder of the program before.
        meanwhile.enter_context(temporary_cache_dir(str(folder)))
        yield folder


def _without_semaphores() -> None:
    """Gives the progress bars of PyTorch's compiler a lock of this process alone.

    Theirs is a semaphore of the system, which a killed worker cannot give back: Python complains of it.
    """
    from torch import hub

    tqdm: Any = hub.tqdm  # type: ignore[attr-defined]
    if hasattr(tqdm, "set_lock"):  # without tqdm PyTorch has a substitute
        tqdm.set_lock(threading.RLock())


def _in_a_line(error: BaseException) -> str:
    """What was wrong: the compiler's first error, or the first words."""
    said = str(error)
    patterns = (r"\berror: (.+)", r"\bOutput:\s+(\S.*)", r"(\S.*)")
    first = next(filter(None, (re.search(pattern, said) for pattern in patterns)), None)
    words = " ".join(first[1].split()) if first else type(error).__name__
    return words[:200]


def _key(*parts: str) -> str:
    known = "\n".join([torch.__version__, str(compiler()), _processor(), _formulas(), *parts])
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
    folders = ("game", "training", "engine", "engine/cpp")
    files = sorted(file for folder in folders for file in package.glob(f"{folder}/*.*"))
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
