"""Machine code for graphs of tensor operations: loops in plain C++, without PyTorch's code generator.

`lowering` turns a graph into nodes, `schedule` groups them into loops and gives them memory, and `code`
writes the C++.
"""
