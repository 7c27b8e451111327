"""A function of tensors in, a compiled one out: caches, native or packaged programs, kernels."""
