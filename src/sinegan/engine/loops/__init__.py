"""Machine code for functions of tensors: loops in plain C++, without PyTorch's code generator.

`recording` notes the operations that a function calls. `lowering` turns them into `nodes`, which `building`
builds: each element is an expression of `operations`. `schedule` groups nodes into loops and gives them
memory, and `code` writes the C++. A new operation is a line in `operations`, or a method in `building`.
"""
