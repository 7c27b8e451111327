"""Functions of tensors, compiled ahead of time and kept on disk for the next process.

Loading a program takes milliseconds and does not import the compiler, which would take seconds. When several
processes want the same program, one compiles it and the others wait.
"""

import functools
import hashlib
import inspect
import json
import platform
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from uuid import uuid4

import torch
from torch import Tensor

from sinegan.engine.cpp_compiler import NoCompilerError, compiler
from sinegan.engine.loops.building import UnsupportedError
from sinegan.engine.native import Native, compile_native, lowered
from sinegan.engine.packaged import Packaged, compile_packaged
from sinegan.engine.program_cache import (
    DamagedProgramError,
    ProgramFolder,
    Stored,
    UnusableFolderError,
    places,
    scratch_folder,
    temporary_program,
)
from sinegan.engine.torch_private import private, pytree

LOADING_ERRORS = (OSError, AttributeError, RuntimeError)
"""Errors of files, of the linker, and of PyTorch's loader."""


class CannotCompileError(Exception):
    """A function cannot be compiled on this machine, or its program cannot run; says why in one line."""


class CompiledFunction:
    """A function of the tensors of one run, compiled to compute many runs and many steps in one call.

    The program is made for one lane and loops over the lanes that it is given. So the numbers of a run
    cannot depend on how many others there are.
    """

    def __init__(self, function: Callable[..., Any], name: str, depends_on: Sequence[Any]) -> None:
        """Compiles nothing yet: `load` does, or the first call.

        Arguments:
            function: takes nested tensors with a leading axis `lanes`, over which it is vmapped. It may write
                into them. Returns a tensor, or lists and dictionaries of tensors.
            name: the first part of the names of the program's files.
            depends_on: all that the function computes by. A package counts by its files; any other object by
                its class, its representation and, unless the class is in one of the packages, the source of
                the class. A stored program is used only where all of this, PyTorch, the compiler and the
                processor are the same.
        """
        self._function = function
        self._name = name
        self._depends_on = depends_on
        self._run: Native | Packaged | None = None
        self._axes: list[int] = []
        self._results = Results("", ())
        self._failure: CannotCompileError | None = None
        self.remarks: list[str] = []
        """Facts about loading that the user should know, a line each."""

    @property
    def engine(self) -> str:
        """The kind of program that was loaded, `native` or `packaged`; empty before."""
        return "" if self._run is None else self._run.engine

    @property
    def why_packaged(self) -> str:
        """Why the program that was loaded is not native; empty if it is, and before."""
        return self._results.why_packaged

    def __call__(self, *arguments: Any) -> Any:
        """Computes all steps and returns the result of the last one, (lanes, ...).

        arguments: like those the program was loaded for, but with any number of lanes. Each tensor is
        (lanes, ...), or (steps, lanes, ...) where each step has its own. A program that is not loaded is
        loaded first, for these arguments, which must then be those of one step.
        """
        self.load(*arguments)
        assert self._run is not None
        tensors: list[Tensor] = pytree.tree_leaves(arguments)
        steps, lanes = 1, 1
        for tensor, axes in zip(tensors, self._axes, strict=True):
            *leading, lanes = tensor.shape[: tensor.ndim - axes + 1]
            steps = leading[0] if leading else steps
        results = self._results.empty(lanes)
        axes_of_one_step = [*self._axes, *[tensor.ndim for tensor in results]]
        in_order = zip([*tensors, *results], axes_of_one_step, strict=True)
        self._run([tensor.expand(steps, *tensor.shape[-axes:]) for tensor, axes in in_order], lanes, steps)
        return self._results.nested(results)

    def load(self, *arguments: Any, wait: bool = True) -> bool:
        """Loads the stored program, or compiles and stores it.

        arguments: nested tensors (lanes, ...), the part of each lane contiguous in memory. wait: whether to
        wait for another process that is compiling the program; without, the result is False.

        Raises CannotCompileError, at each call the same.
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
        leaves, nesting = pytree.tree_flatten(arguments)
        shapes = [(tuple(leaf.shape[1:]), str(leaf.dtype)) for leaf in leaves]
        key = _key(self._name, repr(nesting), repr(shapes), *_descriptions(self._depends_on))
        name = f"{self._name}-{key}"
        self._axes = [leaf.ndim for leaf in leaves]

        @functools.cache  # if a folder turns out to be full, the next one stores the same program
        def compiled() -> Stored:
            one_lane = [leaf[:1].contiguous() for leaf in leaves]
            return temporary_program(name) or _compile(self._function, one_lane, nesting)

        failures: list[str] = []
        for place in places():
            try:
                with place() as programs:
                    if not self._load_from(programs, name, compiled, wait):
                        return False
                    if failures:
                        self.remarks.append(f"{'; '.join(failures)}: {programs.path} is used.")
                    return True
            except UnusableFolderError as error:
                failures.append(str(error))
        raise CannotCompileError("; ".join(failures))

    def _load_from(
        self, programs: ProgramFolder, name: str, compiled: Callable[[], Stored], wait: bool
    ) -> bool:
        """Loads the program of that name from a folder, where it is stored first if need be.

        Arguments:
            programs: the folder.
            name: the name of the program in it.
            compiled: compiles the program.
            wait: whether to wait for another process that is compiling it.

        Returns False when another process is compiling it and `wait` is off.
        Raises UnusableFolderError, CannotCompileError.
        """
        try:
            stored = programs.read(name)
        except DamagedProgramError:
            stored = None
        if stored is not None:
            self._use(programs, name, stored)
            return True
        with programs.locked(name, wait) as allowed:
            if not allowed:
                return False
            try:
                stored = programs.read(name)  # another process may have stored it before the lock was ours
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
        """Loads exactly the bytes that were checked, from a copy that nobody changes while they run.

        Where no program can run from temporary folders, it is loaded from its own folder.
        """
        run: type[Native | Packaged] = Native if stored.kind == ".so" else Packaged
        file = programs.file(name, stored)
        try:
            with scratch_folder() as folder:
                copy = folder / file.name
                copy.write_bytes(stored.program)
                self._run = run(copy)
        except LOADING_ERRORS:
            try:
                self._run = run(file)
            except LOADING_ERRORS as error:
                reason = _first_error(error).removeprefix(f"{file}: ")
                raise UnusableFolderError(
                    f"no program can be loaded from {programs.path}: {reason}"
                ) from error
        self._results = Results(*json.loads(stored.description))


class Results(NamedTuple):
    """The results of a program: their nesting, as pytree writes it, and the shape and dtype of each.

    why_packaged: why the program is not native; empty if it is.
    """

    nesting: str
    tensors: Sequence[tuple[Sequence[int], str]]
    why_packaged: str = ""

    def empty(self, lanes: int) -> list[Tensor]:
        return [torch.empty((lanes, *shape), dtype=getattr(torch, dtype)) for shape, dtype in self.tensors]

    def nested(self, results: list[Tensor]) -> Any:
        return pytree.tree_unflatten(results, pytree.treespec_loads(self.nesting))


def load_all(*functions: tuple[CompiledFunction, tuple[Any, ...]]) -> None:
    """Loads functions, each for its arguments. Processes that want the same ones share the compiling."""
    for function, arguments in [each for each in functions if not each[0].load(*each[1], wait=False)]:
        function.load(*arguments)


def preload() -> None:
    """Loads what PyTorch would load at the first gradient, in a second."""
    private("torch._dynamo")


def _compile(function: Callable[..., Any], leaves: list[Tensor], nesting: Any) -> Stored:
    """The program of a function for one lane, which writes its results into its last arguments.

    Arguments:
        function: as `CompiledFunction` takes it.
        leaves: tensors like its arguments, each (1, ...).
        nesting: how it nests its arguments.

    Raises CannotCompileError.
    """
    chosen = compiler()
    with warnings.catch_warnings(), torch.no_grad(), _compiler_folder() as folder:
        warnings.simplefilter("ignore")  # PyTorch's warnings about its own code
        result = function(*pytree.tree_unflatten([leaf.clone() for leaf in leaves], nesting))
        results, nesting_of_results = pytree.tree_flatten(result)
        places = [torch.empty(tensor.shape, dtype=tensor.dtype) for tensor in results]
        tensors = [*leaves, *places]

        def written(*tensors: Tensor) -> tuple[()]:
            nested = pytree.tree_unflatten(tensors[: len(leaves)], nesting)
            results = pytree.tree_leaves(function(*nested))
            for place, result in zip(tensors[len(leaves) :], results, strict=True):
                place.copy_(result)
            return ()

        why_packaged = ""
        try:
            try:
                lowering = lowered(written, tensors, folder)
                kind, program = ".so", compile_native(lowering, chosen.words, folder)
            except UnsupportedError as error:
                why_packaged = f"no native program can have {error}"
                kind, program = ".pt2", compile_packaged(written, tensors, chosen, folder)
        except Exception as error:
            # The failures of the function, of code generators and of the compiler have no common class.
            raise CannotCompileError(f"{chosen.words[0]}: {_first_error(error)}") from error
    shapes = [(tuple(tensor.shape[1:]), str(tensor.dtype).removeprefix("torch.")) for tensor in results]
    description = Results(pytree.treespec_dumps(nesting_of_results), shapes, why_packaged)
    return Stored(json.dumps(description), kind, program)


@contextmanager
def _compiler_folder() -> Iterator[Path]:
    """Yields a folder for the files of a compiler. Raises CannotCompileError."""
    with ExitStack() as opened:
        try:
            folder = opened.enter_context(scratch_folder())
        except OSError as error:
            raise CannotCompileError(f"no temporary folder can be made: {_first_error(error)}") from error
        yield folder


def _first_error(error: BaseException) -> str:
    """The compiler's first error, or else the first words of an exception, in one line."""
    text = str(error)
    patterns = (r"\berror: (.+)", r"\bOutput:\s+(\S.*)", r"(\S.*)")
    first = next(filter(None, (re.search(pattern, text) for pattern in patterns)), None)
    words = " ".join(first[1].split()) if first else type(error).__name__
    return words[:200]


def _key(*texts: str) -> str:
    """A checksum of everything that a program depends on. texts: what is not the same for all programs."""
    machine = [torch.__version__, str(compiler()), _processor(), _package_checksum(sys.modules[__package__])]
    return hashlib.sha256("\n".join([*machine, *texts]).encode()).hexdigest()[:20]


def _descriptions(objects: Sequence[Any]) -> list[str]:
    """For each object a text that changes with what it computes; see `CompiledFunction`."""
    packages = [each.__name__ for each in objects if isinstance(each, ModuleType)]
    return [
        _package_checksum(each)
        if isinstance(each, ModuleType)
        else _description(each, ["builtins", *packages])
        for each in objects
    ]


def _description(value: Any, known: Sequence[str]) -> str:
    """The class and representation of an object, with the class's source unless its package is known."""
    kind = type(value)
    text = f"{kind.__module__}.{kind.__qualname__} {value!r}"
    if any(f"{kind.__module__}.".startswith(f"{package}.") for package in known):
        return text
    try:
        return f"{text} {inspect.getsource(sys.modules[kind.__module__])}"
    except (OSError, TypeError):  # typed in by hand: another program each time
        return f"{text} {uuid4().hex}"


@functools.cache
def _package_checksum(package: ModuleType) -> str:
    """A checksum of the files of a package: its formulas."""
    (folder,) = map(Path, package.__path__)
    files = sorted(path for path in folder.rglob("*.*") if path.is_file() and path.suffix != ".pyc")
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


@functools.cache
def _processor() -> str:
    """A text that differs between processors that need different machine code."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return " ".join(
        [platform.machine(), *sorted({line for line in lines if line.startswith(("flags", "Features"))})]
    )
