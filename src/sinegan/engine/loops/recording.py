"""Records the operations that a function calls, with the tensors that they take and give."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from sinegan.engine.torch_private import private, pytree


@dataclass(frozen=True)
class Call:
    """A call of one of PyTorch's operations. operation: an `OpOverload`."""

    operation: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    result: Any


@dataclass
class Recording:
    """The operations of a function, in their order. A tensor is the same object wherever it occurs."""

    arguments: Sequence[Tensor]
    calls: list[Call] = field(default_factory=list)

    def tensors_used(self) -> set[int]:
        """The `id` of each tensor that an operation takes."""
        leaves = [pytree.tree_leaves((call.args, call.kwargs)) for call in self.calls]
        return {id(leaf) for each in leaves for leaf in each if isinstance(leaf, Tensor)}


def record(
    function: Callable[..., object],
    arguments: Sequence[Tensor],
    simpler: Mapping[Any, Callable[..., Any]] | None = None,
) -> Recording:
    """Calls a function and records the operations that reach PyTorch's kernels, below vmap and autograd.

    Arguments:
        function: its control flow must not depend on the values of tensors: only one way is recorded.
        arguments: its arguments, into which it may write.
        simpler: for operations, functions that compute the same by simpler operations.

    Raises what the function raises.
    """
    recording = Recording(arguments)
    functions = dict(simpler or {})

    class Recorder(private("torch.utils._python_dispatch.TorchDispatchMode")):  # type: ignore[misc]
        def __torch_dispatch__(self, operation: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            # PyTorch composes some operations of others before they come here, but not within this method.
            with self:
                result = functions.get(operation, operation.decompose)(*args, **kwargs)
            if result is NotImplemented:
                result = operation(*args, **kwargs)
                recording.calls.append(Call(operation, args, kwargs, result))
            return result

    with Recorder():
        function(*arguments)
    return recording
