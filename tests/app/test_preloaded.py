"""The fork server loads what its workers need, before they are forked."""

import subprocess
import sys


def test_a_gradient_in_a_worker_loads_no_more_of_pytorch() -> None:
    code = """
import sys
import sinegan.app.preloaded
import torch
before = set(sys.modules)
assert torch.func.grad(lambda x: (x * x).sum())(torch.tensor([3.0])).tolist() == [6.0]
print(*sorted(name for name in set(sys.modules) - before if name.startswith("torch")))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""
